"""Artifact repositories: one module a system."""
