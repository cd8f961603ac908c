"""Whole releases under traffic: watched step by step, taken back when they are bad, stopped and settled by people."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.approve.audit import verify
from hug_agents.approve.ledger import Ledger
from hug_agents.errors import DecisionRefused, NeedsPerson, NotApproved, UsageError
from hug_agents.execute.events import Recorded, events
from hug_agents.execute.target import Outcome, Work
from hug_agents.release import Release, drills_due, releases
from hug_agents.rollout.drill import DrillReport
from tests.approve.office import KEYS, policy
from tests.live import CANARY, Live


def released(live: Live, tag: str = "1.0.0", **more: Any) -> Release:
    assert live.site is not None
    release = live.site.start(CANARY.format(tag=tag), **more)
    live.site.until(release, "production_go_no_go")
    return release


def first(live: Live) -> Release:
    """A version that everybody uses."""
    assert live.site is not None
    release = released(live)
    assert live.site.approve(release).outcome == "released"
    live.site.later(minutes=5)
    return release


def bundle_of(release: Release) -> str:
    return release.status().bundle


def told(live: Live, release: Release) -> list[Recorded]:
    assert live.site is not None
    with Ledger(live.site.store / "ledger.sqlite").reading() as reader:
        return list(events(reader.of(release.id)))


def production(live: Live) -> list[str]:
    return [
        f"{work.order.action} {work.order.weight}" for work in live.done if work.order.environment.role == "production"
    ]


class TestCanary:
    def test_a_good_version_goes_step_by_step(self, live: Live) -> None:
        first(live)
        live.done.clear()
        second = released(live, "1.1.0")
        began = live.site.now if live.site else None
        assert live.site and began
        assert live.site.approve(second).outcome == "released"
        assert production(live) == ["deploy 0", "shift 10", "shift 50", "shift 100", "promote 100", "retire 100"]
        assert (live.site.now - began).total_seconds() >= 3 * 60 + 900, "each step was held, and the old kept ready"
        said = [(item.outcome, item.detail.split(":")[0]) for item in told(live, second) if item.name == "verdict"]
        assert said == [
            ("good", f"step {step} at {weight} %") for step, weight in ((2, 10), (4, 50), (6, 100), (8, 100))
        ]
        assert live.world["production"] == bundle_of(second)

    def test_the_first_version_waits_for_no_old_one(self, live: Live) -> None:
        release = released(live)
        began = live.site.now if live.site else None
        assert live.site and began
        assert live.site.approve(release).outcome == "released"
        assert production(live)[-2:] == ["promote 100", "retire 100"]
        assert (live.site.now - began).total_seconds() < 900, "there is no old version to keep ready"

    def test_a_bad_one_comes_back_by_itself(self, live: Live) -> None:
        old = first(live)
        second = released(live, "1.1.0")
        live.errors[bundle_of(second)] = 0.2
        live.done.clear()
        assert live.site
        status = live.site.approve(second)
        assert (status.stage, status.outcome) == ("ended", "rolled_back")
        assert status.passed[-1] == "production_go_no_go", "people opened it, whatever came of it"
        assert production(live) == ["deploy 0", "shift 10", "rollback 0"], "it never took more than a tenth"
        assert live.weights["production"] == {bundle_of(old): 100}
        names = [item.name for item in told(live, second) if item.environment == "production"]
        assert names.count("rollback_ended") == 1
        assert [item.outcome for item in told(live, second) if item.name == "verdict"] == ["bad"]
        assert status.diagnosis and status.diagnosis.recommendation == "roll_back"
        ended = [item for item in told(live, second) if item.name == "deployment_ended"]
        assert [(item.environment, item.outcome) for item in ended] == [
            ("staging", "deployed"),
            ("production", "rolled_back"),
        ]
        assert released(live, "1.2.0").review().packet.previous == bundle_of(old)

    def test_a_failing_one_comes_back_between_two_looks(self, live: Live) -> None:
        first(live)
        assert live.site
        site, began, looks = live.site, [live.site.now], []

        def tell(stage: str, detail: Any) -> None:
            if stage == "effect" and "production: shift" in detail:
                began[0] = site.now
            if stage == "look":
                looks.append(((site.now - began[0]).total_seconds(), detail[2]))

        second = released(live, "1.1.0", progress=tell)
        live.errors[bundle_of(second)] = 0.2
        assert site.approve(second).outcome == "rolled_back"
        ((seconds, verdict),) = looks
        assert seconds < 6, "the looks are 6 s apart"
        assert [check.name for check in verdict.checks] == ["failures of hello"]

    def test_the_way_back_asks_for_no_approval_that_still_holds(self, live: Live, monkeypatch: Any) -> None:
        """Signatures run out, the policy changes, a freeze begins: a bad version does not stand for that."""
        first(live)
        second = released(live, "1.1.0")
        live.errors[bundle_of(second)] = 0.2
        assert live.site
        carried = Live.apply

        def late(self: Live, work: Work) -> Outcome:
            outcome = carried(self, work)
            if work.order.action == "shift" and self.site:
                self.site.later(days=10)
                self.site.write_policy(policy(version=2))
            return outcome

        monkeypatch.setattr(Live, "apply", late)
        assert live.site.approve(second).outcome == "rolled_back"

    def test_too_little_to_judge_by_waits_and_then_asks(self, live: Live) -> None:
        first(live)
        second = released(live, "1.1.0")
        live.rate = 0
        assert live.site
        status = live.site.approve(second)
        assert (status.stage, status.matter and status.matter.kind) == ("attention", "inconclusive")
        assert production(live)[-1] == "shift 10"
        live.rate = 100
        second.settle("hold", reviewer="cho", key=KEYS["cho"], reason="the traffic was cut off upstream")
        assert second.resume().outcome == "released"

    @pytest.mark.parametrize(("choice", "outcome"), [("continue", "attention"), ("roll_back", "rolled_back")])
    def test_a_person_settles_it(self, live: Live, choice: Any, outcome: str) -> None:
        first(live)
        second = released(live, "1.1.0")
        live.rate = 0
        assert live.site
        live.site.approve(second)
        with pytest.raises(DecisionRefused, match="the answers are continue, hold, roll_back"):
            second.settle("done", reviewer="cho", key=KEYS["cho"], reason="no such answer")
        with pytest.raises(DecisionRefused, match="not one of cho's"):
            second.settle(choice, reviewer="cho", key=KEYS["ana"], reason="another's key")
        second.settle(choice, reviewer="ana", key=KEYS["ana"], reason="nobody is awake")
        status = second.resume()
        assert outcome in (status.outcome, status.stage)
        if choice == "continue":
            assert production(live)[-1] == "shift 50", "the next step has to be settled too"

    def paused(self, live: Live, monkeypatch: pytest.MonkeyPatch) -> Release:
        """A second version that stands still at half of the traffic."""
        second = released(live, "1.1.0")
        assert live.site
        site, looked = live.site, Live.counters

        def pausing(self: Live, *args: Any) -> Any:
            if self.weights.get("production", {}).get(bundle_of(second)) == 50:
                site.open(second).pause("cho")
            return looked(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(Live, "counters", pausing)
            status = site.approve(second)
        assert (status.stage, status.matter and status.matter.kind) == ("attention", "paused")
        assert production(live)[-1] == "shift 50"
        return second

    def test_paused_and_gone_on(self, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        first(live)
        second = self.paused(live, monkeypatch)
        assert live.site
        assert live.site.open(second).resume().outcome == "released"

    def test_paused_while_the_old_version_is_watched_first(self, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        first(live)
        second = released(live, "1.1.0")
        assert live.site
        site, looked, asked = live.site, Live.counters, []
        live.done.clear()

        def pausing(self: Live, *args: Any) -> Any:
            if not asked:
                asked.append(True)
                site.open(second).pause("cho")
            return looked(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(Live, "counters", pausing)
            status = site.approve(second)
        assert status.matter and status.matter.evidence == "by cho, at step 1 (deploy 0 %)"
        assert not production(live)
        assert site.open(second).resume().outcome == "released"

    @pytest.mark.parametrize(("choice", "outcome"), [("continue", "released"), ("roll_back", "rolled_back")])
    def test_paused_and_settled_by_a_signature(
        self, live: Live, monkeypatch: pytest.MonkeyPatch, choice: Any, outcome: str
    ) -> None:
        """What somebody signed is what happens, whoever resumes."""
        old = first(live)
        second = self.paused(live, monkeypatch)
        second.settle(choice, reviewer="ana", key=KEYS["ana"], reason="looked at the logs")
        assert live.site
        status = live.site.open(second).status()
        assert status.settled == f"{choice} by ana: looked at the logs"
        assert status.next == f"hug release resume {second.id}"
        status = live.site.open(second).resume()
        assert (status.outcome, status.settled) == (outcome, "")
        assert live.world["production"] == bundle_of(second if choice == "continue" else old)

    def test_aborted_by_hand(self, live: Live) -> None:
        old = first(live)
        second = released(live, "1.1.0")
        live.rate = 0
        assert live.site
        assert live.site.approve(second).stage == "attention"
        status = live.site.open(second).abort("ana")
        assert (status.outcome, "aborted by ana" in status.notice) == ("rolled_back", True)
        assert live.world["production"] == bundle_of(old)


class TestBack:
    def test_after_promotion_too(self, live: Live) -> None:
        old = first(live)
        second = released(live, "1.1.0")
        assert live.site
        live.site.approve(second)
        live.site.later(days=20)
        with pytest.raises(DecisionRefused):
            second.rollback(reviewer="ben", key=KEYS["ben"], reason="Security does not decide this")
        went = live.site.open(second).rollback(reviewer="cho", key=KEYS["cho"], reason="customers see wrong prices")
        assert went.how == "rolled_back"
        assert live.weights["production"] == {bundle_of(old): 100}
        with pytest.raises(UsageError, match="does not run there now"):
            second.rollback(reviewer="cho", key=KEYS["cho"], reason="again")
        third = released(live, "1.2.0")
        assert third.review().packet.previous == bundle_of(old)
        assert verify(Ledger(live.site.store / "ledger.sqlite")).entries > 0

    def test_not_without_a_word_of_today(self, live: Live) -> None:
        from hug_agents.execute.dossier import Dossier
        from hug_agents.office import open_office
        from hug_agents.store import Store
        from hug_agents.workflow import run as graph

        assert live.site
        release = first(live)
        executor = open_office(
            Store(live.site.store),
            policy=live.site.policy_file,
            targets=lambda _: live,
            clock=lambda: live.site.now,  # type: ignore[union-attr]
        )
        state = graph.look(release._crew, release.id).state
        dossier = executor.store.get_model(Dossier, state["dossier"])
        executor.register.lock(release.id, "hello", "production", ended_too=True)
        done = len(live.done)
        with pytest.raises(NotApproved if False else Exception, match="promoted"):
            executor.carry_out(dossier, "rollback", weight=0)
        assert len(live.done) == done

    def test_nothing_of_a_release_that_put_nothing_there(self, live: Live) -> None:
        first(live)
        second = released(live, "1.1.0")
        from hug_agents.execute.dossier import Dossier
        from hug_agents.workflow import run as graph

        state = graph.look(second._crew, second.id).state
        executor = second._crew.executor
        dossier = executor.store.get_model(Dossier, state["dossier"])
        with pytest.raises(NotApproved, match="nothing to take back"):
            executor.carry_out(dossier, "rollback", weight=0)

    def test_one_that_fails_stops_and_asks(self, live: Live) -> None:
        first(live)
        second = released(live, "1.1.0")
        live.errors[bundle_of(second)] = 0.2
        live.fails = {"rollback"}
        assert live.site
        status = live.site.approve(second)
        assert (status.stage, status.matter and status.matter.kind) == ("attention", "rollback_failed")
        found = status.diagnosis
        assert found and (found.occasion, found.what) == ("run", "rollback in production by recorder")
        assert second.resume().stage == "attention", "nothing is tried again by itself"
        tried = production(live).count("rollback 0")
        assert tried == 1
        live.fails = set()
        second.settle("retry", reviewer="ana", key=KEYS["ana"], reason="the quota was raised")
        assert second.resume().outcome == "rolled_back"

    def test_one_by_hand_that_fails_is_found_again(self, live: Live) -> None:
        """Whoever looks later, from another process, sees what stands still, where it is settled, and what is next."""
        old = first(live)
        second = released(live, "1.1.0")
        assert live.site
        live.site.approve(second)
        live.fails = {"rollback"}
        by_hand = {"reviewer": "cho", "key": KEYS["cho"], "reason": "wrong prices"}
        with pytest.raises(NeedsPerson, match="as the test wants it"):
            second.rollback(**by_hand)
        status = live.site.open(second).status()
        assert (status.outcome, status.matter and status.matter.kind) == ("released", "rollback_failed")
        assert status.next.startswith("hug release settle")
        assert [item.id for item in releases(store=live.site.store, open_only=True)] == [second.id]
        second.settle("retry", reviewer="ana", key=KEYS["ana"], reason="the quota was raised")
        assert live.site.open(second).status().next.startswith(f"hug rollback {second.id}")
        live.fails = set()
        assert second.rollback(**by_hand).how == "rolled_back"
        status = live.site.open(second).status()
        assert (status.matter, status.next, status.notice) == (None, "", "production: rolled back afterwards")
        assert releases(store=live.site.store, open_only=True) == ()
        assert live.world["production"] == bundle_of(old)

    def test_left_as_it_is(self, live: Live) -> None:
        first(live)
        second = released(live, "1.1.0")
        live.errors[bundle_of(second)] = 0.2
        live.fails = {"rollback"}
        assert live.site
        live.site.approve(second)
        second.settle("leave", reviewer="ana", key=KEYS["ana"], reason="we look at it by hand")
        status = second.resume()
        assert (status.outcome, "not rolled back" in status.notice) == ("failed", True)


class TestDrill:
    def report(self, release: Release) -> DrillReport:
        found = release.drilled()
        assert found
        return found

    def test_every_phase_is_timed_and_kept(self, live: Live) -> None:
        first(live)
        report = self.report(released(live, "1.1.0"))
        assert [(phase.name, phase.outcome) for phase in report.phases] == [
            ("the version before", "done"),
            ("as before", "none"),
            ("this version", "done"),
            ("inject errors", "done"),
            ("notice", "left out"),
            ("rollback", "done"),
            ("compare with before", "none"),
            ("deploy again", "done"),
        ]
        assert report.fault == "errors"

    @pytest.mark.parametrize("sabotage", ["no-op", "wrong image", "traffic only", "desired state only"])
    def test_a_sabotaged_way_back_fails_it(self, live: Live, monkeypatch: Any, sabotage: str) -> None:
        first(live)
        real = Live.rollback
        assert live.site
        second = live.site.start(CANARY.format(tag="1.1.0"))
        live.site.until(second, "rollback_drill")

        def sabotaged(self: Live, work: Work) -> Outcome:
            place = work.order.environment.name
            if work.order.step == 0:
                return real(self, work)
            if sabotage != "no-op":
                real(self, work)
            if sabotage == "wrong image":
                self.world[place] = "sha256:" + "0" * 64
            if sabotage == "traffic only":
                self.world[place] = work.order.bundle
            if sabotage == "desired state only":
                self.weights[place] = {work.order.bundle: 100}
            return Outcome(status="done", detail="all is well")

        monkeypatch.setattr(Live, "rollback", sabotaged)
        status = live.site.approve(second)
        assert (status.checkpoint, "drill failed" in status.notice) == ("rollback_drill", True)
        assert self.report(second).phases[-1].outcome == "different"

    def test_a_kind_that_the_target_cannot_inject(self, live: Live) -> None:
        assert live.site
        second = live.site.start(CANARY.format(tag="1.1.0"), fault="latency")
        live.site.until(second, "rollback_drill")
        assert "drill failed" in live.site.approve(second).notice

    def test_by_the_schedule_of_the_policy(self, live: Live, monkeypatch: Any) -> None:
        assert live.site
        live.site.write_policy(policy(drills={"schedule": "0 9 * * 1"}))
        release = first(live)
        common = {"store": live.site.store, "policy": live.site.policy_file}
        monkeypatch.setattr("hug_agents.release._office", lambda *_: release._crew.executor)
        assert drills_due(**common) == ()
        live.site.later(days=8)
        assert [item.id for item in drills_due(**common)] == [release.id]
        rehearsal = release.rehearse("kim")
        for _ in range(3):
            status = live.site.approve(rehearsal)
        assert (status.stage, status.outcome) == ("ended", "drilled")
        assert drills_due(**common) == ()
        assert live.world["production"] == bundle_of(release), "production was not touched"

    def test_what_runs_after_a_rollback_is_due_too(self, live: Live, monkeypatch: Any) -> None:
        assert live.site
        live.site.write_policy(policy(drills={"schedule": "0 9 * * 1"}))
        release = first(live)
        second = released(live, "1.1.0")
        assert live.site.approve(second).outcome == "released"
        second.rollback(reviewer="cho", key=KEYS["cho"], reason="orders are counted twice")
        monkeypatch.setattr("hug_agents.release._office", lambda *_: release._crew.executor)
        live.site.later(days=8)
        due = drills_due(store=live.site.store, policy=live.site.policy_file)
        assert [item.id for item in due] == [release.id]
