"""Monitoring and observability: one module a system."""
