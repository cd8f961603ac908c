variable "name" {
  description = "The role's name."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster; it has the Pod Identity agent."
  type        = string
}

variable "namespace" {
  description = "The workload's namespace."
  type        = string
}

variable "service_account" {
  description = "The workload's service account."
  type        = string
}

variable "statements" {
  description = "What the workload may do: statements of an IAM policy."
  type        = any
  default     = []
}
