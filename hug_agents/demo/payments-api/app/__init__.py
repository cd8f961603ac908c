"""A small payments service."""
