variable "name" {
  description = "At most 32 characters."
  type        = string
}

variable "internal" {
  description = "Reachable from inside the VPC only."
  type        = bool
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "vpc_cidr" {
  description = "Where the tasks are."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets for a public load balancer, private ones for an internal one."
  type        = list(string)
}

variable "clients_cidr" {
  description = "Who may connect."
  type        = string
}

variable "hosts" {
  description = "The names it answers for, with HTTPS; empty: plain HTTP on its own AWS name."
  type        = list(string)
  default     = []
}

variable "zone_name" {
  description = "The public Route 53 zone that holds the hosts."
  type        = string
  default     = ""
}

variable "internal_zone" {
  description = "The private zone under which internal services are found, each by its name."
  type        = string
  default     = ""
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer."
  type        = bool
}

variable "log_retention_days" {
  description = "How long access logs are kept."
  type        = number
}
