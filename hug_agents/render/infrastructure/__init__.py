"""Infrastructure as code: one module a system."""
