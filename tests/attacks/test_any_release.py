"""Random orders of start, decide, edit, expire, crash, attack and resume on whole releases. One invariant: no effect
without a valid quorum over its exact bytes at the time of the effect."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from langgraph.errors import InvalidUpdateError
from langgraph.types import Command
from pydantic import ValidationError

from hug_agents.approve.packet import Packet
from hug_agents.canonical import sha256
from hug_agents.errors import HugError
from hug_agents.execute.target import Outcome, Work
from hug_agents.release import Release
from hug_agents.store import Store
from hug_agents.validate import GateResult
from hug_agents.workflow import nodes, run
from tests.approve.office import KEYS, ROLES, policy
from tests.governed import Recorder, Site

WHO = ("ana", "ben", "cho", "dee", "eve")
NEEDED = {
    "pre_deployment": ("Operations Engineer", "Security Engineer"),
    "rollback_drill": ("Site Reliability Engineer",),
    "production_go_no_go": ("Operations Engineer", "Site Reliability Engineer"),
}
LOW = ("Operations Engineer",)
HOURS = {"pre_deployment": 168, "rollback_drill": 168, "production_go_no_go": 24}


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Signed:
    who: str
    role: str
    packet: str
    at: datetime


class Watched(Recorder):
    """Checks every effect by itself, from what the test knows was signed."""

    def __init__(self, machine: AnyRelease) -> None:
        super().__init__()
        self.machine = machine
        self.crash_next = False
        self.began: set[str] = set()

    def _watch(self, work: Work) -> None:
        self.machine.allowed(work)
        assert work.order.key not in self.keys, "an effect happened twice"

    def apply(self, work: Work) -> Outcome:
        self._watch(work)
        if self.crash_next:
            self.crash_next = False
            raise Crash
        return super().apply(work)

    def rollback(self, work: Work) -> Outcome:
        self._watch(work)
        return super().rollback(work)


class AnyRelease(RuleBasedStateMachine):
    @initialize(requester=st.sampled_from(("kim", "ana", "dee")))
    def start(self, requester: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hug-any-"))
        self.original = nodes.run_gates  # type: ignore[attr-defined]
        nodes.run_gates = lambda *_, **__: (  # type: ignore[attr-defined]
            GateResult(name="stand-in", tool="", status="passed"),
        )
        self.site = Site(self.folder / "site", target=Watched(self))
        self.signed: list[Signed] = []
        self.seen: list[str] = []
        self.staged: set[str] = set()
        self.requester = requester
        self.policy_since = self.site.now
        self.version = 1
        self.release = self.site.start(requester=requester)

    def allowed(self, work: Work) -> None:
        """The oracle: nothing of the package's own judgement is asked."""
        packet = Store(self.site.store).get_model(Packet, work.packet)
        assert (packet.bundle, packet.plans[0].digest) == (work.order.bundle, work.order.plan)
        assert packet.environment == work.order.environment
        assert packet.policy.version == self.version
        for item in work.bundle:
            entry = next(one for one in work.bundle.manifest.entries if one.path == item.path)
            assert sha256(item.content.encode()) == entry.sha256
        drill = work.order.series != "release"
        place = "rollback_drill" if drill else "pre_deployment"
        place = "production_go_no_go" if work.order.environment.role == "production" else place
        assert packet.checkpoint == place, f"{work.order.series} {work.order.action} opened by {packet.checkpoint}"
        lasts = timedelta(hours=HOURS[packet.checkpoint])
        good = [
            item
            for item in self.signed
            if item.packet == work.packet
            and item.who != self.requester
            and item.role in ROLES[item.who]
            and item.at + lasts > self.site.now
        ]
        roles = NEEDED[packet.checkpoint]
        if packet.checkpoint == "pre_deployment" and self.staged - {work.order.release}:
            roles = LOW  # something works there already, and little changes: the policy's lowest tier
        assert {item.role for item in good} >= set(roles), f"{packet.checkpoint} without its roles"
        assert len({item.who for item in good}) >= len(roles), f"{packet.checkpoint} without its quorum"
        self.staged.add(work.order.release)
        self.seen.append(f"effect: {packet.checkpoint} {work.order.action}")

    def waits(self) -> bool:
        with suppress(HugError):
            return self.site.open(self.release).status().stage == "checkpoint"
        return False

    @precondition(waits)
    @rule(
        who=st.sampled_from(WHO),
        key=st.sampled_from((None, None, None, None, "eve", "ana")),
        verdict=st.sampled_from(("approve",) * 8 + ("reject", "request_changes")),
    )
    def decide(self, who: str, key: str | None, verdict: Any) -> None:
        release = self.site.open(self.release)
        packet = release.review().packet
        roles = [
            role for role in NEEDED.get(packet.checkpoint, ("Site Reliability Engineer",)) if role in ROLES.get(who, ())
        ]
        role: Any = roles[0] if roles else None
        with suppress(HugError):
            taken = release.decide(verdict, reviewer=who, role=role, key=KEYS[key or who], comment="seen")
            document = taken.entry.envelope.document
            if document.verdict == "approve" and (key or who) == who:
                self.signed.append(Signed(who, document.role, packet.digest(), self.site.now))

    @precondition(waits)
    @rule()
    def approved_by_those_who_may(self) -> None:
        release = self.site.open(self.release)
        for item in release.status().waits_for:
            if item.who and item.role:
                self.decide_as(release, item.who[0], item.role)

    def decide_as(self, release: Release, who: str, role: Any) -> None:
        digest = release.review().packet.digest()
        with suppress(HugError):
            release.decide("approve", reviewer=who, role=role, key=KEYS[who])
            self.signed.append(Signed(who, role, digest, self.site.now))

    @precondition(waits)
    @rule(times=st.integers(1, 4))
    def people_do_their_part(self, times: int) -> None:
        """As it is meant to go, for a while: so that stories reach production."""
        for _ in range(times):
            if self.waits():
                self.approved_by_those_who_may()
            self.resume()

    @rule()
    def resume(self) -> None:
        with suppress(HugError, Crash):
            self.site.open(self.release).resume()

    @rule()
    def crash_in_the_next_effect(self) -> None:
        self.site.target.crash_next = True  # type: ignore[attr-defined]

    @precondition(waits)
    @rule(text=st.text(alphabet="abc\n", max_size=6))
    def edit(self, text: str) -> None:
        with suppress(HugError, Crash):
            self.site.open(self.release).edit(by="ana", files={"docs/extra.md": text})

    @rule(hours=st.sampled_from((1, 1, 1, 30, 200)))
    def time_passes(self, hours: int) -> None:
        self.site.later(hours=hours)

    @rule(really=st.integers(0, 3))
    def policy_changes(self, really: int) -> None:
        if really:
            return
        self.version += 1
        self.site.write_policy(policy(version=self.version))

    @rule(
        door=st.sampled_from(("stage", "drill", "roll_out", "validated")),
        how=st.sampled_from(("goto", "update", "replay")),
    )
    def attack(self, door: str, how: str) -> None:
        release = self.site.open(self.release)
        config = {"configurable": {"thread_id": release.id}}
        with (
            suppress(HugError, ValidationError, InvalidUpdateError, KeyError, Crash),
            run._compiled(release._crew) as graph,
        ):
            if how == "goto":
                graph.invoke(Command(goto=door), config)
            elif how == "update":
                graph.update_state(config, {"decision": "approve"}, as_node="production_go_no_go")
                graph.invoke(None, config)
            else:
                points = [item for item in graph.get_state_history(config) if door in item.next]
                if points:
                    graph.invoke(None, points[-1].config)

    @rule(really=st.integers(0, 5))
    def cancelled_and_begun_again(self, really: int) -> None:
        if really:
            return
        with suppress(HugError):
            self.site.open(self.release).cancel("enough")
        with suppress(HugError):
            self.release = self.site.start(requester=self.requester)

    def teardown(self) -> None:
        if hasattr(self, "original"):
            for what in self.seen:  # effects happen in LangGraph's threads, where Hypothesis takes no events
                event(what)
            nodes.run_gates = self.original  # type: ignore[attr-defined]
            for name in {work.order.key for work in self.site.target.done}:
                assert self.site.target.keys.count(name) == 1
            shutil.rmtree(self.folder, ignore_errors=True)


AnyRelease.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=24,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a story is short enough to be read as it is
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestAnyRelease = pytest.mark.slow(AnyRelease.TestCase)
