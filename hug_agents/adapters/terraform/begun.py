"""What an apply that nobody saw the end of had begun, by what Terraform itself wrote."""

from __future__ import annotations

from pathlib import Path

from hug_agents.adapters.terraform.commands import Planned, State
from hug_agents.adapters.terraform.engine import events
from hug_agents.adapters.terraform.plan import changes, some
from hug_agents.execute.target import Observation, Work
from hug_agents.spec import Line, Model


class Begun(Model):
    """Addresses by how far their change came."""

    started: tuple[Line, ...] = ()
    ended: tuple[Line, ...] = ()
    failed: tuple[Line, ...] = ()
    created: tuple[Line, ...] = ()
    """A creation was begun and did not fail: it may be there, whatever the state says. A distant state is written now and
    then while an apply runs, so one that was killed may have made what no state ever heard of."""

    def __str__(self) -> str:
        if not self.started:
            return "no change was begun"
        parts = [f"{len(self.ended)} of {len(self.started)} changes ended"]
        if self.failed:
            parts.append(f"failed: {', '.join(self.failed[:8])}")
        return "; ".join(parts)


def read_begun(path: Path) -> Begun:
    """Read what an apply wrote; a missing file: it never started, or its end was seen."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Begun()
    return begun(text)


def begun(text: str) -> Begun:
    """The changes in what an apply wrote."""
    started: dict[str, str] = {}
    ended: list[str] = []
    failed: list[str] = []
    for item in events(text):
        hook = item.get("hook") if isinstance(item.get("hook"), dict) else {}
        address = str(((hook or {}).get("resource") or {}).get("addr", ""))[:2_000]
        match item.get("type"):
            case "apply_start":
                started[address] = str((hook or {}).get("action", ""))
            case "apply_complete":
                ended.append(address)
            case "apply_errored":
                failed.append(address)
    return Begun(
        started=tuple(started),
        ended=tuple(dict.fromkeys(ended)),
        failed=tuple(dict.fromkeys(failed)),
        created=tuple(item for item, action in started.items() if action == "create" and item not in failed),
    )


def seen(work: Work, state: State, began: Begun, planned: Planned, *, emptied: bool) -> Observation:
    """What a state, a new plan and an apply's own words say about an order that nobody saw the end of.

    `emptied`: it is to remove everything, and the state is empty.
    """
    back = work.order.action == "rollback"
    said = f"{began}; the state is {state.base}, the plan was made on {work.plan.base}"
    if emptied or not planned.differs:
        return Observation(state="done", evidence=f"a new plan is empty; {said}")
    left = changes(planned.document)
    evidence = f"a new plan would still do: {some(left.lines())}; {said}"[:8_000]
    unsure = [address for address in began.created if address in left.of("created", "replaced")]
    if unsure:
        return Observation(
            state="unknown",
            evidence=f"the creation of {some(unsure)} was begun, and the state does not know it: the apply was killed. "
            f"Look; where it is there, import or delete it, and say what is so. {evidence}",
        )
    untouched = not began.started and (back or state.base == work.plan.base)
    return Observation(state="not_done" if untouched else "partial", evidence=evidence)
