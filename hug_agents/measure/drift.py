"""Drift: what runs against what was put there last. A look changes nothing, and is an event of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from hug_agents.approve.clock import Instant, instant
from hug_agents.approve.identity import Digest, ReleaseId
from hug_agents.bundle import Bundle
from hug_agents.errors import HugError, UsageError
from hug_agents.execute.dossier import environment_of
from hug_agents.execute.events import Event, events, record
from hug_agents.execute.executor import Executor
from hug_agents.execute.register import Running
from hug_agents.execute.target import Drift
from hug_agents.planning import plan
from hug_agents.spec import DeploymentSpec, Environment, Line, Model, Text

Status = Literal["none", "drifted", "unknown"]
_KIND = re.compile(r"([a-z][a-z _-]{0,39}): (.+)\Z")


class Change(Model):
    """One difference: of what kind, and of what."""

    kind: Line = Field(description="as the target calls it, e.g. missing, edited; else `changed`")
    subject: Line


class DriftCheck(Model):
    """One look at one environment."""

    application: Line
    environment: Line
    release: ReleaseId
    bundle: Digest
    target: Line
    at: Instant
    status: Status
    changes: tuple[Change, ...] = ()
    evidence: Text = ""


def places(
    executor: Executor, *, release: str = "", application: str = "", environment: str = ""
) -> tuple[Running, ...]:
    """Where something of this store is to run. Raises UsageError where that is nowhere."""
    if release:
        executor.register.find(release)
    found = tuple(
        item
        for item in executor.register.everything(application)
        if (not environment or item.environment == environment) and (not release or item.release == release)
    )
    if not found:
        what = f"the release {release}" if release else application
        if not what and not environment:
            raise UsageError("nothing was put anywhere yet, so nothing can drift", hint="hug release start, or --store")
        raise UsageError(
            f"{what or 'anything'} is not what was put last into {environment or 'any environment'} of this store",
            hint="hug release list; without arguments everything is looked at",
        )
    return found


def look(executor: Executor, placed: Running, *, target: str = "") -> DriftCheck:
    """Ask the target (the one that put it there, or the one that is named) what runs, and note the answer in the log.

    While a release is at work there nobody can tell: `unknown`, as when the target does not answer or cannot be had here
    (a program or a token is missing), so that other places are looked at all the same. Raises UsageError for a target that
    was named and that there is not, StoreError for a bundle that cannot be read.
    """
    row = executor.register.find(placed.release)
    if target:
        executor.target(target)
    name = target or placed.target or row.target
    bundle = executor.store.get_bundle(placed.bundle)
    spec = executor.store.get_model(DeploymentSpec, bundle.manifest.spec)
    environment = environment_of(spec, placed.environment)
    seen = _busy(executor, placed) or _asked(executor, name, bundle, spec, environment)
    if seen.status == "drifted":
        # What was begun and ended meanwhile is no drift.
        moved = executor.register.runs(placed.application, placed.environment) != placed
        seen = Drift(status="unknown", evidence="something was deployed meanwhile") if moved else seen
        seen = _busy(executor, placed) or seen
    check = DriftCheck(
        application=placed.application,
        environment=placed.environment,
        release=placed.release,
        bundle=placed.bundle,
        target=name,
        at=instant(executor.desk.now()),
        status=seen.status,
        changes=tuple(_changes(seen.changes)),
        evidence=seen.evidence,
    )
    listed = "; ".join(f"{item.kind}: {item.subject}" for item in check.changes)
    event = Event(
        name="drift_checked",
        release=placed.release,
        application=placed.application,
        environment=placed.environment,
        role=environment.role,
        target=name,
        bundle=placed.bundle,
        outcome=check.status,
        detail=" ".join((listed or check.evidence).split())[:500],
    )
    record(executor.desk, event, still_open=not row.outcome)
    return check


def _asked(executor: Executor, name: str, bundle: Bundle, spec: DeploymentSpec, environment: Environment) -> Drift:
    try:
        return executor.target(name).drift(bundle, plan(spec), environment)
    except HugError as error:
        return Drift(status="unknown", evidence=str(error)[:2000])


def _busy(executor: Executor, placed: Running) -> Drift | None:
    """Whether a release is between the beginning and the end of something there, as the log has it."""
    holder = executor.register.holder(placed.application, placed.environment)
    if not holder:
        return None
    going: set[str] = set()
    with executor.desk.ledger.reading() as reader:
        for event in events(reader.of(holder)):
            if event.environment != placed.environment:
                continue
            work, _, state = event.name.rpartition("_")
            rehearsal = event.detail.startswith("drill-")
            if event.name == "drill_ended":
                going = {item for item in going if not item.startswith("drill")}
            elif state == "began":
                going.add(f"drill {work}" if rehearsal else work)
            elif state == "ended":
                going.discard(work)
    if not going:
        return None
    return Drift(status="unknown", evidence=f"the release {holder} is at work there: {', '.join(sorted(going))}")


def _changes(lines: Iterable[str]) -> Iterable[Change]:
    """`missing: path` as its two parts; a line of another form is of the kind `changed`."""
    for line in lines:
        match = _KIND.match(line)
        yield Change(kind=match[1], subject=match[2]) if match else Change(kind="changed", subject=line)
