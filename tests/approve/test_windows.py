from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hug_agents.approve.packet import Prior
from hug_agents.approve.policy import ChangeWindow, Freeze
from hug_agents.approve.windows import closed, is_open
from hug_agents.errors import DecisionRefused, NotApproved, PolicyError
from hug_agents.spec import Window
from tests.approve.office import KEYS, OPS, SRE, Office, policy

WEEK = ChangeWindow(days=("mon", "tue", "wed", "thu"), start="09:00", end="16:00", timezone="Europe/Berlin")
NIGHT = Window(days=("fri",), start="22:00", end="02:00")


@pytest.mark.parametrize(
    ("window", "moment", "open_"),
    [
        (WEEK, "2026-11-23T07:59:59Z", False),  # a Monday, 08:59:59 in Berlin
        (WEEK, "2026-11-23T08:00:00Z", True),
        (WEEK, "2026-11-23T15:00:00Z", False),
        (WEEK, "2026-07-06T07:00:00Z", True),  # summer time
        (WEEK, "2026-11-27T10:00:00Z", False),  # a Friday
        (NIGHT, "2026-11-27T22:00:00Z", True),
        (NIGHT, "2026-11-28T01:59:00Z", True),
        (NIGHT, "2026-11-28T02:00:00Z", False),
        (NIGHT, "2026-11-28T22:30:00Z", False),
        (NIGHT, "2026-11-27T01:00:00Z", False),
    ],
)
def test_the_wall_clock_of_its_zone(window: Window, moment: str, open_: bool) -> None:
    assert is_open(window, datetime.fromisoformat(moment)) is open_


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(PolicyError, match="Europe/Nowhere"):
        is_open(WEEK.model_copy(update={"timezone": "Europe/Nowhere"}), datetime.now(UTC))


FREEZE = Freeze.model_validate(
    {"name": "year end", "from": "2026-12-20T00:00:00Z", "until": "2027-01-04T00:00:00Z", "reason": "few on call"}
)


def test_windows_of_policy_and_spec_and_freezes_all_hold() -> None:
    made = policy(windows=(WEEK,), freezes=(FREEZE,))
    monday = datetime(2026, 12, 21, 10, tzinfo=UTC)
    assert closed(made, "staging", monday) == ()
    assert closed(made, "production", monday) == ("freeze 'year end' until 2027-01-04T00:00:00Z: few on call",)
    before = monday - timedelta(days=7)
    assert closed(made, "production", before) == ()
    assert len(closed(made, "production", before, spec_windows=(NIGHT,))) == 1
    assert len(closed(made, "production", monday + timedelta(hours=9), spec_windows=(NIGHT,))) == 3


def test_only_a_reasoned_signed_override_passes_a_freeze(tmp_path: Path) -> None:
    freeze = Freeze(name="f", begins="2026-11-01T00:00:00Z", until="2026-12-01T00:00:00Z", reason="audit")
    office = Office(tmp_path, policy=policy(freezes=(freeze,)))
    *_, drilled = office.through("rollback_drill")
    last = Prior(checkpoint="rollback_drill", packet=drilled.digest())
    packet = office.packet("production_go_no_go", earlier=(*drilled.earlier, last))
    office.desk.present(packet)
    office.decide(packet, "ana", OPS)
    assert office.decide(packet, "cho", SRE).standing.state == "waiting"
    with pytest.raises(NotApproved, match="freeze 'f' until"):
        office.desk.authorise(packet)
    for who, role, changes, reason in (
        ("ben", "Security Engineer", {}, "role_not_asked"),
        ("ana", SRE, {}, "role_not_held"),
        ("ana", OPS, {"key": KEYS["eve"]}, "unknown_key"),
        ("ana", OPS, {"expires": "2026-11-29T10:00:00Z"}, "lasts_too_long"),
    ):
        with pytest.raises(DecisionRefused) as refused:
            office.desk.override(office.override(packet, who, role, **changes), release="r1", packet=packet.digest())
        assert refused.value.reason == reason
    signed = office.override(packet)
    taken = office.desk.override(signed, release="r1", packet=packet.digest())
    assert taken.standing.state == "approved"
    assert office.desk.authorise(packet).state == "approved"
    with pytest.raises(DecisionRefused) as refused:
        office.desk.override(signed, release="r1", packet=packet.digest())
    assert refused.value.reason == "nonce_reused"
    office.now += timedelta(hours=4)
    with pytest.raises(NotApproved, match="freeze"):
        office.desk.authorise(packet)


def test_an_override_needs_something_to_override(tmp_path: Path) -> None:
    office = Office(tmp_path)
    packet = office.packet()
    office.desk.present(packet)
    with pytest.raises(DecisionRefused) as refused:
        office.desk.override(office.override(packet), release="r1", packet=packet.digest())
    assert refused.value.reason == "nothing_to_override"
    with pytest.raises(ValueError, match="reason"):
        office.override(packet, reason="  ")
