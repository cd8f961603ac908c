variable "name" {
  description = "The family of the task definitions and the stem of the roles' names."
  type        = string
}

variable "container_name" {
  description = "The container's name: the service's."
  type        = string
}

variable "images" {
  description = "One task definition for each; the key is the slot (or `job`), the value an image by digest."
  type        = map(string)

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "An image must be named by its digest (…@sha256:…): a tag can change under a running release."
  }
}

variable "cpu" {
  description = "CPU units, 1024 a vCPU."
  type        = number
}

variable "memory" {
  description = "MiB."
  type        = number
}

variable "ports" {
  description = "Ports that the container listens on."
  type        = list(number)
  default     = []
}

variable "command" {
  description = "Replaces the image's command; empty: as in the image."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "Environment variables that are not secret."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Environment variable to the ARN it is read from when a task starts. Never a value."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for source in values(var.secrets) : startswith(source, "arn:")])
    error_message = "A secret is given by its ARN, never by its value."
  }
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
  description = "What the program may do in AWS: statements of an IAM policy."
  type        = any
  default     = []
}

variable "readonly_root_filesystem" {
  description = "Mount the image read-only; true once the program is known to write nowhere."
  type        = bool
  default     = false
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
