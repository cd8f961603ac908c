"""What came of a demonstration, and whether it went as told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hug_agents.demonstration.traffic import Counted
from hug_agents.measure.drift import DriftCheck
from hug_agents.spec import Line, Model, Text


class Part(Model):
    """One release of the story."""

    release: Line
    version: Line
    outcome: Line = Field("", description="released, rolled_back, rejected, failed")
    bundle: Line = ""
    signatures: int = 0
    drill_seconds: int | None = Field(None, description="of the way back, as it was walked in staging")
    verdicts: tuple[Line, ...] = Field((), description="of each step in production: good, bad, inconclusive")
    trouble: Text = Field("", description="why it was taken back")
    cause: Line = Field("", description="the line of its own log that names the fault")
    seconds: float = 0.0
    traffic: Counted | None = Field(None, description="production's requests while it was rolled out")
    after: Counted | None = Field(None, description="production's requests after it was taken back")


class Audit(Model):
    """What `audit verify` found."""

    entries: int
    signatures: int
    head: Line


class Summary(Model):
    """The whole of it."""

    status: Literal["as told", "as decided", "otherwise"] = Field(
        "otherwise", description="as decided: the person at the terminal rejected a release, and the story ended there"
    )
    problems: tuple[Line, ...] = Field((), description="what did not go as told")
    parts: tuple[Part, ...] = ()
    audit: Audit | None = None
    drift: tuple[tuple[Line, Line], ...] = Field(
        (), description="each environment after it all: none, drifted, unknown"
    )
    seconds: float = 0.0
    folder: Line = ""


def problems_of(
    before: Part | None,
    good: Part | None,
    faulty: Part | None,
    audit: Audit | None,
    drift: tuple[DriftCheck, ...] = (),
    *,
    decided: bool = False,
) -> tuple[str, ...]:
    """What did not go as told, in the order of the story. `decided`: a person has ended it by a rejection."""
    found = []
    if before is None or before.outcome != "released":
        found.append("the version before was not put in place")
    if decided and good and good.outcome == "rejected":
        pass
    elif good is None or good.outcome != "released":
        found.append(f"{good.version if good else 'the good version'} was not released")
    elif good.traffic is None or not good.traffic.sent:
        found.append(f"no traffic reached production while {good.version} was rolled out")
    elif good.traffic.failed:
        found.append(
            f"{good.traffic.failed} of {good.traffic.sent} requests failed while {good.version} was rolled out"
        )
    if decided:
        pass
    elif faulty is None or faulty.outcome != "rolled_back":
        found.append(f"{faulty.version if faulty else 'the faulty version'} was not caught and rolled back")
    elif faulty.after is not None and faulty.after.failed:
        found.append(f"{faulty.after.failed} requests still failed after the way back")
    found += [f"{item.environment}: {item.status}, {item.evidence}" for item in drift if item.status != "none"]
    if audit is None:
        found.append("the ledger was not verified")
    return tuple(found)
