"""What counts: waivers, drills, tiers, solo."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hug_agents.approve.clock import instant
from hug_agents.approve.packet import DrillRecord, Packet, Prior, reviewed, waiver_refs
from hug_agents.approve.risk import Risk
from hug_agents.approve.waiver import finding_id
from hug_agents.canonical import sha256
from hug_agents.errors import DecisionRefused, NotApproved
from hug_agents.validate.gate import Finding, GateResult
from tests.approve.office import GREEN, KEYS, OPS, SEC, SRE, Office, people, policy

FINDING = Finding(gate="hadolint", rule="DL3008", severity="error", message="pin versions", file="Dockerfile", line=3)
RED = (*GREEN, GateResult(name="hadolint", tool="hadolint", version="2.12", status="failed", findings=(FINDING,)))
BUNDLE = sha256(b"manifest")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def waive(office: Office, envelope: bytes, **changes: Any) -> None:
    given: dict[str, Any] = {"release": "r1", "bundle": BUNDLE, "requester": "req", "gates": RED}
    office.desk.waive(envelope, **given | changes)


@pytest.mark.parametrize(
    "results",
    [
        RED,
        (),
        (*GREEN, GateResult(name="conftest", tool="conftest", status="skipped", reason="conftest, install with x")),
        (*GREEN, GateResult(name="conftest", tool="conftest", status="error", reason="it crashed")),
        (GateResult(name="advice", tool="x", status="failed", required=False, findings=(FINDING,)),),
    ],
    ids=["failed", "none", "skipped", "error", "optional failed"],
)
def test_nobody_is_asked_while_a_gate_is_not_green(office: Office, results: tuple[GateResult, ...]) -> None:
    with pytest.raises(DecisionRefused) as refused:
        office.desk.present(office.packet(gates=reviewed(results)))
    assert refused.value.reason == "gates_not_green"
    assert list(office.desk.ledger.stream()) == []


def test_an_optional_gate_that_was_skipped_is_no_obstacle(office: Office) -> None:
    skipped = GateResult(name="zizmor", tool="zizmor", status="skipped", reason="zizmor, install", required=False)
    office.desk.present(office.packet(gates=reviewed((*GREEN, skipped))))
    rules = office.policy.model_dump()["checkpoints"]
    rules["pre_deployment"]["gates"] = ["zizmor", "checkov"]
    office.policy = policy(checkpoints=rules, version=2)
    with pytest.raises(DecisionRefused, match=r"gate checkov has not run; gate zizmor is skipped"):
        office.desk.present(office.packet(gates=reviewed((*GREEN, skipped))))


def test_a_waiver_lets_one_finding_of_one_bundle_stand_for_a_while(office: Office) -> None:
    waive(office, office.waiver(BUNDLE, finding_id(FINDING)))
    gates = reviewed(RED)
    with pytest.raises(DecisionRefused, match="DL3008 in Dockerfile is neither mended nor waived"):
        office.desk.present(office.packet(gates=gates))
    refs = waiver_refs(office.desk.waivers("r1", BUNDLE))
    with pytest.raises(DecisionRefused, match="DL3008"):
        office.desk.present(office.packet(gates=gates, waivers=refs, bundle=sha256(b"another")))
    packet = office.approve(office.packet(gates=gates, waivers=refs))
    assert office.desk.authorise(packet).state == "approved"
    office.now += timedelta(hours=7)
    office.desk.authorise(packet)
    office.now += timedelta(days=2)
    assert office.desk.waivers("r1", BUNDLE) == ()
    with pytest.raises(NotApproved, match="DL3008 in Dockerfile is neither mended nor waived"):
        office.desk.authorise(packet)


@pytest.mark.parametrize(
    ("changes", "given", "reason"),
    [
        ({"key": KEYS["ana"], "reviewer": "ana"}, {}, "role_not_held"),
        ({"key": KEYS["eve"]}, {}, "unknown_key"),
        ({"finding": sha256(b"no such")}, {}, "unknown_finding"),
        ({}, {"bundle": sha256(b"other")}, "wrong_bundle"),
        ({}, {"release": "r2"}, "wrong_release"),
        ({}, {"requester": "ben"}, "requester"),
        ({}, {"gates": GREEN}, "unknown_finding"),
        ({"expires": "2027-06-01T00:00:00Z"}, {}, "lasts_too_long"),
    ],
)
def test_a_waiver_that_is_refused(office: Office, changes: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    before = office.packet()
    office.desk.present(before)
    envelope = office.waiver(BUNDLE, changes.pop("finding", finding_id(FINDING)), **changes)
    snapshot = office.snapshot()
    with pytest.raises(DecisionRefused) as refused:
        waive(office, envelope, **given)
    assert refused.value.reason == reason and office.snapshot() == snapshot


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (None, "no rollback drill"),
        ({"outcome": "failed"}, "the rollback drill failed"),
        ({"bundle": sha256(b"other")}, "of another bundle"),
        ({"finished": "2026-10-01T00:00:00Z"}, "older than 720 h"),
    ],
)
def test_production_needs_a_drill_of_this_bundle(office: Office, record: dict[str, str] | None, what: str) -> None:
    done = office.through("rollback_drill")
    priors = tuple(Prior(checkpoint=item.checkpoint, packet=item.digest()) for item in done)
    good = {"bundle": BUNDLE, "environment": "staging", "outcome": "passed", "finished": instant(office.now)}
    drill = None if record is None else DrillRecord.model_validate(
        {**good, "seconds": 9, "evidence": BUNDLE, **record}
    )  # fmt: skip
    packet = office.packet("production_go_no_go", earlier=priors, drill=drill)
    office.desk.present(packet)
    office.decide(packet, "ana", OPS)
    office.decide(packet, "cho", SRE)
    with pytest.raises(NotApproved, match=what):
        office.desk.authorise(packet)


def test_a_tier_changes_who_must_sign(office: Office) -> None:
    low = office.packet(risk=Risk(tier="low", reasons=()))
    office.desk.present(low)
    assert office.decide(low).standing.state == "approved"
    worst = office.packet(risk=Risk(tier="destructive", reasons=()), round=2)
    office.desk.present(worst)
    office.decide(worst, "ana", OPS)
    assert office.decide(worst, "ben", SEC).standing.state == "waiting"
    assert office.decide(worst, "cho", SRE).standing.state == "approved"


def test_a_quorum_above_the_roles_needs_more_people(office: Office) -> None:
    rules = office.policy.model_dump()["checkpoints"]
    rules["pre_deployment"]["quorum"] = 3
    office.policy = policy(checkpoints=rules)
    packet = office.packet()
    office.desk.present(packet)
    office.decide(packet, "ana", OPS)
    standing = office.decide(packet, "ben", SEC).standing
    assert [(item.kind, item.who) for item in standing.missing] == [("quorum", ("dee",))]
    assert office.decide(packet, "dee", SEC).standing.state == "approved"


def test_no_signature_for_a_low_risk_in_staging_never_in_production(office: Office) -> None:
    office.policy = policy(tiers={"low": {"pre_deployment": {"roles": [], "quorum": 0}}})
    low = Risk(tier="low", reasons=())
    assert office.desk.present(office.packet(risk=low)).standing.state == "approved"
    production = office.packet(risk=low).environment.model_copy(update={"role": "production"})
    standing = office.desk.present(office.packet(risk=low, environment=production)).standing
    assert [item.role for item in standing.missing] == [OPS, SEC]


def test_an_early_checkpoint_never_opens_production(office: Office) -> None:
    packet = office.packet()
    packet = office.approve(
        packet.model_copy(update={"environment": packet.environment.model_copy(update={"role": "production"})})
    )
    assert office.desk.standing(packet).state == "approved"
    with pytest.raises(NotApproved, match="pre_deployment does not open production"):
        office.desk.authorise(packet)


def test_solo_is_one_person_in_every_role_and_says_so(office: Office) -> None:
    office.policy = policy(mode="solo", people=people("dee"))
    packet = office.packet(requester="dee")
    taken = office.desk.present(packet)
    assert taken.notice.startswith("SOLO MODE: Dee signs in every role")
    office.decide(packet, "dee", OPS)
    with pytest.raises(DecisionRefused):
        office.decide(packet, "dee", OPS)
    taken = office.decide(packet, "dee", SEC)
    assert taken.standing.state == "approved" and taken.standing.solo
    assert "SOLO MODE" in taken.entry.body, "it is logged with the decision"
    assert packet.policy.mode == "solo"


def test_the_same_results_give_the_same_bytes() -> None:
    slow = tuple(item.model_copy(update={"seconds": 99.0}) for item in reversed(RED))
    assert reviewed(slow) == reviewed(RED)
    moved = FINDING.model_copy(update={"remedy": "other", "owner": "devops"})
    assert finding_id(moved) == finding_id(FINDING) != finding_id(FINDING.model_copy(update={"line": 4}))


def test_a_packet_is_its_digest_and_back(office: Office) -> None:
    packet = office.packet("production_go_no_go")
    assert Packet.model_validate_json(packet.model_dump_json()).digest() == packet.digest()
    copied = packet.model_copy(update={"round": 2})
    assert copied.digest() != packet.digest(), "a digest is never remembered from another packet"
