mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name               = "shop-test-api"
  container_name     = "api"
  images             = { main = "example.com/api@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  cpu                = 256
  memory             = 512
  environment        = { MOTD = "$${not} %%{interpolated} \"quoted\"" }
  log_group          = "/shop/test/api"
  log_retention_days = 90
  kms_key_arn        = "arn:aws:kms:eu-west-1:123456789012:key/test"
}

run "least_privilege" {
  command = plan

  assert {
    condition     = length(aws_iam_role_policy.images) == 0 && length(aws_iam_role_policy.secrets) == 0 && length(aws_iam_role_policy.task) == 0
    error_message = "What needs no image, secret or dependency gets no permission for it."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 90 && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "Logs are encrypted, and they end."
  }
}

run "a_tag_is_refused" {
  command = plan

  variables {
    images = { main = "example.com/api:latest" }
  }

  expect_failures = [var.images]
}

run "a_secret_value_is_refused" {
  command = plan

  variables {
    secrets = { TOKEN = "a value" }
  }

  expect_failures = [var.secrets]
}
