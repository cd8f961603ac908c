variable "name" {
  description = "The replication group's id, at most 40 characters. Its password is the secret NAME-auth-token."
  type        = string
}

variable "engine_version" {
  description = "The version of Redis, as ElastiCache writes it: 7.1, 6.2."
  type        = string
}

variable "node_type" {
  description = "The size of a node."
  type        = string
}

variable "nodes" {
  description = "One primary and its replicas; two or more survive the loss of a zone."
  type        = number
}

variable "snapshot_days" {
  description = "How long daily snapshots are kept."
  type        = number
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Who may connect: a name for each security group."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Encrypts data and snapshots."
  type        = string
}

variable "alert_topic_arn" {
  description = "Where alarms go."
  type        = string
}
