"""HUG-B5: whoever is called at night finds what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Maintain clear documentation and runbooks for manual interventions."
RUNBOOK = "docs/runbook.md"
ROLLBACK = "docs/rollback-plan.md"
_DOCUMENTS = (RUNBOOK, ROLLBACK, "docs/deployment-plan.md", "docs/environments.md")


def missing_document(facts: Facts) -> Iterator[Hit]:
    """Documents that every bundle has."""
    for path in _DOCUMENTS:
        if path not in facts.bundle or not facts.text(path).strip():
            yield Hit(
                f"{path} is missing or empty", path if path in facts.bundle else "", 1 if path in facts.bundle else 0
            )


def alert_without_entry(facts: Facts) -> Iterator[Hit]:
    """Alerts of which the runbook says nothing, or nothing to do."""
    if RUNBOOK not in facts.bundle:
        return
    sections = _sections(facts.text(RUNBOOK))
    told = set()
    for alert in facts.alerts:
        body = sections.get(alert.name)
        if alert.name in told or (body and re.search(r"^\s*(\d+\.|[-*]) \S", body, re.MULTILINE)):
            continue
        told.add(alert.name)
        what = "has nothing to do in its entry" if body is not None else "has no entry"
        yield Hit(f"the alert {alert.name} {what} in {RUNBOOK}", alert.file, alert.line)


def _sections(text: str) -> dict[str, str]:
    """The body below each heading, by its plain words."""
    found: dict[str, str] = {}
    name = ""
    for row in text.splitlines():
        if row.startswith("#"):
            name = row.lstrip("#").strip().replace("\\", "")
            found[name] = ""
        elif name:
            found[name] += row + "\n"
    return found


def incomplete_rollback(facts: Facts) -> Iterator[Hit]:
    """A rollback plan that lacks a step, a command, a check, a time, or what cannot be undone."""
    if ROLLBACK not in facts.bundle:
        return
    text = facts.text(ROLLBACK)
    plan = facts.blueprint.rollback
    rows = {}
    for number, row in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if row.startswith("|") and cells[0].isdigit():
            rows[int(cells[0])] = (number, cells)
    for step in plan.steps:
        if step.order not in rows:
            yield Hit(f"step {step.order} ({step.action}) is missing", ROLLBACK, facts.find(ROLLBACK, "## Steps"))
            continue
        number, cells = rows[step.order]
        if any(not cell for cell in cells):
            yield Hit(f"step {step.order} does not say who, how it is verified, or how long it takes", ROLLBACK, number)
        elif step.command and step.command not in " ".join(cells):
            yield Hit(f"step {step.order} does not say to run {step.command}", ROLLBACK, number)
    rest = text[text.find("does not undo") :]
    listed = sum(1 for row in rest.splitlines() if row.startswith("|")) - 2  # its heading and the line below
    if plan.irreversible and listed < len(plan.irreversible):
        yield Hit("what a rollback cannot undo is not all listed", ROLLBACK, facts.find(ROLLBACK, "does not undo"))


RULES = (
    Rule(
        "HUG-B5a", "The documents are there", SOURCE,
        "Manual intervention begins where automation ended; without a document it begins with guessing.",
        "render the documents again from the spec", missing_document,
    ),
    Rule(
        "HUG-B5b", "Every alert has its entry in the runbook", SOURCE,
        "An alert that wakes someone and says nothing about what to do is noise.",
        "add a section with the alert's name: what it means, what to check, what to do", alert_without_entry,
        owner="devops",
    ),
    Rule(
        "HUG-B5c", "The rollback plan is complete", SOURCE,
        "Under pressure people do what is written; what is not written is forgotten.",
        "write every step with who, command, verification and time, and what cannot be undone", incomplete_rollback,
    ),
)  # fmt: skip
