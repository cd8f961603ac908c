# `terraform test` in this folder, after `terraform init -backend=false`.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name     = "test-deploy"
  issuer   = "ci.example.com/oidc"
  audience = "test-staging"
  subjects = ["job:deploy", "job:rollback"]
  policies = {}
}

run "trusts_these_jobs_alone" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "ci.example.com/oidc:aud" = ["test-staging"]
        "ci.example.com/oidc:sub" = ["job:deploy", "job:rollback"]
      }
    }
    error_message = "Audience and subject must both be as given, letter by letter."
  }
}

run "an_id_that_nobody_knows_before" {
  command = plan

  variables {
    subjects  = ["user/????/main"]
    wildcards = true
    claims    = { protected = "true" }
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals         = { "ci.example.com/oidc:aud" = ["test-staging"] }
      StringLike           = { "ci.example.com/oidc:sub" = ["user/????/main"] }
      StringEqualsIfExists = { "ci.example.com/oidc:protected" = ["true"] }
    }
    error_message = "Only the subject is a pattern."
  }
}

run "any_job_is_refused" {
  command = plan

  variables {
    subjects = ["user/*"]
  }

  expect_failures = [var.subjects]
}

run "any_issuer_is_refused" {
  command = plan

  variables {
    issuer = "*"
  }

  expect_failures = [var.issuer]
}

run "any_audience_is_refused" {
  command = plan

  variables {
    audience = "*"
  }

  expect_failures = [var.audience]
}
