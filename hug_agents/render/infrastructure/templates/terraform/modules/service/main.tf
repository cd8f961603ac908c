# One program that runs on: an ECS service for each slot that runs. A rolling service has one slot, `main`; blue-green and
# canary have two, `blue` and `green`, each with its own target group, and the listener rule shares the traffic out.

module "task" {
  source = "../task"

  name                  = var.name
  container_name        = var.service
  images                = { for slot, state in var.slots : slot => state.image if state.image != "" }
  cpu                   = var.cpu
  memory                = var.memory
  ports                 = var.http == null ? [] : distinct([var.http.port, var.http.health_port])
  command               = var.command
  environment           = var.environment
  secrets               = var.secrets
  secret_arns           = var.secret_arns
  agents                = var.agents
  image_repository_arns = var.image_repository_arns
  registry_secret_arn   = var.registry_secret_arn
  task_statements       = var.task_statements
  log_group             = var.log_group
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
}

locals {
  running  = { for slot, state in var.slots : slot => state if state.running && state.image != "" }
  ecs_name = { for slot in keys(var.slots) : slot => slot == "main" ? var.name : "${var.name}-${slot}" }
}

resource "aws_ecs_service" "this" {
  for_each = local.running

  name                               = local.ecs_name[each.key]
  cluster                            = var.cluster_arn
  task_definition                    = module.task.definition_arns[each.key]
  desired_count                      = var.replicas
  launch_type                        = "FARGATE"
  platform_version                   = "1.4.0"
  deployment_maximum_percent         = var.deployment_maximum_percent
  deployment_minimum_healthy_percent = var.deployment_minimum_healthy_percent
  health_check_grace_period_seconds  = var.http == null ? null : var.health_check_grace_seconds
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  enable_execute_command             = false
  wait_for_steady_state              = true

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = var.http == null ? [] : [var.http]
    content {
      target_group_arn = aws_lb_target_group.this[each.key].arn
      container_name   = var.service
      container_port   = load_balancer.value.port
    }
  }

  # A deployment that cannot become healthy, or that raises one of its alarms, is taken back by ECS itself.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "alarms" {
    for_each = length(local.trigger_alarms[each.key]) > 0 ? [true] : []
    content {
      enable      = true
      rollback    = true
      alarm_names = local.trigger_alarms[each.key]
    }
  }

  timeouts {
    create = "30m"
    update = "30m"
    delete = "20m"
  }

  lifecycle {
    # The number is autoscaling's; its bounds hold the wanted number.
    ignore_changes = [desired_count]
  }

  # A target group must be in use, and an alarm must exist, before ECS accepts a service that names it.
  depends_on = [
    aws_lb_listener_rule.this,
    aws_cloudwatch_metric_alarm.errors,
    aws_cloudwatch_metric_alarm.latency,
    aws_cloudwatch_metric_alarm.unhealthy,
  ]
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

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = var.http == null ? toset([]) : toset([for port in distinct([var.http.port, var.http.health_port]) : tostring(port)])

  security_group_id            = aws_security_group.this.id
  description                  = "From the load balancer only"
  referenced_security_group_id = var.http.load_balancer_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

# Outgoing calls are the program's business: other services, AWS itself, third parties.
resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  description       = "Anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
