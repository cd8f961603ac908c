variable "name" {
  description = "The role's name."
  type        = string
}

variable "repository" {
  description = "owner/name, or group/project."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$", var.repository))
    error_message = "repository must be owner/name or group/project, without a wildcard."
  }
}

variable "subject" {
  description = "Which jobs of that repository: environment:NAME, or those of a branch as the issuer writes it."
  type        = string

  validation {
    condition     = can(regex("^(environment:[A-Za-z0-9-]+|ref:refs/heads/[A-Za-z0-9._/-]+|ref_type:branch:ref:[A-Za-z0-9._/-]+)$", var.subject))
    error_message = "subject must be environment:NAME, ref:refs/heads/BRANCH or ref_type:branch:ref:BRANCH, without a wildcard."
  }
}

variable "issuer" {
  description = "The host of the identity provider."
  type        = string
  default     = "token.actions.githubusercontent.com"
}

variable "audience" {
  description = "Whom the token is for."
  type        = string
  default     = "sts.amazonaws.com"
}

variable "subject_start" {
  description = "What the issuer writes before the repository."
  type        = string
  default     = "repo"
}

variable "policies" {
  description = "What it may do: lists of IAM statements, by the policy's name."
  type        = any
}
