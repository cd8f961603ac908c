# What the pipeline may do in this environment: carry out releases. It reads what a plan reads and changes what a release
# changes. Network, data, roles and keys are changed by a person with the account's administrator role.
#
# The account must know the pipeline's OIDC provider (once an account; see the README beside the environments).

data "aws_caller_identity" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id

  # One key for each kind of comparison; subjects are compared letter by letter unless they say otherwise.
  exact = merge(
    { "${var.issuer}:aud" = [var.audience] },
    { for subject in ["sub"] : "${var.issuer}:${subject}" => var.subjects if !var.wildcards },
  )
  like   = { for subject in ["sub"] : "${var.issuer}:${subject}" => var.subjects if var.wildcards }
  claims = { for claim, value in var.claims : "${var.issuer}:${claim}" => [value] }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  max_session_duration = 21600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::${local.account_id}:oidc-provider/${var.issuer}" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        for comparison, values in {
          StringEquals         = local.exact
          StringLike           = local.like
          StringEqualsIfExists = local.claims
        } : comparison => values if length(values) > 0
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = { for name, statements in var.policies : name => statements if length(statements) > 0 }

  name = each.key
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = each.value
  })
}
