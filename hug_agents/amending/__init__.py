"""Amendments: what a language model writes for a requirement that no renderer meets, and what became of it."""
