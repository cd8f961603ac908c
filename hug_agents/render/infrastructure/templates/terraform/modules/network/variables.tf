variable "name" {
  description = "The environment's resource name."
  type        = string
}

variable "cidr" {
  description = "The address range of the VPC, a /16."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be an IPv4 range of size /16."
  }
}

variable "nat_per_zone" {
  description = "One NAT gateway in every zone; false: one for all."
  type        = bool
}

variable "kms_key_arn" {
  description = "Encrypts the flow logs."
  type        = string
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
}
