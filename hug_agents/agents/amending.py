"""The agents write what no renderer covers: asked by turns, with read-only look-ups between them, within one budget.

What comes back is only laid into the bundle where it may stand (`amending.places`); the gates judge it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import Field

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, OnEvent, Usage
from hug_agents.agents.drafts import Amending, AmendmentDraft
from hug_agents.agents.lookups import Lookups, Seen, as_trial
from hug_agents.agents.model import name_of
from hug_agents.agents.outcome import prompt_name
from hug_agents.agents.work import one_line, oversteps, sparse
from hug_agents.amending.documents import Agent, Amendment, Block, File, Proposal
from hug_agents.amending.places import objections, patchable, places
from hug_agents.bundle import Bundle
from hug_agents.errors import BudgetExceeded
from hug_agents.prompting import load
from hug_agents.spec import CONTROL, Line, Model

MOST_TURNS = 6
_MOST_PATHS = 400
_BOUNDS = "no more is looked up: it was asked before, or the bounds are reached"


class AmendResult(Model):
    """What an agent proposed, and why it proposed nothing for the rest."""

    proposals: tuple[Proposal, ...] = ()
    cannot: dict[str, Line] = Field(default_factory=dict, description="by requirement")
    looked: tuple[Seen, ...] = ()
    usage: Usage
    prompts: tuple[Line, ...] = ()


def amend(
    agent: Agent,
    items: tuple[Amendment, ...],
    lookups: Lookups,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
) -> AmendResult:
    """Proposals for open requirements; each round of an item is shown with what was found. Raises ModelUnavailable.

    A budget that runs out ends the asking: what was not proposed by then is not proposed.
    """
    usage, prompts = Usage(agent=agent, model=name_of(model)), list[str]()
    written = _Written(agent, items, lookups.rendered)
    why = f"the {agent} agent proposed nothing"
    for turn in range(MOST_TURNS):
        left = _left(budget, usage)
        if left is None:
            why = f"the budget of the {agent} agent ran out"
            break
        filled = load(f"{agent}/amend").fill(**_inputs(agent, items, lookups, written.refused, MOST_TURNS - turn))
        try:
            answer = ask(model, filled, Amending, left, on_event)
        except BudgetExceeded as error:
            usage = _sum(usage, error.spent or Usage())
            limit, _, last = error.what.partition("; last failure: ")
            over = oversteps(one_line(last))  # a provider may write anything into it
            why = (
                f"the {agent} agent gave nothing usable: {limit}; last failure: {f'left out, {over}' if over else last}"
            )
            break
        usage = _sum(usage, answer.usage)
        prompts.append(prompt_name(filled))
        said = answer.value
        written.take(said)
        if said.looks and not lookups.look(said.looks, as_trial(written.standing(), model=agent)):
            written.refused.append(_BOUNDS)
        nothing = not (said.looks or said.amendments or said.cannot)  # it would not in the next turn either
        if nothing or (not said.looks and not written.refused and not written.missing):
            break
    return AmendResult(
        proposals=tuple(written.good[name] for name in sorted(written.good)),
        cannot={
            item.requirement: one_line(written.why(item.requirement) or why)[:1_000]
            for item in items
            if item.requirement not in written.good
        },
        looked=tuple(lookups.results),
        usage=usage,
        prompts=tuple(prompts),
    )


@dataclass
class _Written:
    """What an agent said so far, turn by turn: the last word on each requirement counts."""

    agent: Agent
    items: tuple[Amendment, ...]
    rendered: Bundle
    good: dict[str, Proposal] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """Of the last turn."""

    @property
    def missing(self) -> set[str]:
        """Requirements of which nothing was said."""
        return {item.requirement for item in self.items} - self.good.keys() - self.cannot.keys()

    def why(self, requirement: str) -> str:
        """Why nothing of a requirement is proposed, as far as that was said."""
        if told := self.cannot.get(requirement):
            return told
        own = [item.partition(": ")[2] for item in self.refused if item.startswith(f"{requirement}: ")]
        if own:
            return f"what the {self.agent} agent wrote may not be written: {' '.join(own)[:600]}"
        return f"the {self.agent} agent proposed nothing: {_BOUNDS}" if _BOUNDS in self.refused else ""

    def take(self, said: Amending) -> None:
        """Keep what may be laid into the bundle; say why the rest may not."""
        asked = {item.requirement for item in self.items}
        self.refused = []
        for draft in said.amendments:
            name, proposal = one_line(draft.requirement), _proposal(draft)
            bad = [
                f"{path}: {what}" if path else what for path, what in objections(proposal, self.agent, self.rendered)
            ]
            if name not in asked:
                self.refused.append(f"{name}: it was not asked for")
            elif bad:
                self.good.pop(name, None)
                self.refused.append(f"{name}: {'; '.join(bad)[:900]}")
            else:
                self.cannot.pop(name, None)
                self.good[name] = Proposal.model_validate(proposal.model_dump())
        for declined in said.cannot:
            if declined.requirement in asked - self.good.keys():
                self.cannot[declined.requirement] = self._quoted(declined.reason)

    def _quoted(self, reason: str) -> str:
        """A model's own words among ours: said to be its, and left out where it speaks as if it had decided something."""
        words = one_line(reason).replace("`", "'")
        said = f"reason is left out: {why}" if (why := oversteps(words)) else f"reason: {words or 'none'}"
        return f"the {self.agent} agent wrote nothing; its {said}"

    def standing(self) -> Iterator[Amendment]:
        """The items with what was proposed for them, for a trial."""
        for item in self.items:
            if item.requirement in self.good:
                yield item.model_copy(update={"proposal": self.good[item.requirement]})


def _inputs(
    agent: Agent, items: tuple[Amendment, ...], lookups: Lookups, refused: list[str], turns: int
) -> dict[str, Any]:
    bundle = lookups.rendered
    return {
        "spec": sparse(lookups.blueprint.spec),
        "files": [item.path for item in bundle][:_MOST_PATHS],
        "patchable": list(patchable(agent, bundle)),
        "requirements": [_shown(item, agent, lookups) for item in items],
        "looked_up": [item.model_dump() for item in lookups.results],
        "refused": refused,
        "turns_left": turns - 1,
    }


def _shown(item: Amendment, agent: Agent, lookups: Lookups) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "requirement": item.requirement,
        "text": item.text,
        "places": list(places(agent, lookups.rendered, item.requirement.lower())),
    }
    if item.rounds:
        last = item.rounds[-1]
        shown["last_proposal"] = last.proposal.model_dump(mode="json")
        shown["findings"] = [
            found.model_dump(mode="json", include={"gate", "rule", "message", "file", "line", "remedy"})
            for found in last.findings[:20]
        ]
    return shown


def _proposal(draft: AmendmentDraft) -> Proposal:
    # What cannot be seen is refused with its reason by `objections`, so only the reason's own text is cleaned here.
    return Proposal.model_construct(
        requirement=one_line(draft.requirement),
        reason=_reason(draft.reason),
        files=tuple(
            File.model_construct(path=one_line(item.path), content=_lines(item.content)) for item in draft.files
        ),
        blocks=tuple(
            Block.model_construct(
                path=one_line(item.path), after=item.after.strip("\r\n"), content=_lines(item.content)
            )
            for item in draft.blocks
        ),
    )


def _reason(text: str) -> str:
    """What people read beside an amendment that they approve; it does not speak of what they decide."""
    why = oversteps(text)
    return f"The agent's own words are left out: {why}." if why else CONTROL.sub(" ", text)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _left(budget: Budget, usage: Usage) -> Budget | None:
    """What of a budget the next turn may still cost; None: nothing is left."""
    tokens, seconds = budget.tokens - usage.tokens, budget.seconds - usage.seconds
    return budget.model_copy(update={"tokens": tokens, "seconds": seconds}) if tokens > 0 and seconds > 0 else None


def _sum(one: Usage, other: Usage) -> Usage:
    names = ("input_tokens", "cached_tokens", "output_tokens", "estimated_tokens", "requests", "retries")
    added = one.plus(**{name: getattr(other, name) for name in names})
    return added.model_copy(update={"seconds": round(one.seconds + other.seconds, 3)})
