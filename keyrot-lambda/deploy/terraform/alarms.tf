# ---------------------------------------------------------------- notifications

# CloudWatch may not use the AWS managed key aws/sns, so alarms could not reach a topic that is encrypted with it.
resource "aws_kms_key" "topic" {
  description             = "Encrypts keyrot's alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheAccountByItsPolicies"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "AlarmsToTheTopic"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      },
    ]
  })
}

resource "aws_sns_topic" "alarms" {
  name_prefix       = "${var.function_name}-"
  display_name      = "keyrot"
  kms_master_key_id = aws_kms_key.topic.arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      },
      {
        Sid       = "OverTlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# ---------------------------------------------------------------- alarms

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.function_name}-errors"
  alarm_description   = "keyrot failed for some users, or as a whole. The function's log says for which users and why."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.keyrot.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

# Only a full run that makes changes reports UsersSelected. CloudWatch looks back at most seven days, in periods of an hour or more (PutMetricAlarm, Period), so a
# weekly run is just within that. A run that is up to 15 minutes late does no harm: if data is missing, CloudWatch uses older data points than
# EvaluationPeriods says (user guide, "Configuring how CloudWatch alarms treat missing data"). The alarm starts in ALARM, until the first run.
resource "aws_cloudwatch_metric_alarm" "heartbeat" {
  alarm_name          = "${var.function_name}-heartbeat"
  alarm_description   = "No run of keyrot has finished for days. Keys are not rotated."
  namespace           = "keyrot"
  metric_name         = "UsersSelected"
  dimensions          = { Function = aws_lambda_function.keyrot.function_name }
  statistic           = "SampleCount"
  period              = 86400
  evaluation_periods  = var.heartbeat_days
  datapoints_to_alarm = var.heartbeat_days
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

# Between two runs there is no data, and the alarm keeps its state.
resource "aws_cloudwatch_metric_alarm" "oldest_key" {
  alarm_name          = "${var.function_name}-oldest-key"
  alarm_description   = "A key is older than it should ever get. An old key is still in use, or its user needs manual action."
  namespace           = "keyrot"
  metric_name         = "OldestKeyAge"
  dimensions          = { Function = aws_lambda_function.keyrot.function_name }
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 1
  threshold           = var.oldest_key_days
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "ignore"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "blocked" {
  alarm_name          = "${var.function_name}-blocked"
  alarm_description   = "A rotation needs manual action. The function's log says for which user, why, and what to do."
  namespace           = "keyrot"
  metric_name         = "UsersBlocked"
  dimensions          = { Function = aws_lambda_function.keyrot.function_name }
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "ignore"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}
