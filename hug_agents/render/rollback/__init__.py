"""Rollback automation: one module a system."""
