variable "name" {
  description = "The environment's resource name."
  type        = string
}
