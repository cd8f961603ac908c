"""Failed gates, runs and rollout steps of whole releases: explained, kept, shown, and never obeyed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hug_agents.agents.diagnosis import Diagnosis
from hug_agents.agents.model import load_model
from hug_agents.approve.waiver import finding_id
from hug_agents.errors import PromptError
from hug_agents.execute.target import Outcome
from hug_agents.release import Release
from hug_agents.validate import Finding, GateResult
from hug_agents.workflow import diagnosing
from hug_agents.workflow import run as graph
from tests.agents.scripted import Scripted
from tests.approve.office import KEYS
from tests.governed import REQUEST, Site
from tests.release.test_rollout import first, released

OPEN = Finding(gate="stand-in", rule="X1", severity="error", message="open to the world", file="main.tf", line=3,
               remedy="Name the addresses.")  # fmt: skip
FAILED = (GateResult(name="stand-in", tool="", status="failed", findings=(OPEN,)),)
LOCK = "Error acquiring the state lock: held by ci"
RETRY = {"cause": "All is well.", "evidence": ["every gate passed"], "recommendation": "retry", "reason": "It passes."}


def saying(*script: Any) -> tuple[Scripted, dict[str, Any]]:
    """A DevOps agent's model, for failures alone; its notes are the rules'."""
    model = Scripted(script=list(script))
    return model, {"devops": model, "deployment": load_model("offline"), "prompt_refiner": load_model("offline")}


def again(release: Release, model: Any, told: list[Any] | None = None) -> Release:
    """The release in another process, whose DevOps agent asks this model."""
    crew = replace(release._crew, model=model, progress=(lambda *what: told.append(what)) if told is not None else None)
    return Release(release.id, crew)


def test_gates_that_keep_a_bundle_back(site: Site, green: list[Any]) -> None:
    green.append(FAILED)
    told: list[Any] = []
    release = site.start(progress=lambda *what: told.append(what))
    status = release.status()
    assert (status.stage, "X1 in main.tf" in status.notice) == ("blocked", True)
    found = status.diagnosis
    assert found and (found.occasion, found.what, found.recommendation) == ("gate", "gates: stand-in", "amend")
    assert found.evidence == ("stand-in X1 main.tf:3: open to the world", "remedy: Name the addresses.")
    assert found.by == "offline"
    (live,) = [detail for stage, detail in told if stage == "diagnosis"]
    assert isinstance(live, Diagnosis) and live == release.diagnosis()
    pending = graph.look(release._crew, release.id).pending
    assert pending["diagnosis"]["recommendation"] == "amend" and pending["type"] == "hug.blocked"
    release.waive(finding_id(OPEN), reviewer="ben", key=KEYS["ben"], reason="it is internal")
    assert release.resume().checkpoint == "pre_deployment"
    status = site.approve(release)
    assert (status.checkpoint, status.diagnosis) == ("staging_validation", None), "that is past"


def test_what_is_said_of_gates_is_of_their_last_answer(site: Site, green: list[Any]) -> None:
    skipped = GateResult(name="other", tool="x", status="skipped", reason="x, install with y")
    green += [(*FAILED, skipped), (*FAILED, skipped)]
    model, models = saying({"notes": []}, {**RETRY, "recommendation": "amend"})
    release = site.start(model=models)
    asked = len(model.seen)
    assert release.status().diagnosis and release.resume().stage == "blocked"
    assert (green, len(model.seen)) == ([], asked), "the same answer is not asked about twice"
    assert release.resume().diagnosis is None, "the gates are green now"


def test_a_model_cannot_talk_failed_gates_round(site: Site, green: list[Any]) -> None:
    green.append(FAILED)
    _, models = saying({"notes": []}, RETRY)
    status = site.start(model=models).status()
    assert status.stage == "blocked" and status.passed == () and site.target.done == []
    found = status.diagnosis
    assert found and (found.recommendation, found.evidence) == ("ask_a_person", ())


@pytest.mark.parametrize("failure", [ValueError("broken"), "no JSON at all"])
def test_a_model_that_fails_changes_nothing_and_that_is_said(site: Site, green: list[Any], failure: Any) -> None:
    green.append(FAILED)
    told: list[Any] = []
    _, models = saying({"notes": []}, failure)
    release = site.start(model=models, progress=lambda *what: told.append(what))
    status = release.status()
    assert (status.stage, status.diagnosis) == ("blocked", None)
    assert "X1 in main.tf" in status.notice
    assert any(stage == "notice" and detail.startswith("not explained: ") for stage, detail in told)
    assert len(release._state()["usage"]) == 4, "what it cost is counted"


def test_a_prompt_of_ones_own_that_cannot_be_filled_changes_nothing(
    site: Site, green: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    green.append(FAILED)
    told: list[Any] = []

    def refuse(_: object) -> None:
        raise PromptError("the prompt cannot be filled: unknown occasion")

    monkeypatch.setattr(diagnosing, "question", refuse)
    status = site.start(progress=lambda *what: told.append(what)).status()
    assert (status.stage, status.diagnosis) == ("blocked", None)
    assert ("notice", "not explained: the prompt cannot be filled: unknown occasion") in told


@pytest.mark.parametrize(
    ("outcome", "recommendation"),
    [
        (Outcome(status="failed", detail=LOCK, untouched=True), "retry"),
        (Outcome(status="failed", detail="Error: AccessDenied, after 3 of 5 changes"), "ask_a_person"),
        (Outcome(status="failed", detail="odd, that is all"), "ask_a_person"),
    ],
)
def test_a_run_that_failed(site: Site, outcome: Outcome, recommendation: str) -> None:
    release = site.start()
    site.target.fails, site.target.failure = {"deploy"}, outcome
    status = site.approve(release)
    assert (status.stage, status.outcome) == ("ended", "failed" if outcome.untouched else "rolled_back")
    found = status.diagnosis
    assert found and (found.occasion, found.what) == ("run", "deploy in staging by recorder")
    assert (found.recommendation, found.evidence) == (recommendation, (outcome.detail,))


def test_a_run_that_failed_is_explained_with_what_changed(site: Site) -> None:
    earlier = site.start()
    site.until(earlier, "production_go_no_go")
    assert site.approve(earlier).outcome == "released"
    line = "services.hello.port: 8080 -> 8081"
    model, models = saying({"cause": "The port changed.", "evidence": [line], "recommendation": "roll_back",
                            "reason": "Only that changed."})  # fmt: skip
    release = again(site.start(REQUEST.replace("8080", "8081")), models)
    site.target.fails = {"deploy"}
    found = site.approve(release).diagnosis
    assert found and (found.cause, found.evidence) == ("The port changed.", (line,))
    assert "file changed: " in str(model.seen[-1][1].content)


def test_a_drill_that_failed_is_explained_before_it_is_asked_for_again(site: Site) -> None:
    release = site.start()
    site.until(release, "rollback_drill")
    site.target.fails, site.target.failure = {"rollback"}, Outcome(status="failed", detail="503 Service Unavailable")
    status = site.approve(release)
    assert status.checkpoint == "rollback_drill"
    found = status.diagnosis
    assert found and found.what.startswith("rollback drill by recorder, at ")
    assert (found.recommendation, found.evidence) == ("retry", ("failed: 503 Service Unavailable",))
    site.target.fails = set()
    assert site.approve(release).checkpoint == "production_go_no_go"
    assert release.status().diagnosis is None


def test_a_rollout_step_that_was_bad(live: Any) -> None:
    first(live)
    told: list[Any] = []
    second = again(released(live, "1.1.0"), "offline", told)
    live.errors[second.status().bundle] = 0.2
    found = live.site.approve(second).diagnosis
    assert found and (found.occasion, found.recommendation) == ("step", "roll_back")
    assert found.what.startswith("step 2 of the rollout in production")
    assert [stage for stage, _ in told].count("diagnosis") == 1
