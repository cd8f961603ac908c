# One relational database. RDS makes its password, keeps it in Secrets Manager and rotates it: Terraform never sees it.

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-db"
  description = "Database ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-db" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "From ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

locals {
  port    = { postgres = 5432, mysql = 3306 }[var.engine]
  version = coalesce(var.engine_version, { postgres = "17", mysql = "8.4" }[var.engine])
  # PostgreSQL's families carry the major version, MySQL's the first two numbers.
  family = var.engine == "postgres" ? "postgres${split(".", local.version)[0]}" : "mysql${join(".", slice(split(".", "${local.version}.0"), 0, 2))}"
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = local.family

  # Connections without TLS are refused.
  parameter {
    name         = var.engine == "postgres" ? "rds.force_ssl" : "require_secure_transport"
    value        = "1"
    apply_method = var.engine == "postgres" ? "pending-reboot" : "immediate"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role" "monitoring" {
  name = "${var.name}-db-monitoring"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = var.engine
  engine_version = local.version
  instance_class = var.instance_class
  port           = local.port

  db_name                       = var.database_name
  username                      = "app_admin"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  allocated_storage     = var.storage_gib
  max_allocated_storage = var.storage_gib * 4
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  parameter_group_name   = aws_db_parameter_group.this.name
  publicly_accessible    = false

  backup_retention_period   = var.backup_days
  backup_window             = "02:00-03:00"
  maintenance_window        = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"

  auto_minor_version_upgrade      = true
  apply_immediately               = false
  enabled_cloudwatch_logs_exports = var.engine == "postgres" ? ["postgresql", "upgrade"] : ["error", "slowquery"]
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  performance_insights_enabled    = var.performance_insights
  performance_insights_kms_key_id = var.performance_insights ? var.kms_key_arn : null

  lifecycle {
    # To replace it is to lose what was written since the last backup; a person takes this line out first.
    prevent_destroy = true

    # Minor versions upgrade themselves.
    ignore_changes = [engine_version]
  }
}

resource "aws_cloudwatch_metric_alarm" "storage" {
  alarm_name          = "${var.name}-db-storage"
  alarm_description   = "Less than a tenth of the storage of ${var.name} is free."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.this.identifier }
  statistic           = "Minimum"
  period              = 300
  comparison_operator = "LessThanThreshold"
  threshold           = var.storage_gib * 1024 * 1024 * 1024 / 10
  evaluation_periods  = 3
  treat_missing_data  = "missing"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
