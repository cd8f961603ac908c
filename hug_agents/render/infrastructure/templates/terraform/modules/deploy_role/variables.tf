variable "name" {
  description = "The role's name."
  type        = string
}

variable "repository" {
  description = "owner/name on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.repository))
    error_message = "repository must be owner/name, without a wildcard."
  }
}

variable "subject" {
  description = "Which jobs of that repository: environment:NAME, or ref:refs/heads/BRANCH."
  type        = string

  validation {
    condition     = can(regex("^(environment:[A-Za-z0-9-]+|ref:refs/heads/[A-Za-z0-9._/-]+)$", var.subject))
    error_message = "subject must be environment:NAME or ref:refs/heads/BRANCH, without a wildcard."
  }
}

variable "policies" {
  description = "What it may do: lists of IAM statements, by the policy's name."
  type        = any
}
