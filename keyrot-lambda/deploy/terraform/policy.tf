# Made by `keyrot policy --for lambda --format terraform --parameters`. A test keeps it so: change keyrot-aws/src/policy, and make it anew.

resource "aws_iam_role_policy" "rotate" {
  name = "rotate"
  role = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "FindUsers",
        "Effect" : "Allow",
        "Action" : [
          "iam:GetAccountAuthorizationDetails"
        ],
        "Resource" : "*"
      },
      {
        "Sid" : "SeeLastUse",
        "Effect" : "Allow",
        "Action" : [
          "iam:GetAccessKeyLastUsed"
        ],
        "Resource" : "*"
      },
      {
        "Sid" : "RotateTaggedUsers",
        "Effect" : "Allow",
        "Action" : [
          "iam:ListAccessKeys",
          "iam:CreateAccessKey",
          "iam:UpdateAccessKey",
          "iam:DeleteAccessKey"
        ],
        "Resource" : "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:user${var.path_prefix}*",
        "Condition" : {
          "StringEqualsIgnoreCase" : {
            "aws:ResourceTag/${local.tag_key}" : "${local.tag_value}"
          }
        }
      },
      {
        "Sid" : "RecordHomes",
        "Effect" : "Allow",
        "Action" : [
          "iam:TagUser"
        ],
        "Resource" : "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:user${var.path_prefix}*",
        "Condition" : {
          "ForAllValues:StringEquals" : {
            "aws:TagKeys" : "keyrot:home"
          },
          "Null" : {
            "aws:TagKeys" : "false"
          },
          "StringEqualsIgnoreCase" : {
            "aws:ResourceTag/${local.tag_key}" : "${local.tag_value}"
          }
        }
      },
      {
        "Sid" : "CreateSecrets",
        "Effect" : "Allow",
        "Action" : [
          "secretsmanager:CreateSecret"
        ],
        "Resource" : [
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}",
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}-??????"
        ],
        "Condition" : {
          "StringLikeIfExists" : {
            "secretsmanager:Name" : "${local.secret_names}"
          }
        }
      },
      {
        "Sid" : "KeepSecrets",
        "Effect" : "Allow",
        "Action" : [
          "secretsmanager:DescribeSecret",
          "secretsmanager:ListSecretVersionIds",
          "secretsmanager:GetResourcePolicy",
          "secretsmanager:PutSecretValue",
          "secretsmanager:TagResource"
        ],
        "Resource" : [
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}",
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}-??????"
        ]
      },
      {
        "Sid" : "ReadSecrets",
        "Effect" : "Allow",
        "Action" : [
          "secretsmanager:GetSecretValue"
        ],
        "Resource" : [
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}",
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}-??????"
        ],
        "Condition" : {
          "ForAnyValue:StringEqualsIfExists" : {
            "secretsmanager:VersionStage" : [
              "AWSCURRENT",
              "AWSPENDING",
              "AWSPREVIOUS"
            ]
          }
        }
      },
      {
        "Sid" : "LabelVersions",
        "Effect" : "Allow",
        "Action" : [
          "secretsmanager:UpdateSecretVersionStage"
        ],
        "Resource" : [
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}",
          "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}-??????"
        ],
        "Condition" : {
          "ForAnyValue:StringEqualsIfExists" : {
            "secretsmanager:VersionStage" : [
              "AWSCURRENT",
              "AWSPENDING"
            ]
          }
        }
      },
      {
        "Sid" : "PublishToOwnTopic",
        "Effect" : "Allow",
        "Action" : [
          "sns:Publish"
        ],
        "Resource" : "${aws_sns_topic.alarms.arn}"
      },
      {
        "Sid" : "UseTopicKey",
        "Effect" : "Allow",
        "Action" : [
          "kms:Decrypt",
          "kms:GenerateDataKey"
        ],
        "Resource" : "${aws_kms_key.topic.arn}",
        "Condition" : {
          "StringEquals" : {
            "kms:ViaService" : "sns.${data.aws_region.current.id}.amazonaws.com"
          }
        }
      },
      {
        "Sid" : "WriteLog",
        "Effect" : "Allow",
        "Action" : [
          "logs:CreateLogStream",
          "logs:PutLogEvents"
        ],
        "Resource" : "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:log-group:${aws_cloudwatch_log_group.function.name}:log-stream:*"
      }
    ]
  })
}

resource "aws_iam_role_policy" "kms_key" {
  count = var.kms_key_arn != "" ? 1 : 0
  name  = "kms-key"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "UseSecretsKey",
        "Effect" : "Allow",
        "Action" : [
          "kms:Decrypt",
          "kms:GenerateDataKey"
        ],
        "Resource" : "${var.kms_key_arn}",
        "Condition" : {
          "StringEquals" : {
            "kms:ViaService" : "secretsmanager.${data.aws_region.current.id}.amazonaws.com"
          },
          "StringLike" : {
            "kms:EncryptionContext:SecretARN" : [
              "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${local.secret_names}-??????",
              "RequestToValidateKeyAccess"
            ]
          }
        }
      }
    ]
  })
}

resource "aws_iam_role_policy" "config" {
  count = var.config_parameter != "" ? 1 : 0
  name  = "config"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "ReadConfig",
        "Effect" : "Allow",
        "Action" : [
          "ssm:GetParameter"
        ],
        "Resource" : "arn:${data.aws_partition.current.partition}:ssm:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:parameter${var.config_parameter}"
      }
    ]
  })
}

resource "aws_iam_role_policy" "notify_topics" {
  count = length(var.notify_topic_arns) > 0 ? 1 : 0
  name  = "notify-topics"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "PublishToTopics",
        "Effect" : "Allow",
        "Action" : [
          "sns:Publish"
        ],
        "Resource" : "${var.notify_topic_arns}"
      }
    ]
  })
}

resource "aws_iam_role_policy" "notify_buses" {
  count = length(var.notify_bus_arns) > 0 ? 1 : 0
  name  = "notify-buses"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "PutEvents",
        "Effect" : "Allow",
        "Action" : [
          "events:PutEvents"
        ],
        "Resource" : "${var.notify_bus_arns}"
      }
    ]
  })
}

resource "aws_iam_role_policy" "notify_secrets" {
  count = length(var.notify_secret_arns) > 0 ? 1 : 0
  name  = "notify-secrets"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "ReadHookSecrets",
        "Effect" : "Allow",
        "Action" : [
          "secretsmanager:GetSecretValue"
        ],
        "Resource" : "${var.notify_secret_arns}"
      }
    ]
  })
}

resource "aws_iam_role_policy" "notify_parameters" {
  count = length(var.notify_parameter_arns) > 0 ? 1 : 0
  name  = "notify-parameters"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "ReadHookParameters",
        "Effect" : "Allow",
        "Action" : [
          "ssm:GetParameter"
        ],
        "Resource" : "${var.notify_parameter_arns}"
      }
    ]
  })
}

resource "aws_iam_role_policy" "trail" {
  count = var.trail ? 1 : 0
  name  = "trail"
  role  = aws_iam_role.function.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "LookUpUses",
        "Effect" : "Allow",
        "Action" : [
          "cloudtrail:LookupEvents"
        ],
        "Resource" : "*"
      }
    ]
  })
}
