output "function_name" {
  description = "For a manual run."
  value       = aws_lambda_function.keyrot.function_name
}

output "function_arn" {
  description = "For a secret's rotation."
  value       = aws_lambda_function.keyrot.arn
}

output "role_name" {
  description = "To attach another policy, for secrets that secret_name does not name."
  value       = aws_iam_role.function.name
}

output "topic_arn" {
  description = "For more subscriptions."
  value       = aws_sns_topic.alarms.arn
}

output "log_group_name" {
  description = "The function's log."
  value       = aws_cloudwatch_log_group.function.name
}
