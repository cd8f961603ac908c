"""What the CloudFormation of AWS says, thing by thing. Names, sizes and alarms are those of the Terraform beside it."""
