output "security_group_id" {
  description = "Who the dependencies accept connections from."
  value       = aws_security_group.this.id
}

output "role_arns" {
  description = "The roles that its tasks run as."
  value       = module.task.role_arns
}

output "schedule_role_arn" {
  description = "The role that its schedule starts it with."
  value       = aws_iam_role.scheduler.arn
}

output "run" {
  description = "How it is run by hand: an empty task definition says that none was released yet."
  value = {
    task_definition = lookup(module.task.definition_arns, "job", "")
    security_group  = aws_security_group.this.id
  }
}
