"""The `terraform` target: the root of an environment is planned, approved, applied, watched and taken back."""
