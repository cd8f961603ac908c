# What a program runs as: its log group, its two roles, and one task definition for each image that is wanted.

data "aws_region" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = var.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

locals {
  # A variable that the program sets itself wins over the one that an agent would set.
  environments = { for key, image in var.images : key => merge(concat(
    [for agent in var.agents : {
      for name, value in merge(agent.environment, { DD_VERSION = split("@sha256:", image)[1] }) : name => value
      if !contains(keys(var.secrets), name)
    }],
    [var.environment],
  )...) }
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

  container_definitions = jsonencode([for container in concat([merge(
    {
      name                   = var.container_name
      image                  = each.value
      essential              = true
      readonlyRootFilesystem = var.readonly_root_filesystem
      # SIGTERM, then this long to finish what was begun.
      stopTimeout  = 30
      environment  = [for name in sort(keys(local.environments[each.key])) : { name = name, value = local.environments[each.key][name] }]
      secrets      = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
      portMappings = [for port in var.ports : { containerPort = port, hostPort = port, protocol = "tcp" }]
      linuxParameters = {
        initProcessEnabled = true
      }
    },
    length(var.command) > 0 ? { command = var.command } : {},
    var.registry_secret_arn == "" ? {} : { repositoryCredentials = { credentialsParameter = var.registry_secret_arn } },
    # What tells versions apart is the image's digest. The agent beside it is not essential: if it fails, the program goes on.
    { for agent in var.agents : "dockerLabels" => merge(agent.labels, { "com.datadoghq.tags.version" = split("@sha256:", each.value)[1] }) },
    )], [for agent in var.agents : agent.container]) : merge(container, {
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.name
        awslogs-stream-prefix = container.name == var.container_name ? each.key : "${each.key}-agent"
      }
    }
  })])
}
