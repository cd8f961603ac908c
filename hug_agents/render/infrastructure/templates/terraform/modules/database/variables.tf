variable "name" {
  description = "The instance's identifier."
  type        = string
}

variable "engine" {
  description = "postgres or mysql."
  type        = string

  validation {
    condition     = contains(["postgres", "mysql"], var.engine)
    error_message = "engine must be postgres or mysql."
  }
}

variable "engine_version" {
  description = "Its version; null: the module's default."
  type        = string
  default     = null
}

variable "database_name" {
  description = "The database that is made in it: letters, digits and underscores."
  type        = string
}

variable "instance_class" {
  description = "The size of the machine."
  type        = string
}

variable "storage_gib" {
  description = "Storage at the start; it grows by itself to four times that."
  type        = number
}

variable "multi_az" {
  description = "A standby in a second zone."
  type        = bool
}

variable "backup_days" {
  description = "How far back one can restore to a point in time."
  type        = number
}

variable "deletion_protection" {
  description = "AWS refuses to delete it."
  type        = bool
}

variable "performance_insights" {
  description = "Query statistics; the smallest MySQL classes do not offer them."
  type        = bool
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Who may connect: a name for each security group."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Encrypts storage, backups and the password."
  type        = string
}

variable "alert_topic_arn" {
  description = "Where alarms go."
  type        = string
}
