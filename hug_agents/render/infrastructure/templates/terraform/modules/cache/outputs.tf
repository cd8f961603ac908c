output "host" {
  description = "The address of the primary. Connect with TLS."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "Its port."
  value       = 6379
}

output "secret_arn" {
  description = "The secret that holds its password."
  value       = data.aws_secretsmanager_secret.this.arn
}
