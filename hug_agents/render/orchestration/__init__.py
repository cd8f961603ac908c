"""Container orchestration: one module a system, and what every runtime shares."""
