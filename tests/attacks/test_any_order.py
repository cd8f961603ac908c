"""Any order of asking, signing, tampering, replaying, expiring, editing, new policies, crashes and wrong clocks.

The model knows only what was honestly signed and what was asked; it shares no code with the desk. The invariant: an
effect is allowed only if a valid quorum of distinct eligible people signed exactly this packet, unexpired now, under
this policy.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hug_agents.approve.audit import verify
from hug_agents.approve.packet import Packet
from hug_agents.canonical import sha256
from hug_agents.errors import DecisionRefused, NotApproved
from tests.approve.office import KEYS, OPS, ROLES, SEC, SRE, START, Office, policy

GOOD = (("ana", OPS), ("ben", SEC), ("dee", OPS), ("dee", SEC))
SIGNERS = (*GOOD, *GOOD, ("ana", SEC), ("cho", SRE), ("dee", SRE), ("ben", OPS))
POLICIES = (policy(), policy(version=2))
REQUESTER = "cho"


@dataclass(frozen=True)
class Signed:
    """One honest signature, as the model remembers it."""

    who: str
    role: str
    verdict: str
    packet: str
    issued: datetime
    expires: datetime
    honest: bool
    envelope: bytes


class AnyOrder(RuleBasedStateMachine):
    """One release at its first checkpoint: an Operations Engineer and a Security Engineer must sign."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.office = Office(self.folder, policy=POLICIES[0])
        self.signed: list[Signed] = []
        self.asked: Packet | None = None
        self.latest_seen = START - timedelta(days=365)
        self.ask(0)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            assert self.asked is None or verify(self.office.desk.ledger).entries >= 2
            shutil.rmtree(self.folder)

    def content(self, number: int) -> Packet:
        return self.office.packet(bundle=sha256(b"%d" % number), requester=REQUESTER)

    @property
    def clock_is_right(self) -> bool:
        return self.office.now >= self.latest_seen - timedelta(seconds=60)

    def seen(self) -> None:
        self.latest_seen = max(self.latest_seen, self.office.now)

    @rule(number=st.integers(0, 1))
    def ask(self, number: int) -> None:
        packet = self.content(number)
        try:
            self.office.desk.present(packet)
        except DecisionRefused as error:
            assert error.reason == "clock_turned_back" and not self.clock_is_right
        else:
            self.asked = packet
            self.seen()

    @rule(
        signer=st.sampled_from(SIGNERS),
        verdict=st.sampled_from(("approve",) * 6 + ("reject", "request_changes")),
        number=st.integers(0, 1),
        hours=st.sampled_from((1, 5, 24)),
        trick=st.sampled_from(("",) * 6 + ("key", "comment", "future")),
    )
    def answer(self, signer: tuple[str, str], verdict: str, number: int, hours: int, trick: str) -> None:
        packet, lasts = self.content(number), timedelta(hours=hours)
        who, role = signer
        key = KEYS["eve"] if trick == "key" else KEYS[who]
        now = self.office.now
        issued = self.office.now = now + timedelta(hours=2 if trick == "future" else 0)
        envelope = self.office.sign(packet, who, role, verdict=verdict, lasts=lasts, key=key)
        self.office.now = now
        if trick == "comment":
            outer = json.loads(envelope)
            envelope = json.dumps(outer | {"payload": outer["payload"].replace("I", "J", 1)}).encode()
        one = Signed(who, role, verdict, packet.digest(), issued, issued + lasts, trick in ("", "future"), envelope)
        self.signed.append(one)
        self.enter(packet, one, fresh=True)

    @rule(hours=st.sampled_from((1, 5, 24)))
    def answer_as_asked(self, hours: int) -> None:
        """What a release is hoped to see: the two who are asked sign what they are shown."""
        for number in (0, 1):
            if self.asked == self.content(number):
                self.answer(("ana", OPS), "approve", number, hours, "")
                self.answer(("ben", SEC), "approve", number, hours, "")

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        if self.signed and self.asked:
            self.enter(self.asked, data.draw(st.sampled_from(self.signed)), fresh=False)

    def enter(self, packet: Packet, one: Signed, *, fresh: bool) -> None:
        must = fresh and self.is_plainly_good(packet, one)
        try:
            self.office.enter(packet, one.envelope)
        except DecisionRefused as error:
            assert not must, f"an honest decision was refused: {error}"
        else:
            assert one.honest and one.packet == packet.digest() and self.clock_is_right
            self.seen()

    def is_plainly_good(self, packet: Packet, one: Signed) -> bool:
        """An eligible person's first signature on what is asked now."""
        first = not any(old.who == one.who and old.packet == one.packet for old in self.signed[:-1])
        refused = any(old.verdict != "approve" and old.packet == one.packet for old in self.signed[:-1])
        asked = self.asked is not None and packet.digest() == self.asked.digest()
        eligible = one.role in ROLES[one.who] and one.role in (OPS, SEC) and one.who != REQUESTER
        timely = one.issued <= self.office.now < one.expires and self.clock_is_right
        current = self.asked is not None and self.asked.policy.digest == self.office.policy.digest()
        return one.honest and first and asked and not refused and eligible and timely and current

    @rule(minutes=st.sampled_from((1, 30, 59, 60, 300, 1440)))
    def wait(self, minutes: int) -> None:
        self.office.now += timedelta(minutes=minutes)

    @rule(minutes=st.sampled_from((1, 61, 600)))
    def turn_the_clock_back(self, minutes: int) -> None:
        self.office.now -= timedelta(minutes=minutes)

    @rule(number=st.integers(0, 1))
    def change_the_policy(self, number: int) -> None:
        self.office.policy = POLICIES[number]

    @rule()
    def crash(self) -> None:
        self.office = Office(self.folder, policy=self.office.policy, now=self.office.now)

    @invariant()
    def no_effect_without_a_quorum(self) -> None:
        if self.asked is None:
            return
        for packet in (self.asked, self.content(0)):
            try:
                standing = self.office.desk.authorise(packet)
            except NotApproved:
                allowed = False
            else:
                allowed = True
                assert standing.packet == packet.digest()
            self.seen()
            event(f"allowed: {allowed}")
            if allowed:
                assert self.clock_is_right
                assert packet.digest() == self.asked.digest(), "what was asked about last is something else"
                assert packet.policy.digest == self.office.policy.digest()
                good = {
                    (one.who, one.role)
                    for one in self.signed
                    if one.honest
                    and one.verdict == "approve"
                    and one.packet == packet.digest()
                    and one.expires > self.office.now
                    and one.issued <= self.office.now + timedelta(seconds=60)
                    and one.role in ROLES[one.who]
                    and one.who != REQUESTER
                }
                assert any(
                    role == OPS and other_role == SEC and who != other
                    for who, role in good
                    for other, other_role in good
                ), "no valid quorum of two different people"


AnyOrder.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyOrder = AnyOrder.TestCase
