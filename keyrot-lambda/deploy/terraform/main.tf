# The same parts as in ../sam/template.yaml: change both.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  tag_key   = split("=", var.tag)[0]
  tag_value = split("=", var.tag)[1]

  # The names of all users' secrets, as a pattern.
  secret_names = replace(replace(replace(var.secret_name,
    "{user}", "*"),
    "{path}", "*"),
  "{account}", data.aws_caller_identity.current.account_id)

  # As they are before and after Secrets Manager appended six characters.
  destination_secrets = flatten([for arn in var.destination_secret_arns : [arn, "${arn}-??????"]])

  notify = concat(["sns ${aws_sns_topic.alarms.arn} min=warning"], var.notify)
}

# ---------------------------------------------------------------- the function

resource "aws_lambda_function" "keyrot" {
  #checkov:skip=CKV_AWS_117: It calls public AWS endpoints only, and nothing inside a VPC.
  #checkov:skip=CKV_AWS_116: An invocation that fails for good goes to the topic (event_invoke_config), which reaches people; a queue would not.
  #checkov:skip=CKV_AWS_173: No secret is in the environment; webhook URLs come from secrets or SecureStrings.
  #checkov:skip=CKV_AWS_50: keyrot writes no traces; its log says what each call came to.
  #checkov:skip=CKV_AWS_272: Code signing needs a signing profile of your own; the zip is built from source.
  function_name                  = var.function_name
  description                    = "Rotates the access keys of tagged IAM users (keyrot)"
  filename                       = var.zip_file
  source_code_hash               = filebase64sha256(var.zip_file)
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 900 # keyrot stops beginning new steps a minute before the end, and after `deadline` (14m).
  reserved_concurrent_executions = var.reserved_concurrency
  role                           = aws_iam_role.function.arn
  tags                           = var.tags

  logging_config {
    log_format = "Text" # keyrot's lines are JSON already.
    log_group  = aws_cloudwatch_log_group.function.name
  }

  # An empty variable counts as not set.
  environment {
    variables = {
      KEYROT_TAG              = var.tag
      KEYROT_PATH_PREFIX      = var.path_prefix
      KEYROT_EXCLUDE          = join(",", var.exclude)
      KEYROT_SECRET_NAME      = var.secret_name
      KEYROT_KMS_KEY          = var.kms_key_arn
      KEYROT_MAX_AGE          = var.waits.max_age
      KEYROT_RUN_INTERVAL     = var.run_interval
      KEYROT_OVERLAP          = var.waits.overlap
      KEYROT_RECENT_USE       = var.waits.recent_use
      KEYROT_IDLE             = var.waits.idle
      KEYROT_SOAK             = var.waits.soak
      KEYROT_MAX_CHANGES      = var.max_changes == null ? "" : tostring(var.max_changes)
      KEYROT_MAX_ADOPTIONS    = var.max_adoptions
      KEYROT_CONFIG_PARAMETER = var.config_parameter
      KEYROT_NOTIFY           = join(",", local.notify)
      KEYROT_TRAIL            = tostring(var.trail)
    }
  }

  lifecycle {
    precondition {
      condition     = (length(var.destination_kms_key_arns) > 0) == (length(var.destination_kms_services) > 0)
      error_message = "Set destination_kms_key_arns and destination_kms_services together."
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "keyrot" {
  function_name                = aws_lambda_function.keyrot.function_name
  maximum_retry_attempts       = 1 # A second attempt; whatever is left then is found by the next run.
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = aws_sns_topic.alarms.arn
    }
  }

  # AWS checks that the role may publish.
  depends_on = [aws_iam_role_policy.rotate]
}

resource "aws_iam_role" "function" {
  name_prefix          = "${var.function_name}-"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary
  description          = "What keyrot needs, made by `keyrot policy`"
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158: CloudWatch Logs encrypts it with a key of its own, and no secret is in it.
  name              = "/aws/lambda/${var.function_name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# ---------------------------------------------------------------- when

resource "aws_scheduler_schedule" "run" {
  #checkov:skip=CKV_AWS_297: The schedule holds no data but the constant input.
  name                         = var.function_name
  description                  = "keyrot's run"
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.schedule_timezone
  state                        = var.schedule_state

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }

  target {
    arn      = aws_lambda_function.keyrot.arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({ source = "aws.scheduler", "detail-type" = "Scheduled Event", detail = {} })

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }
}

resource "aws_iam_role" "schedule" {
  name_prefix          = "${var.function_name}-"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary
  description          = "Lets EventBridge Scheduler call keyrot"
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "invoke"
  role = aws_iam_role.schedule.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "CallTheFunction"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = aws_lambda_function.keyrot.arn
    }]
  })
}

# With source_arn it could be used for one secret only (Secrets Manager user guide, "Lambda rotation function execution role permissions").
resource "aws_lambda_permission" "rotation" {
  count          = var.rotation_function ? 1 : 0
  statement_id   = "SecretsManager"
  function_name  = aws_lambda_function.keyrot.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = data.aws_caller_identity.current.account_id
}
