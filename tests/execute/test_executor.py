"""The one door: authorised each time, at most once, alone in its environment."""

from __future__ import annotations

import pytest
from filelock import FileLock

from hug_agents.canonical import sha256
from hug_agents.errors import EnvironmentBusy, InDoubt, NotApproved, TamperedObject
from hug_agents.execute.dossier import Dossier
from hug_agents.execute.events import events
from hug_agents.execute.target import Observation, PlanStale
from hug_agents.release import Release
from hug_agents.store import Store
from tests.approve.office import KEYS
from tests.governed import Recorder, Site


@pytest.fixture
def release(site: Site) -> Release:
    return site.start()


@pytest.fixture
def dossier(site: Site, release: Release) -> Dossier:
    return Store(site.store).get_model(Dossier, release._state()["dossier"])


def approve(release: Release) -> None:
    for name in ("ana", "ben"):
        release.decide("approve", reviewer=name, key=KEYS[name])


def test_without_signatures_it_names_what_is_missing(site: Site, release: Release, dossier: Dossier) -> None:
    with pytest.raises(NotApproved) as refused:
        release._executor.carry_out(dossier, "deploy")
    assert refused.value.missing == ("the signature of an Operations Engineer", "the signature of a Security Engineer")
    assert refused.value.exit_code == 5
    assert site.target.done == []


def test_the_same_order_is_carried_out_once(site: Site, release: Release, dossier: Dossier) -> None:
    approve(release)
    first = release._executor.carry_out(dossier, "deploy", step=1)
    assert site.open(release)._executor.carry_out(dossier, "deploy", step=1) == first
    assert len(site.target.done) == 1
    release._executor.carry_out(dossier, "shift", step=2, weight=10)
    release._executor.carry_out(dossier, "shift", step=2, weight=50)
    assert len(site.target.done) == 3, "another weight is another effect"


def test_it_asks_again_before_each(site: Site, release: Release, dossier: Dossier) -> None:
    approve(release)
    release._executor.carry_out(dossier, "deploy", step=1)
    site.later(days=8)
    with pytest.raises(NotApproved):
        release._executor.carry_out(dossier, "promote", step=2)
    assert len(site.target.done) == 1


@pytest.mark.parametrize(
    ("state", "again"), [("done", False), ("not_done", True), ("partial", True), ("unknown", None)]
)
def test_what_was_begun_is_looked_at_first(
    site: Site, release: Release, dossier: Dossier, monkeypatch: pytest.MonkeyPatch, state: str, again: bool | None
) -> None:
    approve(release)
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "apply", lambda self, work: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            release._executor.carry_out(dossier, "deploy")
    site.target.sees = Observation.model_validate({"state": state, "evidence": "looked"})
    executor = site.open(release)._executor
    if again is None:
        with pytest.raises(InDoubt, match="looked"):
            executor.carry_out(dossier, "deploy")
    else:
        assert executor.carry_out(dossier, "deploy").status == "done"
        assert len(site.target.done) == again


def test_a_stale_plan_leaves_nothing_begun(
    site: Site, release: Release, dossier: Dossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(release)

    def stale(self: Recorder, work: object) -> None:
        raise PlanStale("the world moved")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "apply", stale)
        site.target.settings = {"where": "the world as it is now"}
        status = release.resume()
    assert (status.stage, status.checkpoint, status.effects) == ("checkpoint", "pre_deployment", ())
    assert "went stale" in status.notice
    assert status.signatures == (), "another plan is another packet"
    assert site.approve(release).checkpoint == "staging_validation"


def test_one_process_at_a_time(site: Site, release: Release, dossier: Dossier) -> None:
    approve(release)
    [lock] = [sha256(b"hello/staging").removeprefix("sha256:")[:24]]
    with FileLock(site.store / "locks" / f"{lock}.lock"), pytest.raises(EnvironmentBusy, match="another process"):
        release._executor.carry_out(dossier, "deploy")
    assert site.target.done == []


def test_a_target_that_plans_something_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Recorder.plan

    def other(self: Recorder, *about: object) -> object:
        return honest(self, *about).model_copy(update={"bundle": sha256(b"another")})  # type: ignore[arg-type]

    monkeypatch.setattr(Recorder, "plan", other)
    with pytest.raises(Exception, match="planned something else"):
        site.start()


def test_a_plan_that_was_altered(site: Site, release: Release, dossier: Dossier) -> None:
    approve(release)
    path = Store(site.store)._path(dossier.plan)
    path.write_bytes(path.read_bytes().replace(b"here", b"therE"[:4]))
    with pytest.raises(TamperedObject):
        release._executor.carry_out(dossier, "deploy")
    assert site.target.done == []


def test_the_ledger_tells_it(site: Site, release: Release) -> None:
    site.until(release, "production_go_no_go")
    site.approve(release)
    desk = release._executor.desk
    with desk.ledger.reading() as reader:
        told = [(item.name, item.environment, item.outcome) for item in events(reader.of(release.id))]
    assert told[:2] == [("release_began", "", ""), ("deployment_began", "staging", "")]
    assert ("drill_ended", "staging", "passed") in told
    assert told[-2:] == [("deployment_ended", "production", "deployed"), ("release_ended", "", "released")]
    names = [name for name, _, _ in told]
    assert names.count("effect_began") == names.count("effect_ended") == len(site.target.done)
    assert names.count("deployment_began") == names.count("deployment_ended") == 2
