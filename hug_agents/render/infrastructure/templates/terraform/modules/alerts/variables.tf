variable "name" {
  description = "The environment's resource name."
  type        = string
}

variable "kms_key_arn" {
  description = "Encrypts what waits in the topic."
  type        = string
}

variable "email" {
  description = "Who is written to; empty: nobody, the topic is subscribed to in another way."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Warns at 80 % spent and at 100 % forecast. It stops nothing."
  type        = number
}
