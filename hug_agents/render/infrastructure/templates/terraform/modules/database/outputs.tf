output "host" {
  description = "Its address."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Its port."
  value       = local.port
}

output "database_name" {
  description = "The database in it."
  value       = aws_db_instance.this.db_name
}

output "secret_arn" {
  description = "The secret that RDS keeps user and password in, as JSON with the keys username and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
