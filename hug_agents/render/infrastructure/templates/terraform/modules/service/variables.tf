variable "name" {
  description = "The service's resource name."
  type        = string
}

variable "service" {
  description = "The service's own name: its container's."
  type        = string
}

variable "slots" {
  description = "The versions side by side. Rolling: `main` alone."
  type = map(object({
    image   = string
    weight  = number
    running = bool
  }))

  validation {
    condition     = keys(var.slots) == tolist(["main"]) || keys(var.slots) == tolist(["blue", "green"])
    error_message = "The slots are main alone, or blue and green."
  }
}

variable "http" {
  description = "How it is reached; null: a worker. A target group's name has at most 26 characters: its slot follows."
  type = object({
    target_group                    = string
    port                            = number
    health_path                     = string
    health_port                     = number
    health_matcher                  = string
    hosts                           = list(string)
    priority                        = number
    slot_priority                   = number
    listener_arn                    = string
    load_balancer_arn_suffix        = string
    load_balancer_security_group_id = string
  })
  default = null
}

variable "replicas" {
  description = "How many tasks run at least."
  type        = number
}

variable "max_replicas" {
  description = "How many run at most."
  type        = number

  validation {
    condition     = var.max_replicas >= var.replicas
    error_message = "max_replicas must not be below replicas."
  }
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

variable "agents" {
  description = "What runs beside the program, none or one: its container, its secret's ARN, and the program's labels and variables."
  type        = any
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

variable "deployment_maximum_percent" {
  description = "Rolling: how many tasks may run at most, of the wanted number."
  type        = number
}

variable "deployment_minimum_healthy_percent" {
  description = "Rolling: how many stay healthy at least, of the wanted number."
  type        = number
}

variable "health_check_grace_seconds" {
  description = "How long a new task may take before its health counts."
  type        = number
  default     = 60
}

variable "triggers" {
  description = "What takes a release back. Each null or false: not watched."
  type = object({
    error_percent   = optional(number)
    error_minutes   = optional(number, 1)
    latency_ms      = optional(number)
    latency_minutes = optional(number, 1)
    health          = optional(bool, false)
    health_minutes  = optional(number, 1)
  })
  default = {}
}

variable "objectives" {
  description = "What users are promised: the share of requests that may fail, and how fast the rest is."
  type = object({
    error_percent   = optional(number)
    latency_ms      = optional(number)
    latency_percent = optional(number)
  })
  default = {}
}

variable "alert_topic_arn" {
  description = "Where alarms go."
  type        = string
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "cluster_name" {
  description = "Its name."
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
