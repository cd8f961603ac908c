resource "aws_lb_target_group" "this" {
  for_each = var.http == null ? {} : var.slots

  name                 = each.key == "main" ? var.http.target_group : "${var.http.target_group}-${each.key}"
  vpc_id               = var.vpc_id
  port                 = var.http.port
  protocol             = "HTTP"
  target_type          = "ip"
  deregistration_delay = 30

  health_check {
    path                = var.http.health_path
    port                = tostring(var.http.health_port)
    protocol            = "HTTP"
    matcher             = var.http.health_matcher
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "this" {
  count = var.http == null ? 0 : 1

  listener_arn = var.http.listener_arn
  priority     = var.http.priority

  action {
    type = "forward"

    forward {
      dynamic "target_group" {
        for_each = var.slots
        content {
          arn    = aws_lb_target_group.this[target_group.key].arn
          weight = target_group.value.weight
        }
      }
    }
  }

  condition {
    dynamic "host_header" {
      for_each = length(var.http.hosts) > 0 ? [var.http.hosts] : []
      content {
        values = host_header.value
      }
    }

    dynamic "path_pattern" {
      for_each = length(var.http.hosts) > 0 ? [] : [["/*"]]
      content {
        values = path_pattern.value
      }
    }
  }

  lifecycle {
    precondition {
      condition     = sum([for state in values(var.slots) : state.weight]) == 100
      error_message = "The slots' weights must sum to 100."
    }

    precondition {
      condition     = alltrue([for state in values(var.slots) : state.weight == 0 || state.image == "" || state.running])
      error_message = "A slot that does not run cannot be given traffic."
    }
  }
}

# The way to a slot before it has traffic: `X-Release-Slot: green`. Smoke tests use it; it opens no other door.
resource "aws_lb_listener_rule" "slot" {
  for_each = var.http == null || length(var.slots) < 2 ? {} : var.slots

  listener_arn = var.http.listener_arn
  priority     = var.http.slot_priority + index(sort(keys(var.slots)), each.key)

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  condition {
    http_header {
      http_header_name = "X-Release-Slot"
      values           = [each.key]
    }
  }

  dynamic "condition" {
    for_each = length(var.http.hosts) > 0 ? [var.http.hosts] : []
    content {
      host_header {
        values = condition.value
      }
    }
  }
}
