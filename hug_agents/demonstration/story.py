"""The story: what runs today, a good release, and one with a hidden fault that is caught and taken back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hug_agents.approve.audit import verify
from hug_agents.approve.ledger import Ledger
from hug_agents.demonstration.reviewing import ByTheBook, Reviewing
from hug_agents.demonstration.site import REQUESTER, REVIEWERS, Reviewer, Site
from hug_agents.demonstration.summary import Audit, Part, Summary, problems_of
from hug_agents.demonstration.traffic import Client, Counted
from hug_agents.demonstration.versions import BEFORE, FAULTY, GOOD, Version
from hug_agents.errors import LedgerBroken, UsageError
from hug_agents.execute.events import events
from hug_agents.generation import generate
from hug_agents.measure.drift import DriftCheck, look, places
from hug_agents.office import open_office
from hug_agents.release import Release
from hug_agents.rollout.deployment import Trouble
from hug_agents.status import Status
from hug_agents.store import Store

RATE: Final = 120
"""Requests a second that the client means to send."""
MOST_LOOKS_AGAIN: Final = 3
AFTER_SECONDS: Final = 3
"""How long production is watched after the way back."""
CANARY: Final = "Canary: 10 then 50 then 100 percent, ten seconds each. Keep the old version for ten seconds."
REQUEST: Final = (
    "Put payments-api on the Kubernetes cluster main behind payments.example.com. {strategy} Two replicas in production, "
    "one in staging. 99.9 % availability, and 99 % of requests under two seconds. Roll back when more than 1 % of requests "
    "fail.{monitors} Set up a VPN to the office."
)
_BRIEF: Final = "Canary: 50 then 100 percent, two seconds each. Keep the old version for one second."
_UNMONITORED: Final = " No Prometheus."


@dataclass(frozen=True)
class Act:
    """One release of the story, before it is told."""

    title: str
    version: Version
    request: str
    shown: bool = True
    """Told in full; else only how it ended."""


class Story:
    """Tells it on a site. `tell` is given what happens, as `Release` tells it, and the story's own turns."""

    def __init__(self, site: Site, reviewing: Reviewing, tell: Callable[[str, Any], None]) -> None:
        self._site = site
        self._asked = reviewing
        self._reviewing: Reviewing = ByTheBook()
        self._say = tell
        self._client: Client | None = None
        self._trouble: Trouble | None = None
        self._again = 0

    def play(self, acts: tuple[Act, ...] | None = None) -> Summary:
        """All of it. What does not go as told is in the summary; Ctrl-C and errors of the machine are raised."""
        began = time.monotonic()
        parts: list[Part] = []
        for act in acts or default_acts():
            self._say("act", act)
            part = self._act(act)
            parts.append(part)
            self._say("part", part)
            if part.outcome != ("rolled_back" if act.version.hidden else "released"):
                break
        drift = self._look_for_drift() if parts and parts[-1].outcome == "rolled_back" else ()
        audit = self._audit()
        told = {part.version: part for part in parts}
        before, good, faulty = (told.get(item.number) for item in (BEFORE, GOOD, FAULTY))
        decided = parts[-1].outcome == "rejected" and not isinstance(self._asked, ByTheBook)
        problems = problems_of(before, good, faulty, audit, drift, decided=decided)
        return Summary(
            status="otherwise" if problems else "as decided" if decided else "as told",
            problems=problems,
            parts=tuple(parts),
            audit=audit,
            drift=tuple((item.environment, item.status) for item in drift),
            seconds=round(time.monotonic() - began, 1),
            folder=str(self._site.root),
        )

    def counted(self) -> Counted | None:
        """What the client has seen in this part of the story; None while it sends nothing."""
        return self._client.counted() if self._client else None

    def _act(self, act: Act) -> Part:
        began = time.monotonic()
        self._trouble, self._again = None, 0
        self._reviewing = self._asked if act.shown else ByTheBook()  # nobody decides on what is not shown
        site = self._site
        site.check_out(act.version)
        name = f"payments-{act.version.number.replace('.', '-')}"
        made = generate(
            act.request,
            repo=site.source,
            out=site.root / f"bundle-{act.version.number}",
            model="offline",
            gates=(),
            store=site.store,
            progress=self._progress,
        )
        self._say("generated", made)
        traffic = after = None
        try:
            release = Release.start(
                run=made.thread,
                requester=REQUESTER,
                target=site.target,
                release=name,
                model="offline",
                store=site.store,
                policy=site.policy_file,
                progress=self._progress,
            )
            status = self._carry(release)
            if status.outcome == "rolled_back" and self._client:
                traffic = self._client.stop()
                after = self._watch_after()
        finally:
            if self._client:
                traffic = self._client.stop()
                self._client = None
        return self._part(act, release, status, began, traffic, after)

    # ---- people

    def _carry(self, release: Release) -> Status:
        """Until it has ended, or nobody of the demonstration can say how it goes on."""
        status = release.status()
        while status.stage in ("checkpoint", "attention"):
            if status.stage == "checkpoint":
                self._sign(release, status)
            elif not self._settle(release):
                break
            if status.checkpoint == "production_go_no_go":
                self._open_shop()
            status = release.resume()
        self._say("ended", status)
        return status

    def _sign(self, release: Release, status: Status) -> None:
        """Every signature that is asked for, one reviewer after the other, until one says no."""
        review = release.review()
        self._say("checkpoint", review)
        while (waiting := [item for item in release.status().waits_for if item.role]) and waiting[0].role:
            role = waiting[0].role
            reviewer = _reviewer(waiting[0].who)
            verdict, comment = self._reviewing.decide(reviewer, role, review)
            release.decide(
                verdict,
                reviewer=reviewer.id,
                role=role,
                key=self._site.key(reviewer.id),
                comment=comment,
                packet=review.packet.digest(),
            )
            self._say("signed", (reviewer, role, verdict, comment))
            if verdict != "approve":
                return

    def _settle(self, release: Release) -> bool:
        """Answer what only a person can; False when it was asked too often."""
        matter = release.matter()
        self._say("matter", matter)
        reviewer = REVIEWERS[-1]
        choice, reason = self._reviewing.settle(reviewer, matter)
        self._again += 1
        if self._again > MOST_LOOKS_AGAIN:
            return False
        release.settle(choice, reviewer=reviewer.id, key=self._site.key(reviewer.id), reason=reason)
        self._say("settled", (reviewer, choice, reason))
        return True

    # ---- traffic

    def _progress(self, stage: str, detail: Any = None) -> None:
        if stage == "trouble":
            self._trouble = detail
        if stage == "smoke" and detail[0] == "production" and detail[1].action == "shift":
            self._open_shop()  # the first version that ever ran there: from now on somebody answers
        self._say(stage, detail)

    def _open_shop(self) -> None:
        """Customers come, if there is somebody to answer."""
        address = self._site.address()
        if self._client is None and address:
            self._client = Client(address, rate=RATE)
            self._client.__enter__()
            self._say("traffic", address)

    def _watch_after(self) -> Counted | None:
        address = self._site.address()
        if address is None:
            return None
        with Client(address, rate=RATE, seed=8) as client:
            time.sleep(AFTER_SECONDS)
            return client.stop()

    # ---- what came of it

    def _part(
        self,
        act: Act,
        release: Release,
        status: Status,
        began: float,
        traffic: Counted | None,
        after: Counted | None,
    ) -> Part:
        entries = [item for item in self._ledger.stream() if item.release == release.id]
        verdicts = [item for item in events(entries) if item.name == "verdict"]
        drilled = release.drilled()
        back = next((item.seconds for item in drilled.phases if item.name == "rollback"), None) if drilled else None
        return Part(
            release=release.id,
            version=act.version.number,
            outcome=status.outcome or status.stage,
            bundle=status.bundle,
            signatures=sum(item.kind == "decision" for item in entries),
            drill_seconds=None if back is None else round(back),
            verdicts=tuple(item.outcome for item in verdicts),
            trouble=self._trouble.reason if self._trouble else status.notice,
            cause=cause_of(self._trouble.logs) if self._trouble else "",
            seconds=round(time.monotonic() - began, 1),
            traffic=traffic,
            after=after,
        )

    def _look_for_drift(self) -> tuple[DriftCheck, ...]:
        """Once the way back was gone: whether what runs is what was put there last."""
        office = open_office(Store(self._site.store), policy=self._site.policy_file)
        found = tuple(look(office, item) for item in places(office))
        self._say("drift", found)
        return found

    def _audit(self) -> Audit | None:
        try:
            found = verify(self._ledger, keys=[key for _, key in self._site.policy.keys.values()])
        except LedgerBroken as error:
            self._say("broken", error)
            return None
        self._say("verified", found)
        return Audit(entries=found.entries, signatures=found.signatures, head=str(found.head or ""))

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self._site.store / "ledger.sqlite")


def default_acts(*, monitored: bool | None = None) -> tuple[Act, ...]:
    """The three releases. Without promtool and amtool Prometheus is left out: a gate that cannot run is no pass."""
    from hug_agents.process import find

    seen = monitored if monitored is not None else all(map(find, ("promtool", "amtool")))
    monitors = "" if seen else _UNMONITORED
    brief, whole = (REQUEST.format(strategy=item, monitors=monitors) for item in (_BRIEF, CANARY))
    return (
        Act("What runs today", BEFORE, brief, shown=False),
        Act("A good release", GOOD, whole),
        Act("A release with a hidden fault", FAULTY, whole),
    )


def cause_of(logs: str) -> str:
    """The last line of a log that names an exception."""
    for line in reversed(logs.splitlines()):
        said = line.partition(" | ")[2].strip() or line.strip()
        name, colon, _ = said.partition(":")
        if colon and name.isidentifier() and name.endswith(("Error", "Exception")):
            return said[:200]
    return ""


def _reviewer(who: tuple[str, ...]) -> Reviewer:
    found = next((item for item in REVIEWERS if item.id in who), None)
    if found is None:
        raise UsageError("nobody of the demonstration may sign this", hint="governance.yaml of the run")
    return found
