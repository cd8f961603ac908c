"""CI/CD pipelines: one module a system."""
