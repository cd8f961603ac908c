mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name            = "shop-test-orders"
  kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/test"
  alert_topic_arn = "arn:aws:sns:eu-west-1:123456789012:alerts"
}

run "nothing_is_lost_silently" {
  command = plan

  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.dead.kms_master_key_id == var.kms_key_arn
    error_message = "Messages are encrypted."
  }

  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds > aws_sqs_queue.this.message_retention_seconds
    error_message = "A message that failed is kept longer than one that waits."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.dead.threshold == 0
    error_message = "The first message that failed wakes a person."
  }
}
