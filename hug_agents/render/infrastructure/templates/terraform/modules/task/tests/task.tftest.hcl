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

run "an_agent_beside_the_program" {
  command = plan

  variables {
    secrets     = { DD_ENV = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:own-AbCdEf" }
    environment = { DD_SERVICE = "own" }
    agents = [{
      labels      = { "com.datadoghq.tags.service" = "api" }
      environment = { DD_ENV = "test", DD_SERVICE = "api" }
      container   = { name = "datadog-agent", image = "example.com/agent@sha256:1", essential = false, memory = 512 }
      secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:datadog-AbCdEf"
    }]
  }

  assert {
    condition     = [for item in jsondecode(aws_ecs_task_definition.this["main"].container_definitions) : item.name] == ["api", "datadog-agent"]
    error_message = "The agent stands behind the program."
  }

  assert {
    condition     = [for item in jsondecode(aws_ecs_task_definition.this["main"].container_definitions) : item.essential] == [true, false]
    error_message = "An agent that fails stops nobody."
  }

  assert {
    condition = { for item in jsondecode(aws_ecs_task_definition.this["main"].container_definitions)[0].environment : item.name => item.value } == {
      DD_SERVICE = "own"
      DD_VERSION = "0000000000000000000000000000000000000000000000000000000000000000"
    }
    error_message = "What the program sets itself, plain or secret, wins."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["main"].container_definitions)[0].dockerLabels["com.datadoghq.tags.version"] == "0000000000000000000000000000000000000000000000000000000000000000"
    error_message = "A version is told by its digest."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.secrets[0].policy).Statement[0].Resource == ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:datadog-AbCdEf"]
    error_message = "Of the agent's, its key is all that may be read."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["main"].container_definitions)[1].logConfiguration.options["awslogs-stream-prefix"] == "main-agent"
    error_message = "The agent's own lines are told apart."
  }
}
