output "arn" {
  description = "The pipeline's variable AWS_ROLE_ARN."
  value       = aws_iam_role.this.arn
}
