"""Targets that send the documents of a monitor to its server: they create and change, and never delete."""
