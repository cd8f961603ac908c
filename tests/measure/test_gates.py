"""A policy may ask what earlier deployments have shown before production opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hug_agents.approve.clock import instant
from hug_agents.approve.measured import Bound, Measured, judged
from hug_agents.approve.policy import Rule
from hug_agents.approve.policy_file import default_text, parse_policy, policy_schema
from hug_agents.errors import DecisionRefused, PolicyError
from hug_agents.release import Release
from tests.approve.office import KEYS, OPS, SRE, Office, policy
from tests.governed import Site

AT = "2026-11-23T10:00:00Z"
LIMIT = {"change_failure_rate": {"at_most": 15, "at_least_deployments": 1}}


def bounded(metrics: Any = LIMIT, checkpoint: str = "production_go_no_go") -> Any:
    rules = policy().model_dump()["checkpoints"]
    return policy(tiers={}, checkpoints={**rules, checkpoint: {**rules[checkpoint], "metrics": metrics}})


def of(value: float | None, deployments: int = 10, name: Any = "change_failure_rate") -> Measured:
    return Measured(name=name, over_days=90, value=value, deployments=deployments, until=AT)


class TestBounds:
    def test_judged(self) -> None:
        bound = Bound(at_most=15)
        assert judged(bound, of(15), "change_failure_rate") == ""
        assert judged(bound, of(15.01), "change_failure_rate") == (
            "change failure rate: 15.01 % over 90 days, 10 deployments; the policy asks for at most 15 %"
        )
        assert judged(Bound(at_least=98), of(97.9), "deployment_success_rate")
        assert not judged(Bound(at_least=98), of(98), "deployment_success_rate")

    def test_too_little_says_nothing(self) -> None:
        assert judged(Bound(at_most=15), of(100, 4), "change_failure_rate") == ""
        assert judged(Bound(at_most=15), of(None, 0), "change_failure_rate") == ""

    def test_not_measured_is_not_passed(self) -> None:
        assert "was not measured" in judged(Bound(at_most=15), None, "change_failure_rate")
        assert "was not measured" in judged(Bound(at_most=15, over_days=30), of(0), "change_failure_rate")
        drift = of(None, name="configuration_drift_rate")
        assert "no data" in judged(Bound(at_most=5), drift, "configuration_drift_rate")
        never = of(None, name="mean_time_to_recovery")
        assert judged(Bound(at_most=30), never, "mean_time_to_recovery") == "", (
            "nothing failed: nothing to recover from"
        )


class TestPolicy:
    def text(self, metrics: str) -> bytes:
        return default_text().replace("    drill_max_age_hours: 720", f"    metrics: {metrics}", 1).encode()

    def test_it_is_read_and_named_by_the_digest(self) -> None:
        made = parse_policy(self.text("{change_failure_rate: {at_most: 15, over_days: 30}}"))
        assert made.checkpoints["production_go_no_go"].metrics["change_failure_rate"] == Bound(at_most=15, over_days=30)
        assert made.digest() != parse_policy(default_text().encode()).digest()

    @pytest.mark.parametrize(
        ("written", "what"),
        [
            ("{change_failure: {at_most: 15}}", "did you mean change_failure_rate?"),
            ("{change_failure_rate: {}}", "give at_most or at_least"),
            ("{change_failure_rate: {at_most: 1, at_least: 1}}", "give at_most or at_least"),
            ("{change_failure_rate: {at_mots: 15}}", "did you mean at_most?"),
            ("{change_failure_rate: {at_most: -1}}", "greater than or equal to 0"),
            ("{change_failure_rate: {at_most: 1.5}}", "integer"),
            ("{change_failure_rate: {at_most: 150}}", "change failure rate is in percent: at_most 150"),
            ("{change_failure_rate: {at_least: 15}}", "change failure rate takes at_most"),
            ("{deployment_success_rate: {at_most: 98}}", "deployment success rate takes at_least"),
            ("{mean_time_to_recovery: {at_least: 5}}", "mean time to recovery takes at_most"),
        ],
    )
    def test_a_mistake_is_named_with_its_line(self, written: str, what: str) -> None:
        with pytest.raises(PolicyError, match=r"governance\.yaml:34") as error:
            parse_policy(self.text(written))
        assert what in str(error.value)

    def test_the_schema_knows_it(self) -> None:
        schema = json.loads(policy_schema())
        document = yaml.safe_load(self.text("{change_failure_rate: {at_most: 15}}"))
        jsonschema.validate(document, schema)
        document["checkpoints"]["production_go_no_go"]["metrics"] = {"nothing": {"at_most": 1}}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, schema)

    def test_what_does_not_say_it_keeps_its_digest(self, tmp_path: Path) -> None:
        plain = Rule(roles=(OPS,), quorum=1)
        assert "metrics" not in plain.model_dump(mode="json")
        assert "metrics" not in Office(tmp_path).packet().model_dump(mode="json")


class TestDesk:
    """The same gap at the desk: a packet with these figures, whoever made it."""

    def go(self, office: Office, *found: Measured) -> Any:
        from hug_agents.approve.packet import Prior

        done = office.through("rollback_drill")
        earlier = tuple(Prior(checkpoint=item.checkpoint, packet=item.digest()) for item in done)
        return office.packet("production_go_no_go", earlier=earlier, metrics=found)

    @pytest.mark.parametrize("found", [(), (of(20),)], ids=["left out", "short"])
    def test_signatures_alone_do_not_open_it(self, tmp_path: Path, found: tuple[Measured, ...]) -> None:
        office = Office(tmp_path, bounded())
        packet = self.go(office, *found)
        assert "metrics" in {item.kind for item in office.desk.present(packet).standing.missing}
        office.decide(packet, "ana", OPS)
        standing = office.decide(packet, "cho", SRE).standing
        assert [item.kind for item in standing.missing] == ["metrics"] and standing.state == "waiting"
        taken = office.desk.override(office.override(packet), release="r1", packet=packet.digest())
        assert taken.standing.state == "approved"

    def test_nothing_to_override_where_it_holds(self, tmp_path: Path) -> None:
        office = Office(tmp_path, bounded())
        packet = self.go(office, of(10))
        assert "metrics" not in {item.kind for item in office.desk.present(packet).standing.missing}
        with pytest.raises(DecisionRefused, match="no metric is short"):
            office.desk.override(office.override(packet), release="r1", packet=packet.digest())


@pytest.fixture
def site(tmp_path: Path, green: object) -> Site:
    made = Site(tmp_path / "site")
    made.write_policy(bounded())
    return made


def released(site: Site, name: str) -> str:
    """A whole release, as far as it goes."""
    release = site.start(release=name)
    site.until(release, "production_go_no_go")
    return site.approve(release).outcome


class TestReleases:
    def test_a_bad_record_closes_production_until_it_is_overridden(self, site: Site) -> None:
        first = site.start(release="first")
        site.until(first, "production_go_no_go")
        assert not [item for item in first.status().waits_for if item.kind == "metrics"], "no record yet: not judged"
        site.target.fails = {"deploy", "shift", "promote"}
        assert site.approve(first).outcome == "rolled_back"
        site.target.fails = set()
        second = site.start(release="second")
        status = site.until(second, "production_go_no_go")
        short = [item.text for item in status.waits_for if item.kind == "metrics"]
        assert short == ["change failure rate: 100 % over 90 days, 1 deployment; the policy asks for at most 15 %"]
        assert "change failure rate: 100 %" in second.review().markdown().replace("\\", "")
        packet = status.packet
        assert status.next == "hug decide second approve --key NAME", "roles are missing too"
        status = site.approve(second)
        assert (status.checkpoint, status.packet) == ("production_go_no_go", packet), "asked about the same"
        assert "hug decide second --override --comment WHY" in status.next, "nothing but the figures stands in the way"
        assert "production second" not in " ".join(site.target.actions)
        before = len([item for item in site.target.actions if item.startswith("production")])
        site.later(hours=1)
        assert second.resume().packet == packet, "a later look finds the same figures, and asks about the same packet"
        second.override(reviewer="cho", key=KEYS["cho"], reason="it mends what the first broke")
        assert second.resume().outcome == "released"
        assert len([item for item in site.target.actions if item.startswith("production")]) > before

    def test_the_figures_are_measured_anew_when_a_signature_would_have_expired(self, site: Site) -> None:
        assert released(site, "first") == "released"
        second = site.start(release="second")
        old = site.until(second, "production_go_no_go").packet
        assert second.review().packet.metrics[0].value == 0
        site.later(hours=23)
        assert second.resume().packet == old
        site.later(hours=2)
        assert second.resume().packet != old
        assert Release.open("second", **site.common).review().packet.metrics[0].until == instant(site.now)
