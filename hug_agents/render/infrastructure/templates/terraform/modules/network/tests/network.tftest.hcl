mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d"] }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name               = "shop-test"
  cidr               = "10.16.0.0/16"
  nat_per_zone       = false
  kms_key_arn        = "arn:aws:kms:eu-west-1:123456789012:key/test"
  log_retention_days = 90
}

run "one_nat_gateway" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route_table.private) == 3
    error_message = "Three private zones share one NAT gateway."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "Nothing gets a public address by accident."
  }

  assert {
    condition     = length(setintersection([for subnet in aws_subnet.public : subnet.cidr_block], [for subnet in aws_subnet.private : subnet.cidr_block])) == 0
    error_message = "Public and private subnets are different ones."
  }
}

run "one_in_every_zone" {
  command = plan

  variables {
    nat_per_zone = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Production survives the loss of a zone."
  }
}

run "a_small_range_is_refused" {
  command = plan

  variables {
    cidr = "10.16.0.0/24"
  }

  expect_failures = [var.cidr]
}
