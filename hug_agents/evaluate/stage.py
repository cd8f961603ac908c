"""What one tool says of one draft."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hug_agents.spec import Line, Model
from hug_agents.validate.gate import clean

_MOST = 20


class Stage(Model):
    """One step of the judgement. `skipped` is neither a pass nor a failure: it is told by name, and left out of shares."""

    name: Line
    status: Literal["passed", "failed", "skipped"]
    findings: tuple[str, ...] = ()
    reason: Line = Field("", description="skipped: what is missing, or why it cannot be told here")


def passed(name: str, findings: tuple[str, ...] | list[str] = ()) -> Stage:
    """Passed without findings, else failed with them."""
    kept = tuple(clean(item, 600) for item in findings[:_MOST])
    return Stage(name=name, status="failed" if kept else "passed", findings=kept)


def skipped(name: str, reason: str) -> Stage:
    """It cannot be told here, and why."""
    return Stage(name=name, status="skipped", reason=clean(reason.replace("\n", " "), 300))


def not_reached(*names: str) -> tuple[Stage, ...]:
    """What a failure before it leaves undone: failed, with nothing to say."""
    return tuple(Stage(name=name, status="failed") for name in names)
