"""The documents that people read: one module a document."""
