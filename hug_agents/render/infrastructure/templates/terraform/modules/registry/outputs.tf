output "repository_urls" {
  description = "Where to push, by repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "repository_arns" {
  description = "What the build role may push to."
  value       = [for repository in aws_ecr_repository.this : repository.arn]
}
