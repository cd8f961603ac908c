# A program that ends. With schedules EventBridge starts it; without, the deploy script does, once a release.

module "task" {
  source = "../task"

  name                  = var.name
  container_name        = var.service
  images                = var.image == "" ? {} : { job = var.image }
  cpu                   = var.cpu
  memory                = var.memory
  command               = var.command
  environment           = var.environment
  secrets               = var.secrets
  secret_arns           = var.secret_arns
  image_repository_arns = var.image_repository_arns
  registry_secret_arn   = var.registry_secret_arn
  task_statements       = var.task_statements
  log_group             = var.log_group
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
}

resource "aws_security_group" "this" {
  name        = "${var.name}-tasks"
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-tasks" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  description       = "Anywhere; nothing may connect to a job"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
