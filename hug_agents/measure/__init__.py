"""What the event log says: metrics, their picture and their exposition, gates on them, and drift."""
