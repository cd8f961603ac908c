"""The gate: what a file refers to is defined somewhere, and what is about everything leaves nothing out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points

from hug_agents.bundle import Bundle
from hug_agents.validate.coherence import identities, monitors, platforms, texts, wanted, workloads
from hug_agents.validate.coherence.fact import Fact, Read
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.policy.facts import Facts

_OURS: tuple[Read, ...] = (
    wanted.facts,
    workloads.facts,
    monitors.facts,
    texts.facts,
    platforms.facts,
    identities.facts,
)


@cache
def readers() -> tuple[Read, ...]:
    """Ours, then those of the entry-point group `hug_agents.facts`."""
    return (*_OURS, *(point.load() for point in entry_points(group="hug_agents.facts")))


class Coherence(Gate):
    """No program is needed. A finding names both places: where something is said, and where another file says otherwise."""

    name = "coherence"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        facts = Facts(workspace.bundle, workspace.blueprint)
        rows = [fact for read in readers() for fact in read(facts)]
        return tuple(dict.fromkeys((*self._undefined(rows), *self._left_out(rows))))

    def _undefined(self, rows: Iterable[Fact]) -> Iterator[Finding]:
        defined: dict[tuple[str, str], dict[str, Fact]] = defaultdict(dict)
        for fact in rows:
            if fact.role == "defines":
                defined[fact.kind, fact.subject].setdefault(fact.value, fact)
                defined[fact.kind, ""].setdefault(fact.value, fact)
        for fact in rows:
            there = defined.get((fact.kind, fact.subject), {})
            if fact.role != "refers" or fact.value in there:
                continue
            if not there and fact.kind in ("port", "path"):
                continue  # nobody says which it is: what the platform chose is as good as any
            yield self._finding(fact, there)

    def _finding(self, fact: Fact, there: dict[str, Fact]) -> Finding:
        near = get_close_matches(fact.value, there, n=1, cutoff=0.6) or list(there)[:1]
        of = f" of {fact.subject}" if fact.subject else ""
        other = there[near[0]] if near else None
        said = (
            f"; {other.file or 'the spec'}:{other.line} says {other.value!r}"
            if other
            else "; nothing in the bundle says so"
        )
        return self.finding(
            fact.kind,
            f"the {fact.kind} {fact.value!r}{of} is not defined{said}",
            file=fact.file,
            line=fact.line,
            remedy="make the two agree",
        )

    def _left_out(self, rows: Iterable[Fact]) -> Iterator[Finding]:
        wanted_: dict[str, dict[str, Fact]] = defaultdict(dict)
        groups: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in rows:
            if fact.role == "defines":
                wanted_[fact.kind].setdefault(fact.value, fact)
            elif fact.role == "lists":
                groups[fact.kind, fact.group].append(fact)
        for (kind, group), listed in groups.items():
            there = {fact.value for fact in listed}
            named = [fact for fact in listed if fact.value] or listed
            for value, fact in wanted_[kind].items():
                if value not in there:
                    yield self.finding(
                        kind,
                        f"{group} leave out the {kind} {value!r}, which {fact.file or 'the spec'}:{fact.line} defines",
                        file=named[0].file,
                        line=named[0].line,
                        remedy="write it for every one",
                    )
