# The error budget: at 14.4 times the allowed rate a 30-day budget is gone in two days (Google SRE workbook, chapter 5). The
# long window says that it matters, the short one that it still goes on.

locals {
  budget_windows = local.web && var.objectives.error_percent != null ? { long = 3600, short = 300 } : {}
  # A loose objective times 14.4 would pass 100 % and never fire.
  burn_percent = local.web && var.objectives.error_percent != null ? min(14.4 * var.objectives.error_percent, 50) : 0
}

resource "aws_cloudwatch_metric_alarm" "burn" {
  for_each = local.budget_windows

  alarm_name          = "${var.name}-burn-${each.key}"
  alarm_description   = "${var.name} fails more than ${local.burn_percent} % of its requests over ${each.value / 60} minutes."
  comparison_operator = "GreaterThanThreshold"
  threshold           = local.burn_percent
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "rate"
    label       = "failed requests, percent"
    expression  = "IF(requests > 0, 100 * errors / requests, 0)"
    return_data = true
  }

  metric_query {
    id         = "errors"
    expression = join(" + ", [for slot in sort(keys(var.slots)) : "FILL(errors_${slot}, 0)"])
  }

  metric_query {
    id         = "requests"
    expression = join(" + ", [for slot in sort(keys(var.slots)) : "FILL(requests_${slot}, 0)"])
  }

  dynamic "metric_query" {
    for_each = merge([
      for slot in keys(var.slots) : {
        "errors_${slot}"   = { slot = slot, metric = "HTTPCode_Target_5XX_Count" }
        "requests_${slot}" = { slot = slot, metric = "RequestCount" }
      }
    ]...)
    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value.metric
        period      = each.value
        stat        = "Sum"
        dimensions = {
          LoadBalancer = var.http.load_balancer_arn_suffix
          TargetGroup  = aws_lb_target_group.this[metric_query.value.slot].arn_suffix
        }
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "budget" {
  count = length(local.budget_windows) > 0 ? 1 : 0

  alarm_name        = "${var.name}-error-budget"
  alarm_description = "The error budget of ${var.name} burns more than 14 times too fast."
  alarm_rule        = "ALARM(\"${aws_cloudwatch_metric_alarm.burn["long"].alarm_name}\") AND ALARM(\"${aws_cloudwatch_metric_alarm.burn["short"].alarm_name}\")"
  alarm_actions     = [var.alert_topic_arn]
  ok_actions        = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  for_each = local.web && var.objectives.latency_ms != null ? local.running : {}

  alarm_name          = "${local.ecs_name[each.key]}-slow"
  alarm_description   = "Fewer than ${var.objectives.latency_percent} % of the requests to ${local.ecs_name[each.key]} are answered within ${var.objectives.latency_ms} ms."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = local.slot_metrics[each.key]
  extended_statistic  = "p${var.objectives.latency_percent}"
  period              = 300
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.objectives.latency_ms / 1000
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
