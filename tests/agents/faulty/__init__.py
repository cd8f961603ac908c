"""A server that speaks OpenAI's protocol over real HTTP and misbehaves on order; `python -m tests.agents.faulty` writes
the table of docs/models.md."""
