output "key_arn" {
  description = "The key that everything in this environment is encrypted with."
  value       = aws_kms_key.this.arn
}
