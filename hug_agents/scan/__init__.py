"""What a repository says about itself: facts with file and line, read within bounds, never by running anything."""

from __future__ import annotations

from hug_agents.scan.report import Component, Count, Existing, Fact, Limits, RepositoryFacts, Unread
from hug_agents.scan.repository import scan

__all__ = ["Component", "Count", "Existing", "Fact", "Limits", "RepositoryFacts", "Unread", "scan"]
