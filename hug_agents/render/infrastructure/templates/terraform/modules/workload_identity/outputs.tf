output "role_arn" {
  description = "The role that the workload has."
  value       = aws_iam_role.this.arn
}
