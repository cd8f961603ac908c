"""The desk from end to end: ask, sign, count, allow; and every entry verified afterwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hug_agents.approve.audit import verify
from hug_agents.errors import DecisionRefused, NotApproved
from tests.approve.office import OPS, SEC, SRE, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_release_walks_through_all_four_checkpoints(office: Office) -> None:
    packets = office.through("production_go_no_go")
    for packet in packets:
        assert office.desk.authorise(packet).state == "approved"
    verified = verify(office.desk.ledger)
    assert (verified.entries, verified.signatures, verified.policies) == (1 + 4 + 6, 6, 1)
    assert office.desk.pending() == ()


def test_what_is_missing_is_named_with_who_may_supply_it(office: Office) -> None:
    packet = office.packet()
    with pytest.raises(NotApproved, match="pre_deployment was never asked") as refused:
        office.desk.authorise(packet)
    assert refused.value.exit_code == 5
    office.desk.present(packet)
    (pending,) = office.desk.pending()
    assert [(item.role, item.who) for item in pending.standing.missing] == [
        (OPS, ("ana", "dee")),
        (SEC, ("ben", "dee")),
    ]
    standing = office.decide(packet, "dee", OPS).standing
    assert [(item.role, item.who) for item in standing.missing] == [(SEC, ("ben",))]
    with pytest.raises(NotApproved, match="missing: the signature of a Security Engineer"):
        office.desk.authorise(packet)
    assert office.decide(packet, "ben", SEC).standing.state == "approved"


def test_asking_twice_changes_nothing(office: Office) -> None:
    packet = office.packet()
    first = office.desk.present(packet)
    office.decide(packet)
    before = office.snapshot()
    again = office.desk.present(packet)
    assert again.entry == first.entry and len(again.standing.signatures) == 1
    assert office.snapshot() == before


@pytest.mark.parametrize(("verdict", "state"), [("reject", "rejected"), ("request_changes", "changes")])
def test_one_refusal_closes_the_packet_also_after_the_quorum(office: Office, verdict: str, state: str) -> None:
    packet = office.approve(office.packet())
    assert office.decide(packet, "dee", OPS, verdict=verdict, comment="not on a Monday").standing.state == state
    with pytest.raises(NotApproved):
        office.desk.authorise(packet)
    office.now += timedelta(days=300)
    assert office.desk.standing(packet).state == state, "a refusal does not run out"
    fresh = office.packet(round=2)
    assert office.desk.present(fresh).standing.state == "waiting"


def test_an_approval_runs_out_and_can_be_given_again(office: Office) -> None:
    packet = office.approve(office.packet())
    office.now += timedelta(hours=8)
    with pytest.raises(NotApproved):
        office.desk.authorise(packet)
    office.decide(packet, "ana", OPS)
    assert office.decide(packet, "ben", SEC).standing.state == "approved"


def test_a_later_checkpoint_needs_the_earlier_ones_to_hold(office: Office) -> None:
    *_, production = office.through("production_go_no_go")
    office.now += timedelta(hours=7, minutes=59)
    assert office.desk.authorise(production).state == "approved"
    with pytest.raises(DecisionRefused) as refused:
        office.desk.present(office.packet("staging_validation"))
    assert refused.value.reason == "earlier_checkpoint"
    staging = office.packet("staging_validation", round=2, earlier=production.earlier[:1])
    office.desk.present(staging)
    with pytest.raises(NotApproved, match="staging_validation is not approved: what was reviewed last is another"):
        office.desk.authorise(production)


def test_the_inbox_forgets_what_is_over(office: Office) -> None:
    office.desk.present(office.packet())
    assert len(office.desk.pending()) == 1
    office.desk.record("r1", "release_closed", still_open=False, outcome="cancelled")
    assert office.desk.pending() == ()
    office.decide(office.packet(), "ana")
    assert len(office.desk.pending()) == 1
    assert SRE not in [item.role for item in office.desk.pending()[0].standing.missing]
