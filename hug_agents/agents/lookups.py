"""What a model may look up while it writes an amendment: read only, few, and short. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hug_agents.agents.drafts import Look
from hug_agents.amending.documents import Amendment, Amendments
from hug_agents.amending.lay import lay
from hug_agents.bundle import Bundle
from hug_agents.errors import UsageError
from hug_agents.plans import Blueprint
from hug_agents.reading.redact import redact, redact_code
from hug_agents.spec import Line, Model
from hug_agents.validate.gate import GateResult
from hug_agents.validate.provider_schema import resource_schema

MOST_LOOKS = 12
"""For one question, all turns together."""
MOST_CHARACTERS = 60_000
"""Of all that is answered to them."""
_ONE_ANSWER = 12_000
_MOST_FINDINGS = 10

RunGates = Callable[[Bundle, Blueprint, str], tuple[GateResult, ...]]


class Seen(Model):
    """What was asked, and what is there."""

    tool: Line
    name: Line
    answer: str


@dataclass
class Lookups:
    """The tools, for one bundle. `results` is everything that was answered, in order."""

    rendered: Bundle
    blueprint: Blueprint
    run_gate: RunGates
    cache: Path
    """Where the schemas of providers are kept."""
    results: list[Seen] = field(default_factory=list)

    def look(self, looks: Iterable[Look], trial: Amendments) -> bool:
        """Answer what was not asked before. False: nothing was new, or the bounds are reached."""
        new = False
        for item in looks:
            if self._known(item) and item.tool != "gate":
                continue
            left = MOST_CHARACTERS - sum(len(seen.answer) for seen in self.results)
            if len(self.results) >= MOST_LOOKS or left < 200:
                break
            hide = redact_code if item.tool == "file" else redact
            answer = hide(self._answer(item, trial)).text[: min(_ONE_ANSWER, left)]
            name = " ".join("".join(char if char.isprintable() else " " for char in item.name).split())
            self.results.append(Seen(tool=item.tool, name=name, answer=answer))
            new = True
        return new

    def _known(self, item: Look) -> bool:
        return any((seen.tool, seen.name) == (item.tool, item.name) for seen in self.results)

    def _answer(self, item: Look, trial: Amendments) -> str:
        if item.tool == "schema":
            return resource_schema(self.rendered, item.name, self.cache)
        if item.tool == "file":
            return self.rendered[item.name].content if item.name in self.rendered else "the bundle has no such file"
        return self._tried(item.name, trial)

    def _tried(self, gate: str, trial: Amendments) -> str:
        if not trial.standing:
            return "nothing was proposed that could be tried: give the amendments together with the look"
        try:
            results = self.run_gate(lay(self.rendered, trial), self.blueprint, gate)
        except UsageError as error:
            return f"{error.what}; {error.hint}"
        if not results:
            return "the gate looks at no file of this bundle"
        rows = [f"{item.name}: {item.status} {item.reason}".strip() for item in results]
        found = [finding for item in results for finding in item.findings if finding.severity == "error"]
        rows += [
            f"{item.file}:{item.line} {item.rule}: {item.message} {item.remedy}" for item in found[:_MOST_FINDINGS]
        ]
        return "\n".join(rows)


def as_trial(items: Iterable[Amendment], model: str) -> Amendments:
    """Proposals as if they stood."""
    return Amendments(model=model, limit=0, baseline="", items=tuple(items))
