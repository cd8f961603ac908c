variable "name" {
  description = "The job's resource name."
  type        = string
}

variable "service" {
  description = "The service's own name: its container's."
  type        = string
}

variable "image" {
  description = "The image by digest; empty: none was released yet, and nothing can run."
  type        = string
}

variable "schedule" {
  description = "When it starts, as `cron(...)` in UTC; empty: the deploy script starts it."
  type        = string
  default     = ""
}

variable "tasks" {
  description = "How many tasks a run starts."
  type        = number
  default     = 1
}

variable "cpu" {
  description = "CPU units of a task."
  type        = number
}

variable "memory" {
  description = "MiB of a task."
  type        = number
}

variable "command" {
  description = "Replaces the image's command."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "Environment variables that are not secret."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Environment variable to the ARN of its secret."
  type        = map(string)
  default     = {}
}

variable "secret_arns" {
  description = "The secrets that those are read from."
  type        = list(string)
  default     = []
}

variable "image_repository_arns" {
  description = "The ECR repositories that it may pull from."
  type        = list(string)
  default     = []
}

variable "registry_secret_arn" {
  description = "The secret with the login of a private registry other than ECR; empty: none is needed."
  type        = string
  default     = ""
}

variable "task_statements" {
  description = "What the program may do in AWS."
  type        = any
  default     = []
}

variable "alert_topic_arn" {
  description = "Where alarms go."
  type        = string
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "log_group" {
  description = "The log group's name."
  type        = string
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Encrypts logs and secrets."
  type        = string
}
