variable "name" {
  description = "The stem of the bucket's name; the account id follows."
  type        = string
}

variable "old_version_days" {
  description = "How long an overwritten or deleted object can be brought back."
  type        = number
}

variable "kms_key_arn" {
  description = "Encrypts objects."
  type        = string
}
