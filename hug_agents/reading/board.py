"""Where values meet: candidates by path and source. The highest wins; two values of one source are a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from hug_agents.reading.claims import Claim, Question, Value
from hug_agents.spec import Evidence

Source = Literal["answer", "option", "request", "repository", "default"]
RANKS: tuple[Source, ...] = ("answer", "option", "request", "repository", "default")
"""Whose word counts, the first the most."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One value for one path, and where it comes from."""

    path: str
    value: Value
    source: Source
    quote: str = ""
    file: str = ""
    line: int = 0
    reason: str = ""

    @property
    def where(self) -> str:
        """The source in words, for a question."""
        if self.source == "repository":
            return f"{self.file}:{self.line} says {self.quote[:120]!r}"
        return f"the {self.source} says {self.quote[:120]!r}" if self.quote else f"by {self.source}"

    def evidence(self, path: str) -> Evidence:
        """The row of the spec that shows it."""
        return Evidence(
            path=path, kind=self.source, quote=self.quote, file=self.file, line=self.line, reason=self.reason
        )

    def claim(self) -> Claim:
        """As a candidate that a question shows."""
        source = f"{self.file}:{self.line}"[:200] if self.source == "repository" else self.source
        return Claim(path=self.path, value=self.value, quote=self.quote[:400], source=source)


@dataclass
class Board:
    """Everything that is known, and what follows from it: chosen values with evidence, questions, notes."""

    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    negated: dict[str, dict[Value, str]] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    doubts: dict[str, list[tuple[Claim, str]]] = field(default_factory=dict)
    """Claims that failed the evidence check, with the reason, by path."""
    unusable: dict[str, str] = field(default_factory=dict)
    """Answers that do not settle what they were given for, with the reason."""
    contexts: dict[str, str] = field(default_factory=dict)
    """The folder of the repository that a service is built from."""
    variables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The environment variables that a service's code reads."""
    versions: dict[str, Candidate] = field(default_factory=dict)
    """The version of a service, as its part of the repository has it."""
    unmet: dict[str, str] = field(default_factory=dict)
    """Words that were understood and cannot be carried, with the reason."""
    overruled: dict[str, str] = field(default_factory=dict)
    """Stated paths whose value gave way to another, with the reason."""
    used: dict[str, set[str]] = field(default_factory=dict)
    """Which paths of the spec a stated path became: what the requirements table lists."""

    def add(self, candidate: Candidate) -> None:
        """Take one more candidate."""
        rows = self.candidates.setdefault(candidate.path, [])
        if not any(row.source == candidate.source and row.value == candidate.value for row in rows):
            rows.append(candidate)

    def reject(self, path: str, value: Value, quote: str) -> None:
        """Note that a value is not wanted."""
        self.negated.setdefault(path, {})[value] = quote

    def rejected(self, path: str, value: Value) -> bool:
        """Whether the request says that this value is not wanted, and nothing above the request says that it is."""
        return value in self.negated.get(path, {})

    def best(self, *paths: str) -> list[Candidate]:
        """The candidates of the highest source over these paths; a more exact path, given first, wins within one."""
        for source in RANKS:
            for path in paths:
                found = [row for row in self.candidates.get(path, ()) if row.source == source]
                if found:
                    return found
        return []

    def choose(self, target: str, *paths: str, text: str = "", spec_path: str = "") -> Candidate | None:
        """The value for a path, with evidence written. Two values of one source: a question, and None.

        `target` is the path that is asked about; `spec_path` the one in the spec, where it is another.
        """
        found = self.best(*(paths or (target,)))
        distinct = {repr(row.value): row for row in found}
        if len(distinct) > 1:
            self.conflict(target, tuple(distinct.values()), text)
            return None
        if not found:
            return None
        chosen = found[0]
        if chosen.source == "request" and self.rejected(chosen.path, chosen.value):
            quote = self.negated[chosen.path][chosen.value]
            why = f"the request says both {chosen.quote[:150]!r} and {quote[:150]!r}"
            self.ask(
                target, text or f"Is {_show(chosen.value)} wanted for {target} or not?", why=why, candidates=(chosen,)
            )
            return None
        self.settle(spec_path or target, chosen)
        self._tell_of_others(target, chosen, paths or (target,))
        return chosen

    def settle(self, target: str, chosen: Candidate) -> None:
        """Write the evidence of a value of the spec."""
        self.evidence[target] = chosen.evidence(target)
        self.used.setdefault(chosen.path, set()).add(target)

    def default(self, target: str, reason: str) -> None:
        """Write down that a value is a default, and why this one."""
        self.evidence[target] = Evidence(path=target, kind="default", reason=reason[:2000])

    def _tell_of_others(self, target: str, chosen: Candidate, paths: Sequence[str]) -> None:
        for row in (row for path in paths for row in self.candidates.get(path, ())):
            if row.value != chosen.value and row.source != chosen.source:
                if row.source == "request":
                    self.overruled[row.path] = f"{target} is {_show(chosen.value)} ({chosen.where})"
                self.notes.append(
                    f"{target}: {_show(chosen.value)} ({chosen.where}) is taken over {_show(row.value)} ({row.where})"
                )

    def conflict(self, target: str, rows: Sequence[Candidate], text: str = "") -> None:
        """Ask which of several values holds."""
        shown = " and ".join(f"{_show(row.value)} ({row.where})" for row in rows[:4])
        self.ask(
            target, text or f"Which value holds for {target}?", why=f"there are {len(rows)} values: {shown}",
            options=tuple(_show(row.value) for row in rows), candidates=rows,
        )  # fmt: skip

    def ask(
        self, id: str, text: str, *, why: str = "", options: Sequence[str] = (), candidates: Sequence[Candidate] = ()
    ) -> None:
        """Ask once a path; the first reason stays unless a later one shows candidates."""
        if id in self.questions and (self.questions[id].candidates or not candidates):
            return
        self.questions[id] = Question(
            id=id[:200], text=text[:600], why=why[:600], options=tuple(option[:200] for option in options[:12]),
            candidates=tuple(row.claim() for row in candidates[:8]),
        )  # fmt: skip

    def contradiction(self, where: str, error: ValidationError) -> None:
        """Values that are each supported and do not go together: the request must be put another way."""
        first = error.errors()[0]
        path = ".".join([where, *(str(part) for part in first["loc"])]).strip(".")
        self.ask(path or "application", "The values contradict each other. Which one holds?", why=str(first["msg"]))

    def paths(self, prefix: str) -> Iterator[str]:
        """The stated paths below a prefix."""
        return (path for path in self.candidates if path.startswith(prefix))


def _show(value: Value) -> str:
    if isinstance(value, tuple):
        return " ".join(_show(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
