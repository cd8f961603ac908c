# Two kinds of alarm. A trigger is about one slot, and a rollout watches it: a canary at 5 % is judged by its own requests,
# not lost among the others'. An objective is about the service as its users see it, and wakes a person.

locals {
  web = var.http != null

  error_slots   = local.web && var.triggers.error_percent != null ? local.running : {}
  latency_slots = local.web && var.triggers.latency_ms != null ? local.running : {}
  health_slots  = local.web && var.triggers.health ? local.running : {}

  trigger_alarms = {
    for slot in keys(local.running) : slot => compact([
      contains(keys(local.error_slots), slot) ? "${local.ecs_name[slot]}-errors" : "",
      contains(keys(local.latency_slots), slot) ? "${local.ecs_name[slot]}-latency" : "",
      contains(keys(local.health_slots), slot) ? "${local.ecs_name[slot]}-unhealthy" : "",
    ])
  }
  slot_metrics = {
    for slot in keys(local.running) : slot => local.web ? {
      LoadBalancer = var.http.load_balancer_arn_suffix
      TargetGroup  = aws_lb_target_group.this[slot].arn_suffix
    } : {}
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.error_slots

  alarm_name          = "${local.ecs_name[each.key]}-errors"
  alarm_description   = "More than ${var.triggers.error_percent} % of the requests to ${local.ecs_name[each.key]} fail."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.triggers.error_percent
  evaluation_periods  = var.triggers.error_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]

  metric_query {
    id          = "rate"
    label       = "failed requests, percent"
    expression  = "IF(requests > 0, 100 * FILL(errors, 0) / requests, 0)"
    return_data = true
  }

  metric_query {
    id = "errors"

    metric {
      namespace   = "AWS/ApplicationELB"
      metric_name = "HTTPCode_Target_5XX_Count"
      dimensions  = local.slot_metrics[each.key]
      period      = 60
      stat        = "Sum"
    }
  }

  metric_query {
    id = "requests"

    metric {
      namespace   = "AWS/ApplicationELB"
      metric_name = "RequestCount"
      dimensions  = local.slot_metrics[each.key]
      period      = 60
      stat        = "Sum"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  for_each = local.latency_slots

  alarm_name          = "${local.ecs_name[each.key]}-latency"
  alarm_description   = "The 99th percentile of ${local.ecs_name[each.key]} is above ${var.triggers.latency_ms} ms."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = local.slot_metrics[each.key]
  extended_statistic  = "p99"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.triggers.latency_ms / 1000
  evaluation_periods  = var.triggers.latency_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  for_each = local.health_slots

  alarm_name          = "${local.ecs_name[each.key]}-unhealthy"
  alarm_description   = "A task of ${local.ecs_name[each.key]} fails its health check."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  dimensions          = local.slot_metrics[each.key]
  statistic           = "Maximum"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = var.triggers.health_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

# No healthy task at all is an outage whatever the objectives say.
resource "aws_cloudwatch_metric_alarm" "down" {
  for_each = local.web ? local.running : {}

  alarm_name          = "${local.ecs_name[each.key]}-down"
  alarm_description   = "No task of ${local.ecs_name[each.key]} is healthy."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = local.slot_metrics[each.key]
  statistic           = "Maximum"
  period              = 60
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]

  # Made once the service is steady: starting is not an outage.
  depends_on = [aws_ecs_service.this]
}

# A worker has no requests; that none of it runs is what is seen of it.
resource "aws_cloudwatch_metric_alarm" "stopped" {
  for_each = local.web ? {} : local.running

  alarm_name          = "${local.ecs_name[each.key]}-stopped"
  alarm_description   = "No task of ${local.ecs_name[each.key]} runs."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = local.ecs_name[each.key] }
  statistic           = "Maximum"
  period              = 60
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = 5
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]

  # Made once the service is steady: starting is not an outage.
  depends_on = [aws_ecs_service.this]
}
