output "listener_arn" {
  description = "Where services put their rules: HTTPS with hosts, HTTP without."
  value       = local.https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
}

output "arn_suffix" {
  description = "Its name in CloudWatch metrics."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "Its own name."
  value       = aws_lb.this.dns_name
}

output "security_group_id" {
  description = "Who the tasks accept connections from."
  value       = aws_security_group.this.id
}

output "url" {
  description = "Where it answers."
  value       = local.https ? "https://${var.hosts[0]}" : "http://${aws_lb.this.dns_name}"
}
