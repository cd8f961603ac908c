"""What the Terraform of AWS says, thing by thing: sizes, schedules, dependencies, programs, access."""
