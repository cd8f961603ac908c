variable "name" {
  description = "The queue's name."
  type        = string
}

variable "visibility_timeout_seconds" {
  description = "How long a message is hidden while one worker handles it; longer than handling takes."
  type        = number
  default     = 60
}

variable "kms_key_arn" {
  description = "Encrypts messages."
  type        = string
}

variable "alert_topic_arn" {
  description = "Where alarms go."
  type        = string
}
