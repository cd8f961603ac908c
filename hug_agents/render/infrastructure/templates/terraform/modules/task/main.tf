# What a program runs as: its log group, its two roles, and one task definition for each image that is wanted.

data "aws_region" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = var.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  for_each = var.images

  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  # Old revisions stay registered: they are what a rollback returns to.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([merge(
    {
      name                   = var.container_name
      image                  = each.value
      essential              = true
      readonlyRootFilesystem = var.readonly_root_filesystem
      # SIGTERM, then this long to finish what was begun.
      stopTimeout  = 30
      environment  = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
      secrets      = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
      portMappings = [for port in var.ports : { containerPort = port, hostPort = port, protocol = "tcp" }]
      linuxParameters = {
        initProcessEnabled = true
      }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = each.key
        }
      }
    },
    length(var.command) > 0 ? { command = var.command } : {},
    var.registry_secret_arn == "" ? {} : { repositoryCredentials = { credentialsParameter = var.registry_secret_arn } },
  )])
}
