mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name                               = "shop-test-api"
  service                            = "api"
  replicas                           = 3
  max_replicas                       = 9
  cpu                                = 256
  memory                             = 512
  deployment_maximum_percent         = 134
  deployment_minimum_healthy_percent = 100
  alert_topic_arn                    = "arn:aws:sns:eu-west-1:123456789012:alerts"
  cluster_arn                        = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop-test"
  cluster_name                       = "shop-test"
  vpc_id                             = "vpc-0123456789abcdef0"
  subnet_ids                         = ["subnet-0123456789abcdef0"]
  log_group                          = "/shop/test/api"
  log_retention_days                 = 90
  kms_key_arn                        = "arn:aws:kms:eu-west-1:123456789012:key/test"

  slots = {
    blue  = { image = "example.com/api@sha256:0000000000000000000000000000000000000000000000000000000000000000", weight = 90, running = true }
    green = { image = "example.com/api@sha256:1111111111111111111111111111111111111111111111111111111111111111", weight = 10, running = true }
  }

  http = {
    target_group                    = "shop-test-api"
    port                            = 8080
    health_path                     = "/live"
    health_port                     = 8081
    health_matcher                  = "200-299"
    hosts                           = ["api.example.com"]
    priority                        = 1000
    slot_priority                   = 100
    listener_arn                    = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/1/2"
    load_balancer_arn_suffix        = "app/shop/1"
    load_balancer_security_group_id = "sg-0123456789abcdef0"
  }

  triggers   = { error_percent = 1, latency_ms = 500, health = true }
  objectives = { error_percent = 0.1, latency_ms = 300, latency_percent = 99 }
}

run "two_versions_share_the_traffic" {
  command = plan

  assert {
    condition     = alltrue([for service in aws_ecs_service.this : service.desired_count == 3]) && length(aws_ecs_service.this) == 2
    error_message = "Each version runs with all the replicas: it can take all the traffic at once."
  }

  assert {
    condition     = sum([for group in aws_lb_listener_rule.this[0].action[0].forward[0].target_group : group.weight]) == 100
    error_message = "The weights sum to 100."
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.this : service.deployment_circuit_breaker[0].rollback])
    error_message = "ECS takes a failed deployment back."
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.errors)) == toset(["blue", "green"])
    error_message = "A canary is judged by its own errors."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.latency["green"].threshold == 0.5
    error_message = "CloudWatch counts response times in seconds."
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.this : !service.network_configuration[0].assign_public_ip])
    error_message = "Tasks have no public address."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.load_balancer)) == toset(["8080", "8081"])
    error_message = "The load balancer reaches the serving port and the health port, and nothing else."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.load_balancer : rule.cidr_ipv4 == null])
    error_message = "Tasks accept connections from the load balancer's group, from no address."
  }

  assert {
    condition     = abs(aws_cloudwatch_metric_alarm.burn["long"].threshold - 1.44) < 0.001
    error_message = "An objective of 99.9 % burns 14.4 times too fast at 1.44 % of failures."
  }
}

run "a_retired_version_does_not_run" {
  command = plan

  variables {
    slots = {
      blue  = { image = "example.com/api@sha256:0000000000000000000000000000000000000000000000000000000000000000", weight = 0, running = false }
      green = { image = "example.com/api@sha256:1111111111111111111111111111111111111111111111111111111111111111", weight = 100, running = true }
    }
  }

  assert {
    condition     = join(",", keys(aws_ecs_service.this)) == "green"
    error_message = "Only the version with traffic runs."
  }

  assert {
    condition     = length(aws_lb_target_group.this) == 2
    error_message = "The retired version's target group stays, ready for the next release."
  }
}

run "a_stopped_version_gets_no_traffic" {
  command = plan

  variables {
    slots = {
      blue  = { image = "example.com/api@sha256:0000000000000000000000000000000000000000000000000000000000000000", weight = 50, running = false }
      green = { image = "example.com/api@sha256:1111111111111111111111111111111111111111111111111111111111111111", weight = 50, running = true }
    }
  }

  expect_failures = [aws_lb_listener_rule.this]
}

run "a_worker_has_no_door" {
  command = plan

  variables {
    http  = null
    slots = { main = { image = "example.com/api@sha256:0000000000000000000000000000000000000000000000000000000000000000", weight = 100, running = true } }
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.load_balancer) == 0 && length(aws_lb_target_group.this) == 0
    error_message = "Nothing connects to a worker."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.stopped) == 1
    error_message = "A worker that stopped wakes a person."
  }
}
