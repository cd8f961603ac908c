variable "repositories" {
  description = "The repositories' names, application/service."
  type        = set(string)
}

variable "keep_images" {
  description = "How many tagged images a repository keeps."
  type        = number
}

variable "reader_account_ids" {
  description = "Other AWS accounts that pull from here."
  type        = set(string)
}
