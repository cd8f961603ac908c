mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name                      = "shop-test-db"
  engine                    = "postgres"
  database_name             = "db"
  instance_class            = "db.t4g.medium"
  storage_gib               = 20
  multi_az                  = false
  backup_days               = 7
  deletion_protection       = false
  performance_insights      = true
  vpc_id                    = "vpc-0123456789abcdef0"
  subnet_ids                = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  client_security_group_ids = { api = "sg-0123456789abcdef0" }
  kms_key_arn               = "arn:aws:kms:eu-west-1:123456789012:key/test"
  alert_topic_arn           = "arn:aws:sns:eu-west-1:123456789012:alerts"
}

run "postgres" {
  command = plan

  assert {
    condition     = aws_db_instance.this.storage_encrypted && !aws_db_instance.this.publicly_accessible && !aws_db_instance.this.skip_final_snapshot
    error_message = "A database is encrypted, private, and leaves a snapshot."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS makes the password; Terraform never sees it."
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres17"
    error_message = "The parameter group fits the version."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.clients["api"].from_port == 5432 && aws_vpc_security_group_ingress_rule.clients["api"].cidr_ipv4 == null
    error_message = "Only the programs that use it connect."
  }
}

run "mysql" {
  command = plan

  variables {
    engine         = "mysql"
    engine_version = "8.0.40"
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "mysql8.0" && aws_vpc_security_group_ingress_rule.clients["api"].from_port == 3306
    error_message = "MySQL 8.0.40 is family mysql8.0 on port 3306."
  }
}
