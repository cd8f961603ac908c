"""A rule of the policy pack: which sentence of the mission it holds us to, why, and what to do when it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hug_agents.bundle import Owner
from hug_agents.validate.gate import Fix, Severity
from hug_agents.validate.policy.facts import Facts


@dataclass(frozen=True)
class Hit:
    """One place where a rule is broken."""

    message: str
    file: str = ""
    line: int = 0
    fix: Fix | None = None
    severity: Severity | None = None
    """Where it differs from the rule's own."""


@dataclass(frozen=True)
class Rule:
    """`HUG-B1a`: B or P for best practice or pitfall, its number in the mission, a letter for the part."""

    id: str
    title: str
    source: str
    """The sentence of the mission."""
    reason: str
    remedy: str
    check: Callable[[Facts], Iterable[Hit]]
    owner: Owner = "deployment"
    severity: Severity = "error"
