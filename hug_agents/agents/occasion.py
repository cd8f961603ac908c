"""What a diagnosis is asked about: a failed gate, run or rollout step, as plain lines, bounded and without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from hug_agents.agents.drafts import Recommendation
from hug_agents.agents.work import one_line, sparse
from hug_agents.bundle import Bundle, differences
from hug_agents.reading.redact import redact
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.gate import Finding, GateResult

if TYPE_CHECKING:
    from hug_agents.rollout.verdict import Verdict

Kind = Literal["gate", "run", "step"]
"""`gate`: a bundle may not be released · `run`: what a target was to do failed · `step`: a look at a rollout was bad."""

LOG_CHARACTERS = 24_000
"""Of the end of the logs: so much is read."""
OUTPUT_CHARACTERS = 12_000
"""Of the end of what a run said."""
FINDINGS_CHARACTERS = 8_000
CHANGES_CHARACTERS = 4_000
_LINE_CHARACTERS = 500
_AGAINST: dict[str, tuple[Recommendation, ...]] = {"bad": ("retry",), "good": ("roll_back", "amend")}
"""Counters speak, not what a program was made to print."""
_FIRST_VERSION = "There is no version before this one: everything is new."


@dataclass(frozen=True)
class Occasion:
    """What failed, and all that is known of it. Everything in it is data, whoever wrote it."""

    kind: Kind
    what: str
    """In our own words: which gates, or which effect where."""
    verdict: Verdict | None = None
    """The numbers of a rollout step."""
    findings: str = ""
    """What the gates said, see `findings_of`."""
    output: str = ""
    """What the target said of a run, with the log that it fetched."""
    logs: str = ""
    """Of the new version."""
    changes: str = ""
    """What differs from the version before, see `changes_of`."""
    repeats: bool = True
    """Whether the very same, tried again, may end otherwise."""
    returns: bool = True
    """Whether anything was changed that can be taken back."""

    @cached_property
    def shown(self) -> dict[str, Any]:
        """The inputs of the prompt: legible, each with its bound."""
        return {
            "occasion": {"kind": self.kind, "what": legible(one_line(self.what)), "open": self.open()},
            "verdict": self.verdict,
            "findings": legible(self.findings, FINDINGS_CHARACTERS, end=False),
            "output": legible(self.output, OUTPUT_CHARACTERS),
            "logs": legible(self.logs, LOG_CHARACTERS),
            "changes": legible(self.changes, CHANGES_CHARACTERS, end=False),
        }

    def lines(self) -> list[str]:
        """The lines that evidence may be quoted from: as they are shown, and the reason of each check of the verdict."""
        shown = self.shown
        read = "\n".join(shown[name] for name in ("findings", "output", "changes", "logs")).splitlines()
        return [*(check.reason for check in (self.verdict.checks if self.verdict else ())), *read]

    def open(self) -> list[str]:
        """The recommendations that may be given."""
        return [item for item in get_args(Recommendation) if not self.against(item)]

    def against(self, recommendation: str) -> str:
        """Why no text can talk anybody into a recommendation; empty: it may be given."""
        if self.verdict and recommendation in _AGAINST.get(self.verdict.outcome, ()):
            return f"it does not go with a verdict that is {self.verdict.outcome}"
        if recommendation == "retry" and not self.repeats:
            return "the same files are judged in the same way again"
        if recommendation == "roll_back" and not self.returns:
            return "there is nothing that could be taken back"
        return ""


def legible(text: str, limit: int = LOG_CHARACTERS, *, end: bool = True) -> str:
    """The end (or the beginning) of a text: secrets out, printable, long lines cut, whole lines only."""
    lines = redact(text[-2 * limit :] if end else text[: 2 * limit]).text.splitlines()
    kept: list[str] = []
    room = limit
    for line in reversed(lines) if end else lines:
        clean = "".join(char if char.isprintable() else " " for char in line).rstrip()[:_LINE_CHARACTERS]
        room -= len(clean) + 1
        if room < 0:
            break
        kept.append(clean)
    return "\n".join(reversed(kept) if end else kept)


def unanswered(results: Iterable[GateResult]) -> tuple[GateResult, ...]:
    """The gates that failed, and those that broke and are needed."""
    return tuple(item for item in results if item.status == "failed" or (item.status == "error" and item.required))


def findings_of(results: Iterable[GateResult]) -> str:
    """A line for each error that keeps a bundle back, and one below it for what would mend it."""
    return "\n".join(line for result in results for line in _said(result))


def _said(result: GateResult) -> Iterator[str]:
    if result.status == "error":
        yield f"{result.name} broke: {one_line(result.reason)}"
    for item in result.findings:
        if item.severity == "error":
            yield f"{_place(item)}: {one_line(item.message)}"
            if item.remedy:
                yield f"  remedy: {one_line(item.remedy)}"
            if item.fix:
                yield f"  remedy: {item.fix.path} = {item.fix.value} ({item.fix.reason})"


def _place(item: Finding) -> str:
    where = (f" {item.file}:{item.line}" if item.line else f" {item.file}") if item.file else ""
    return f"{item.gate} {item.rule}{where}"


def changes_of(bundle: Bundle, spec: DeploymentSpec, previous: Bundle | None, before: DeploymentSpec | None) -> str:
    """What differs from the version before: a line for each value of the spec, then one for each file."""
    if previous is None or before is None:
        return _FIRST_VERSION
    old, new = dict(_values(sparse(before))), dict(_values(sparse(spec)))
    lines = [
        f"{path}: {old.get(path, 'nothing')} -> {new.get(path, 'nothing')}"
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
    for path, was, now in differences(bundle, previous):
        lines.append(f"file {'added' if was is None else 'removed' if now is None else 'changed'}: {path}")
    return "\n".join(lines)


def _values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each single value and its path; where an item of a list has a name, the path has it."""
    if isinstance(value, dict):
        for name, item in value.items():
            if path or name != "evidence":
                yield from _values(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value, 1):
            name = item.get("name") if isinstance(item, dict) else None
            yield from _values(item, f"{path}.{name or number}")
    else:
        yield path, value
