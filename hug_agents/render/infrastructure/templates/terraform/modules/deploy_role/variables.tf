variable "name" {
  description = "The role's name."
  type        = string
}

variable "issuer" {
  description = "The address of the identity provider, without https://."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(/[A-Za-z0-9_.-]+)*$", var.issuer))
    error_message = "issuer must be a host and perhaps a path, without https://, a port or a wildcard."
  }
}

variable "audience" {
  description = "Whom the token is for."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.:/-]+$", var.audience))
    error_message = "audience must be a name or an address, without a wildcard."
  }
}

variable "subjects" {
  description = "Which jobs, as the issuer writes them; any of these."
  type        = list(string)

  validation {
    condition     = length(var.subjects) > 0 && alltrue([for item in var.subjects : can(regex("^[A-Za-z0-9_.:/?-]+$", item))])
    error_message = "subjects must be given, and none may hold a `*`."
  }
}

variable "wildcards" {
  description = "A `?` in a subject stands for exactly one character: of an id that AWS cannot know before."
  type        = bool
  default     = false
}

variable "claims" {
  description = "What else a token must say, where AWS knows the claim of this issuer."
  type        = map(string)
  default     = {}
}

variable "policies" {
  description = "What it may do: lists of IAM statements, by the policy's name."
  type        = any
}
