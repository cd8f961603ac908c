output "definition_arns" {
  description = "The task definitions, by the key of their image."
  value       = { for key, definition in aws_ecs_task_definition.this : key => definition.arn }

  # A task that starts before its roles may do anything fails.
  depends_on = [
    aws_iam_role_policy.logs,
    aws_iam_role_policy.images,
    aws_iam_role_policy.secrets,
    aws_iam_role_policy.task,
  ]
}

output "family_arn" {
  description = "Every revision of the task definition."
  value       = "arn:aws:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:task-definition/${var.name}:*"
}

output "role_arns" {
  description = "The two roles that ECS may pass on."
  value       = [aws_iam_role.execution.arn, aws_iam_role.task.arn]
}
