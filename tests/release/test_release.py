"""A governed release: begun, decided by several people, found again, and moved only as far as signatures reach."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hug_agents.approve.audit import verify
from hug_agents.approve.ledger import Ledger
from hug_agents.approve.waiver import finding_id
from hug_agents.errors import DecisionRefused, EnvironmentBusy, NotApproved, UsageError
from hug_agents.execute.events import events
from hug_agents.execute.target import Abilities, Observation
from hug_agents.generation import generate
from hug_agents.planning import plan
from hug_agents.release import inbox, releases
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec
from hug_agents.store import Store
from hug_agents.validate import Finding, GateResult
from tests.approve.office import KEYS, policy
from tests.governed import REQUEST, SIGNERS, Recorder, Site

FAILED = Finding(gate="stand-in", rule="X1", severity="error", message="open to the world", file="main.tf", line=3)


def test_three_people_take_it_through_all_four(site: Site) -> None:
    release = site.start()
    for checkpoint, people in SIGNERS.items():
        status = site.open(release).status()
        assert (status.stage, status.checkpoint) == ("checkpoint", checkpoint)
        assert set(people) <= {name for item in status.waits_for for name in item.who}
        done = len(site.target.done)
        for name in people:
            assert release.resume().checkpoint == checkpoint, "not all have signed"
            assert len(site.target.done) == done
            site.open(release).decide("approve", reviewer=name, key=KEYS[name], comment="fine")
        release = site.open(release)
        status = release.resume()
    assert (status.stage, status.outcome, status.next) == ("ended", "released", "")
    assert site.target.actions == [
        "staging release deploy",
        "staging release promote",
        "staging drill-1-before rollback",
        "staging drill-1 deploy",
        "staging drill-1 promote",
        "staging drill-1 rollback",
        "staging drill-1-again deploy",
        "staging drill-1-again promote",
        "production release deploy",
        "production release promote",
    ]
    assert len(set(site.target.keys)) == len(site.target.keys)
    assert verify(Ledger(site.store / "ledger.sqlite")).signatures == 6
    assert release.resume().outcome == "released", "resuming an ended release does nothing"


def test_the_second_release_shows_what_differs_from_the_first(site: Site) -> None:
    first = site.start()
    site.until(first, "production_go_no_go")
    site.approve(first)
    site.later(hours=1)
    second = site.start(REQUEST + ". Run five replicas in production")
    review = second.review()
    assert review.packet.previous == first.status().bundle
    changed = {item.path for item in review.files}
    assert "spec.json" in changed
    assert "+" in review.markdown()
    assert "the first release here" not in review.markdown()


def test_what_was_generated_can_be_released(site: Site) -> None:
    made = generate(REQUEST, store=site.store)
    release = site.start(made)
    assert release.status().bundle == made.bundle.digest()
    assert site.start(made.bundle, requester="lee", release="of-a-bundle").status().stage == "blocked"
    changed = release.decide(
        "request_changes", reviewer="ana", key=KEYS["ana"], comment="Run five replicas in production."
    )
    assert changed.standing.state == "changes"
    status = release.resume()
    assert (status.checkpoint, status.bundle == made.bundle.digest()) == ("pre_deployment", False)


def test_a_wanted_change_starts_over_with_other_bytes(site: Site) -> None:
    release = site.start()
    before = site.until(release, "staging_validation").bundle
    release.decide("request_changes", reviewer="cho", key=KEYS["cho"], comment="Run five replicas in production.")
    status = release.resume()
    assert (status.checkpoint, status.passed, status.signatures) == ("pre_deployment", (), ())
    assert status.bundle != before
    state = release._state()
    spec = Store(site.store).get_model(DeploymentSpec, state["spec"])
    assert spec.in_environment(spec.services[0], spec.production[0]).replicas == 5
    assert site.approve(release).checkpoint == "staging_validation"
    assert site.target.actions.count("staging release deploy") == 2, "another bundle is another effect"


def test_a_change_that_changes_nothing_is_asked_about_anew(site: Site) -> None:
    release = site.start()
    first = release.status()
    release.decide("request_changes", reviewer="ana", key=KEYS["ana"], comment="")
    second = release.resume()
    assert (second.bundle, second.checkpoint) == (first.bundle, "pre_deployment")
    assert second.packet != first.packet
    assert site.approve(release).checkpoint == "staging_validation"


def test_a_rejection_ends_it_and_frees_the_environment(site: Site) -> None:
    release = site.start()
    release.decide("reject", reviewer="ben", key=KEYS["ben"], comment="not on a Friday")
    status = release.resume()
    assert (status.stage, status.outcome) == ("ended", "rejected")
    assert "not on a Friday" in status.notice
    assert site.target.done == []
    assert site.start(requester="lee").status().stage == "checkpoint"


def test_one_environment_is_held_by_one_release(site: Site) -> None:
    first, second = site.start(), site.start(release="second")
    status = second.status()
    assert (status.stage, status.checkpoint) == ("blocked", None)
    assert first.id in status.notice
    assert second.resume().stage == "blocked"
    other = site.start(REQUEST.replace("hello", "adieu"), release="other")
    assert other.status().stage == "checkpoint", "another application's environments are others"
    assert first.cancel("the customer called").outcome == "cancelled"
    assert second.resume().stage == "checkpoint"
    with pytest.raises(UsageError, match="nothing waits"):
        first.decide("approve", reviewer="ana", key=KEYS["ana"])
    assert {item.id for item in releases(store=site.store, open_only=True)} == {"second", "other"}
    assert [item.packet.release for item in inbox(store=site.store, policy=site.policy_file, person="ben")] == [
        "other",
        "second",
    ]


def test_questions_come_first(site: Site) -> None:
    release = site.start("Deploy hello to the Kubernetes cluster main, rolling, health check on /healthz")
    status = release.status()
    assert status.stage == "questions"
    assert {"services.hello.image", "services.hello.port"} <= {item["id"] for item in status.questions}
    with pytest.raises(UsageError, match="no such question: colour"):
        release.resume({"colour": "red"})
    status = site.open(release).resume({"services.hello.image": "ghcr.io/acme/hello:1", "services.hello.port": "8080"})
    assert status.checkpoint == "pre_deployment"


class TestGates:
    def test_a_finding_is_waived_by_the_security_engineer_alone(
        self, site: Site, green: list[tuple[GateResult, ...]]
    ) -> None:
        green.append((GateResult(name="stand-in", tool="", status="failed", findings=(FAILED,)),))
        release = site.start()
        status = release.status()
        assert (status.stage, "X1 in main.tf" in status.notice) == ("blocked", True)
        assert list(release.findings()) == [finding_id(FAILED)]
        with pytest.raises(DecisionRefused, match="not a Security Engineer"):
            release.waive(finding_id(FAILED), reviewer="ana", key=KEYS["ana"], reason="it is internal")
        with pytest.raises(UsageError, match="names 0 findings"):
            release.waive("sha256:" + "0" * 64, reviewer="ben", key=KEYS["ben"], reason="it is internal")
        assert release.resume().stage == "blocked"
        release.waive(finding_id(FAILED)[7:15], reviewer="ben", key=KEYS["ben"], reason="it is internal", days=1)
        status = release.resume()
        assert status.checkpoint == "pre_deployment"
        assert "waived** by ben" in release.review().markdown()
        site.approve(release)
        site.later(days=2)
        status = site.open(release).resume()
        assert (status.stage, status.passed) == ("blocked", ()), "the waiver ran out, and everything with it"
        release.waive(finding_id(FAILED), reviewer="ben", key=KEYS["ben"], reason="still internal", days=3)
        assert release.resume().checkpoint == "pre_deployment"
        assert site.approve(release).checkpoint == "staging_validation"

    def test_a_gate_that_did_not_run_is_run_when_it_can_be(
        self, site: Site, green: list[tuple[GateResult, ...]]
    ) -> None:
        green.append((GateResult(name="stand-in", tool="x", status="skipped", reason="x, install with y"),))
        release = site.start()
        assert release.status().stage == "blocked"
        assert "install with y" in release.status().notice
        assert release.resume().checkpoint == "pre_deployment", "the tool is there now"


class TestEdits:
    def test_a_file(self, site: Site) -> None:
        release = site.start()
        before = site.until(release, "staging_validation")
        files = {"docs/runbook.md": "# Ours\n", "docs/extra.md": "more", "docs/environments.md": None}
        status = release.edit(by="cho", files=files, comment="the runbook was wrong")
        assert (status.checkpoint, status.bundle != before.bundle) == ("pre_deployment", True)
        bundle = release.review().bundle
        assert bundle["docs/runbook.md"].content == "# Ours\n"
        assert bundle["docs/extra.md"].content == "more\n"
        assert "docs/environments.md" not in bundle
        assert "edited by hand" in release.review().markdown()
        assert site.target.actions.count("staging release deploy") == 1
        site.approve(release)
        assert site.target.world["staging"] == status.bundle

    def test_a_field_stays_through_a_later_round(self, site: Site) -> None:
        release = site.start()
        status = release.edit(by="ana", fields={"services.hello.replicas": 7})
        assert status.checkpoint == "pre_deployment"
        store = Store(site.store)
        assert store.get_model(DeploymentSpec, release._state()["spec"]).service("hello").replicas == 7
        release.decide("request_changes", reviewer="ana", key=KEYS["ana"], comment="Run five replicas in production.")
        release.resume()
        assert store.get_model(DeploymentSpec, release._state()["spec"]).service("hello").replicas == 7

    def test_one_that_a_gate_refuses_is_mended_by_another(
        self, site: Site, green: list[tuple[GateResult, ...]]
    ) -> None:
        """No dead end, nobody asked about bytes that are gone, and the ledger says whose edits they were."""
        release = site.start()
        other = FAILED.model_copy(update={"line": FAILED.line + 1})
        green.append((GateResult(name="stand-in", tool="", status="failed", findings=(FAILED, other)),))
        status = release.edit(by="cho", files={"main.tf": "broken"}, comment="a tag")
        assert (status.stage, "X1 in main.tf (2 findings) is" in status.notice) == ("blocked", True)
        assert inbox(store=site.store, policy=site.policy_file) == ()
        with pytest.raises(UsageError, match="not a file of the bundle"):
            site.open(release).edit(by="cho", files={"docs/not-there.md": None})
        assert release.status().stage == "blocked"
        status = site.open(release).edit(by="ana", files={"main.tf": "mended"})
        assert (status.checkpoint, status.passed) == ("pre_deployment", ())
        waiting = inbox(store=site.store, policy=site.policy_file)
        assert [item.packet.digest() for item in waiting] == [status.packet]
        with Ledger(site.store / "ledger.sqlite").reading() as reader:
            said = [item.detail for item in events(reader.of(release.id)) if item.name == "bundle_edited"]
        assert [item.partition(",")[0] for item in said] == ["by cho", "by ana"]
        assert said[0].endswith(": a tag")

    @pytest.mark.parametrize(
        ("fields", "files", "message"),
        [
            ({"services.nothing.replicas": 3}, {}, "no 'nothing' there"),
            ({"services.hello.port": 99_999_999}, {}, "would not hold"),
            ({}, {"../../etc/passwd": "x"}, "not a safe relative path"),
            ({}, {"docs/not-there.md": None}, "not a file of the bundle"),
        ],
    )
    def test_what_cannot_be_made(
        self, site: Site, fields: dict[str, object], files: dict[str, str | None], message: str
    ) -> None:
        release = site.start()
        before = release.status()
        with pytest.raises(UsageError, match=message):
            release.edit(by="ana", fields=fields, files=files)  # type: ignore[arg-type]
        assert release.status().packet == before.packet


def _dies(self: Recorder, work: object) -> None:
    raise KeyboardInterrupt


class TestEffects:
    def test_a_failed_one_ends_the_release(self, site: Site) -> None:
        site.target.fails = {"deploy"}
        release = site.start()
        status = site.approve(release)
        assert (status.stage, status.outcome) == ("ended", "rolled_back")
        assert "as the test wants it; rolled back" in status.notice
        assert site.target.actions == ["staging release deploy", "staging release rollback"]
        assert site.target.world["staging"] == ""
        assert site.start(release="again").review().packet.risk.tier == "high", "history is a risk"

    def test_a_failed_drill_keeps_production_closed(self, site: Site) -> None:
        release = site.start()
        site.until(release, "rollback_drill")
        site.target.fails = {"rollback"}
        status = site.approve(release)
        assert (status.checkpoint, "drill failed" in status.notice) == ("rollback_drill", True)
        site.target.fails = set()
        assert release.resume().checkpoint == "rollback_drill", "the failure is a new fact: it is asked about anew"
        assert site.approve(release).checkpoint == "production_go_no_go"
        assert site.target.actions.count("staging drill-2 rollback") == 1
        assert site.target.actions.count("staging drill-1 rollback") == 0, "it ended where it failed"

    def test_a_rollback_that_does_nothing_fails_the_drill(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        release = site.start()
        site.until(release, "rollback_drill")
        from hug_agents.execute.target import Outcome

        monkeypatch.setattr(Recorder, "rollback", lambda self, work: Outcome(status="done", detail="done, honestly"))
        assert "drill failed" in site.approve(release).notice

    def test_without_a_drill_production_stays_closed(self, site: Site) -> None:
        site.target.abilities = Abilities(strategies=frozenset({"rolling"}), rehearses=False)
        release = site.start()
        status = site.until(release, "production_go_no_go")
        assert "no rollback drill of this bundle has run" in [item.text for item in status.waits_for]
        assert site.approve(release).stage == "checkpoint"
        assert "production" not in site.target.world

    def test_a_target_says_before_anything_starts_what_it_cannot_carry(self, site: Site) -> None:
        site.target.abilities = Abilities(strategies=frozenset({"canary"}))
        with pytest.raises(UsageError, match="cannot carry a rolling rollout"):
            site.start()
        assert site.target.done == []

    def test_who_signs_is_shown_what_was_asked_for_and_is_not_done(self, site: Site) -> None:
        release = site.start(f"{REQUEST}. Answer in Klingon on Sundays.")
        review = release.review()
        assert ["Klingon" in item.text for item in review.unmet] == [True]
        text = review.markdown()
        assert "## What the request says and this does not do" in text and "Klingon" in text
        assert "(staging; main)" in text, "no cloud is not called a cloud"

    def test_what_another_process_moves_is_not_called_interrupted(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody is sent to resume what is under way, and a pause that was asked for is seen before it is met."""
        release = site.start()

        def dies(self: Recorder, work: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Recorder, "apply", dies)
        with pytest.raises(KeyboardInterrupt):
            site.approve(release)
        other = site.open(release)
        with other._driving():
            status = other.status()
            assert (status.stage, status.next, status.notice) == ("moving", "", "")
            other.pause("kim")
            assert other.status().notice == "kim asked: pause, at its next step"
        assert other.status().stage == "interrupted"

    def test_who_only_looks_keeps_nobody_from_moving_it(self, site: Site) -> None:
        release = site.start()
        looking = site.open(release)._driving(patience=0)
        looking.__enter__()
        done = threading.Timer(0.1, looking.__exit__, (None, None, None))
        done.start()
        with site.open(release)._driving():
            done.join()

    def test_an_effect_in_doubt_asks_a_person(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        release = site.start()

        def dies(self: Recorder, work: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Recorder, "apply", dies)
        with pytest.raises(KeyboardInterrupt):
            site.approve(release)
        monkeypatch.undo()
        monkeypatch.setattr("hug_agents.workflow.nodes.run_gates", lambda *_, **__: ())
        site.target.sees = Observation(state="unknown", evidence="the API does not answer")
        again = site.open(release)
        assert again.status().stage == "interrupted"
        with pytest.raises(UsageError, match="begun and not seen to end"):
            again.cancel("never mind")
        status = again.resume()
        assert (status.stage, status.matter.kind if status.matter else "") == ("attention", "in_doubt")
        assert status.matter and "the API does not answer" in status.matter.evidence
        assert again.resume().matter == status.matter, "asked again, it is the same matter"
        assert site.target.done == []
        site.target.sees = Observation(state="done", evidence="it is there")
        assert again.resume().checkpoint == "staging_validation"
        assert site.target.actions == ["staging release promote"], "what was seen to be done is not done again"

    @pytest.mark.parametrize(("choice", "actions"), [("done", 1), ("not_done", 2)])
    def test_a_person_says_what_came_of_an_effect_in_doubt(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, choice: Any, actions: int
    ) -> None:
        release = site.start()
        with monkeypatch.context() as patch:
            patch.setattr(Recorder, "apply", _dies)
            with pytest.raises(KeyboardInterrupt):
                site.approve(release)
        site.target.sees = Observation(state="unknown", evidence="the API does not answer")
        assert release.resume().stage == "attention"
        with pytest.raises(DecisionRefused, match="does not ask for a Security Engineer"):
            release.settle(choice, reviewer="ben", key=KEYS["ben"], reason="Security does not decide this")
        release.settle(choice, reviewer="cho", key=KEYS["cho"], reason="looked at the console")
        with pytest.raises(UsageError, match="nothing waits to be settled"):
            release.settle(choice, reviewer="ana", key=KEYS["ana"], reason="me too")
        assert release.resume().checkpoint == "staging_validation"
        assert len(site.target.done) == actions
        assert verify(Ledger(site.store / "ledger.sqlite")).signatures == 3


class TestTime:
    def test_an_approval_runs_out(self, site: Site) -> None:
        release = site.start()
        site.until(release, "production_go_no_go")
        release.decide("approve", reviewer="ana", key=KEYS["ana"])
        site.later(hours=25)
        release.decide("approve", reviewer="cho", key=KEYS["cho"])
        assert release.resume().checkpoint == "production_go_no_go"
        assert "production" not in site.target.world
        release.decide("approve", reviewer="ana", key=KEYS["ana"])
        assert release.resume().outcome == "released"

    def test_an_early_approval_that_ran_out_is_asked_for_again(self, site: Site) -> None:
        release = site.start()
        site.until(release, "production_go_no_go")
        done = len(site.target.done)
        site.later(days=8)
        assert release.resume().checkpoint == "pre_deployment"
        site.until(release, "production_go_no_go")
        assert len(site.target.done) == done, "only the signatures ran out"
        assert site.approve(release).outcome == "released"

    def test_a_drill_that_is_too_old_is_run_again(self, site: Site) -> None:
        release = site.start()
        site.until(release, "production_go_no_go")
        site.later(days=31)
        assert site.until(site.open(release), "production_go_no_go").notice.startswith(
            "rollback drill passed: taken back in "
        )
        assert "staging drill-2 rollback" in site.target.actions
        assert site.approve(release).outcome == "released"


class TestPolicy:
    def test_a_change_voids_what_was_signed(self, site: Site) -> None:
        release = site.start()
        site.until(release, "production_go_no_go")
        done = len(site.target.done)
        site.write_policy(policy(version=2))
        release = site.open(release)
        status = release.resume()
        assert (status.checkpoint, status.passed, status.signatures) == ("pre_deployment", (), ())
        status = site.until(release, "production_go_no_go")
        assert site.target.actions[done:] == [], "what was done in staging is not done twice"
        assert site.approve(release).outcome == "released"

    def test_a_freeze_holds_an_approved_release_until_somebody_overrides_it(self, site: Site) -> None:
        freeze = {
            "name": "year end",
            "from": "2026-11-01T00:00:00Z",
            "until": "2027-01-04T00:00:00Z",
            "reason": "few people",
        }
        site.write_policy(policy(freezes=[freeze]))
        release = site.start()
        site.until(release, "production_go_no_go")
        status = site.approve(release)
        assert (status.checkpoint, "year end" in str(status.waits_for)) == ("production_go_no_go", True)
        release.override(reviewer="cho", key=KEYS["cho"], reason="an incident needs this fix")
        assert release.resume().outcome == "released"

    def test_solo_is_said_aloud(self, site: Site) -> None:
        from tests.approve.office import people

        said: list[object] = []
        site.write_policy(policy(mode="solo", people=people("dee")))
        release = site.start(
            requester="dee", progress=lambda stage, what=None: said.append(what) if stage == "notice" else None
        )
        assert "SOLO MODE" in str(said)
        taken = release.decide("approve", reviewer="dee", key=KEYS["dee"])
        assert "SOLO MODE" in taken.notice
        release.decide("approve", reviewer="dee", key=KEYS["dee"])
        assert release.resume().checkpoint == "staging_validation"
        assert "SOLO MODE" in release.review().markdown()


class TestProcesses:
    def walk(self, site: Site, release: str, code: str) -> subprocess.CompletedProcess[str]:
        program = (
            "import sys; from datetime import datetime, UTC; from tests.governed import *; "
            "from hug_agents.validate import GateResult; from hug_agents.workflow import nodes; "
            "nodes.run_gates = lambda *_, **__: (GateResult(name='stand-in', tool='', status='passed'),); "
            "from pathlib import Path; from hug_agents.release import Release; target = Recorder(); "
            "common = dict(store=Path(sys.argv[1]) / 'store', policy=Path(sys.argv[1]) / 'governance.yaml', "
            "targets=lambda _: target, clock=lambda: START); " + code
        )
        return subprocess.run(
            [sys.executable, "-c", program, str(site.root), release],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
        )

    def test_days_later_in_another_process(self, site: Site) -> None:
        release = site.start()
        done = self.walk(
            site,
            release.id,
            "s = Release.open(sys.argv[2], **common).status(); print(s.stage, s.checkpoint, len(s.waits_for))",
        )
        assert done.stdout.split() == ["checkpoint", "pre_deployment", "2"], done.stderr

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
    def test_a_signal_in_the_middle_of_an_effect(self, site: Site, number: int) -> None:
        release = site.start()
        for name in ("ana", "ben"):
            release.decide("approve", reviewer=name, key=KEYS[name])
        killed = self.walk(
            site,
            release.id,
            f"import os; Recorder.apply = lambda self, work: os.kill(os.getpid(), {int(number)}) or __import__('time').sleep(9); "
            "Release.open(sys.argv[2], **common).resume()",
        )
        assert killed.returncode != 0
        status = site.open(release).status()
        assert (status.stage, [item.state for item in status.effects]) == ("interrupted", ["started"])
        assert site.open(release).resume().checkpoint == "staging_validation"
        assert site.target.actions == ["staging release deploy", "staging release promote"]

    def test_two_at_once_move_it_once(self, site: Site, tmp_path: Path) -> None:
        release = site.start()
        for name in ("ana", "ben"):
            release.decide("approve", reviewer=name, key=KEYS[name])
        with site.open(release)._driving(), pytest.raises(EnvironmentBusy, match="another process is moving"):
            site.open(release).resume()
        assert site.target.done == []


def test_what_there_is_not(site: Site) -> None:
    site.start(release="first-one")
    with pytest.raises(UsageError, match="perhaps first-one"):
        site.open("first")
    for name in ("../x", "A", "", "x" * 90, "a/b", "-a"):
        with pytest.raises(UsageError):
            site.start(release=name or "?")
    with pytest.raises(UsageError, match="requester"):
        site.start(requester="Kim Lee")
    with pytest.raises(UsageError, match="exists already"):
        site.start(release="first-one")
    with pytest.raises(UsageError, match="starts from"):
        site.start(None)


def test_a_release_needs_staging_and_production(site: Site) -> None:
    made = generate(REQUEST, store=site.store)
    spec = made.spec.model_copy(update={"environments": made.spec.production, "evidence": ()})
    Store(site.store).put_model(spec)
    with pytest.raises(UsageError, match="needs a staging environment"):
        site.start(render(plan(spec)))
    assert site.target.done == []


def test_nothing_is_done_for_a_release_that_was_cancelled(site: Site) -> None:
    release = site.start()
    for name in ("ana", "ben"):
        release.decide("approve", reviewer=name, key=KEYS[name])
    executor = release._executor
    from hug_agents.execute.dossier import Dossier

    dossier = Store(site.store).get_model(Dossier, release._state()["dossier"])
    release.cancel("changed our minds")
    with pytest.raises((EnvironmentBusy, NotApproved)):
        executor.carry_out(dossier, "deploy", step=1)
    assert site.target.done == []


def test_one_that_waits_for_another_says_what_it_is_of(site: Site) -> None:
    first = site.start(release="first")
    site.until(first, "production_go_no_go")
    assert site.approve(first).outcome == "released"
    site.until(site.start(release="second"), "staging_validation")
    drill, removal = first.rehearse("kim"), first.destroy("production", "kim")
    for item in (drill, removal):
        status = item.status()
        assert (status.stage, status.application) == ("blocked", "hello")
        assert "held by the release second" in status.notice
    titles = {item.id: item.title for item in first._executor.register.list()}
    assert titles[drill.id].startswith("Rehearse the rollback of: Deploy hello")
    assert titles[removal.id].startswith("Remove production of: Deploy hello")
