"""Whole releases: four checkpoints signed with real keys, every effect asked of the emulated GitHub, one branch for all.

Runs are simulated, so that a release takes seconds; one release runs under act, and must look the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.measure.drift import look, places
from hug_agents.output import MANIFEST
from hug_agents.release import Release
from hug_agents.rollout.deployment import Deployment
from hug_agents.status import Status
from hug_agents.store import Store
from tests.adapters.github_actions.desk import target_of
from tests.approve.office import KEYS
from tests.github.emulator import Emulator
from tests.github.simulated import Simulated
from tests.governed import Site

pytest.importorskip("githubkit", reason="githubkit is not installed: install with pip install 'hug-agents[github]'")
REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:{}@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster main with "
    "GitHub Actions, canary with 10 % for 20 seconds, then 50 % for 20 seconds, health check on /healthz"
)
PEOPLE = {"Operations Engineer": "ana", "Security Engineer": "ben", "Site Reliability Engineer": "cho"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "github", actions=Simulated) as emulator:
        yield emulator
    assert emulator.violations == []


@pytest.fixture
def governed(site: Site, github: Emulator) -> Site:
    site.target = target_of(github, Store(site.store))  # type: ignore[assignment]
    return site


def go(site: Site, name: str, version: str, until: str = "") -> Status:
    """Begin a release and sign what is asked, by whom it is asked, until a checkpoint or its end."""
    release = site.start(REQUEST.format(version), release=name)
    return on(release, until)


def on(release: Release, until: str = "") -> Status:
    for _ in range(8):
        status = release.status()
        if status.stage != "checkpoint" or status.checkpoint == until:
            return status
        for item in status.waits_for:
            if item.kind == "drill":  # a first version has nothing to return to: that is signed, with a reason
                release.override(reviewer="cho", key=KEYS["cho"], reason="it is the first one")
            elif item.role:
                who = PEOPLE[item.role]
                release.decide("approve", reviewer=who, key=KEYS[who], comment="read it")
        release.resume()
    pytest.fail(f"it does not end: {release.status()}")


def fail_in_production(github: Emulator) -> None:
    github.actions._bad = lambda command, place, _: (command, place) == ("rollout", "production")  # type: ignore[attr-defined]


def take_back(site: Site, name: str) -> str:
    went = site.open(name).rollback(reviewer="cho", key=KEYS["cho"], reason="customers complain")
    return f"{went.how}: {went.outcome.detail}"


def drift(site: Site) -> dict[str, str]:
    executor = site.open("first")._executor
    return {item.environment: f"{item.release} {look(executor, item).status}" for item in places(executor)}


def bundle(github: Emulator, ref: str) -> str:
    return github.repository.read(ref, MANIFEST)


def pin(environment: str) -> str:
    return f"refs/hug/environments/{environment}"


def runs(github: Emulator) -> list[str]:
    return [
        f"{run.title.partition(' sha256')[0].replace(run.title.split()[-2], '').strip()}" for run in github.actions.runs
    ]


def test_from_request_to_production_and_one_more(governed: Site, github: Emulator) -> None:
    assert go(governed, "first", "1.2.0").outcome == "released"
    assert runs(github) == ["Deploy staging", "Deploy production"]
    assert len(github.pulls) == 1, "production finds the files that staging brought"
    assert drift(governed) == {"production": "first none", "staging": "first none"}
    first = bundle(github, "main")

    status = go(governed, "second", "1.3.0", "production_go_no_go")
    assert "drill passed" in status.notice
    assert runs(github)[2:] == ["Deploy staging", *["Roll back staging", "Deploy staging"] * 2]
    assert (bundle(github, pin("production")), bundle(github, pin("staging"))) == (first, bundle(github, "main"))
    assert drift(governed) == {"production": "first none", "staging": "second none"}, (
        "it is on its way, and nothing else"
    )
    assert on(governed.open("second")).outcome == "released"
    assert bundle(github, pin("production")) == bundle(github, "main") != first
    assert github.repository.git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        pin("production"),
        pin("staging"),
    ], "no branch and no claim is left"
    github.repository.write("main", "deploy/deploy.sh", "echo pwned\n")
    assert drift(governed) == {"production": "second drifted", "staging": "second drifted"}


def test_a_bad_one_comes_back_by_itself_and_staging_keeps_its_own(governed: Site, github: Emulator) -> None:
    go(governed, "first", "1.2.0")
    first = bundle(github, "main")
    go(governed, "bad", "1.4.0", "production_go_no_go")
    fail_in_production(github)
    status = on(governed.open("bad"))
    assert status.outcome == "rolled_back", status.notice
    assert "the new version answers 500" in status.notice
    went = Store(governed.store).get_model(Deployment, governed.open("bad")._state()["staged"])
    assert went.trouble and "the new version answers 500" in went.trouble.logs, "of the step that failed"
    found = status.diagnosis
    assert found and found.occasion == "run" and found.what.startswith("deploy in production by github_actions:")
    assert any("the new version answers 500" in line for line in found.evidence), "the log that was fetched is read"
    assert runs(github)[-1] == "Deploy production", (
        "the pipeline went back itself; once more would be one version too far"
    )
    assert bundle(github, "main") == bundle(github, pin("production")) == first
    assert bundle(github, pin("staging")) != first
    assert drift(governed) == {"production": "first none", "staging": "bad none"}


def test_an_abort_ends_the_run_that_is_under_way(governed: Site, github: Emulator) -> None:
    go(governed, "first", "1.2.0")
    first = bundle(github, "main")
    go(governed, "second", "1.3.0", "production_go_no_go")
    release = governed.open("second")
    for who in ("ana", "cho"):
        release.decide("approve", reviewer=who, key=KEYS[who], comment="read it")

    def begin(run: Any) -> None:
        run.status = "in_progress"  # a canary of hours

    def tell(line: str) -> None:
        if line == "run: in_progress":
            raise KeyboardInterrupt

    github.actions.begin = begin  # type: ignore[method-assign]
    governed.target._tell = tell  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        release.resume()
    governed.target._tell = lambda _: None  # type: ignore[attr-defined]
    status = governed.open("second").abort("cho")
    assert status.outcome == "rolled_back", status.notice
    assert "ended: cancelled" in status.notice
    assert github.count("actions/cancel-workflow-run") == 1
    assert bundle(github, "main") == bundle(github, pin("production")) == first


def test_a_person_takes_back_what_was_promoted(governed: Site, github: Emulator) -> None:
    go(governed, "first", "1.2.0")
    first = bundle(github, "main")
    go(governed, "second", "1.3.0")
    assert take_back(governed, "second").startswith("rolled_back")
    assert runs(github)[-1] == "Roll back production"
    assert bundle(github, "main") == bundle(github, pin("production")) == first != bundle(github, pin("staging"))
    assert drift(governed) == {"production": "first none", "staging": "second none"}

    second = governed.open("second")
    second.rollback(reviewer="cho", key=KEYS["cho"], reason="staging too", environment="staging")
    assert runs(github)[-1] == "Roll back staging", "although the branch holds the files before already"
    assert bundle(github, pin("staging")) == first
    assert drift(governed) == {"production": "first none", "staging": "first none"}


def test_what_a_failed_release_hides_is_taken_back_all_the_same(governed: Site, github: Emulator) -> None:
    """The newest run in production is another release's, and the pipeline has forgotten the version before."""
    go(governed, "first", "1.2.0")
    first = bundle(github, "main")
    go(governed, "second", "1.3.0")
    fail_in_production(github)
    assert go(governed, "bad", "1.4.0").outcome == "rolled_back"
    github.actions._bad = lambda *_: False  # type: ignore[attr-defined]
    assert take_back(governed, "second").startswith("rolled_back")
    run = github.actions.runs[-1]
    assert (run.title.split()[:2], run.conclusion) == (["Deploy", "production"], "success")
    assert bundle(github, run.commit) == bundle(github, "main") == bundle(github, pin("production")) == first
    assert drift(governed)["production"] == "first none"


def test_what_runs_is_taken_back_while_the_branch_holds_another_release(governed: Site, github: Emulator) -> None:
    go(governed, "first", "1.2.0")
    first = bundle(github, "main")
    go(governed, "second", "1.3.0")
    go(governed, "third", "1.5.0", "production_go_no_go")
    governed.open("third").cancel("not wanted any more")
    assert take_back(governed, "second").startswith("rolled_back")
    assert runs(github)[-1] == "Roll back production"
    assert bundle(github, pin("production")) == first != bundle(github, pin("staging"))
    assert drift(governed) == {"production": "first none", "staging": "third none"}


@pytest.mark.slow
def test_under_act_a_release_looks_the_same(site: Site, tmp_path: Path, act: str) -> None:
    """The first release: good in staging, bad in production. Jobs, steps, calls and outcome are compared with simulated ones."""
    seen: list[Any] = []
    for number, actions in enumerate((None, Simulated)):
        with Emulator(tmp_path / f"github-{number}", act, actions=actions) as github:
            here = Site(tmp_path / f"site-{number}")
            here.target = target_of(github, Store(here.store))  # type: ignore[assignment]
            go(here, "first", "1.2.0", "production_go_no_go")
            (github.actions.world / "fail-rollout").touch()
            status = on(here.open("first"))
            jobs = [
                (run.conclusion, {job.name: (job.conclusion, _steps(job)) for job in run.jobs if "Deploy" in job.name})
                for run in github.actions.runs
            ]
            seen.append((status.outcome, jobs, github.actions.calls))
            assert github.violations == []
    assert seen[0] == seen[1]
    assert seen[0][0] == "rolled_back"
    assert [conclusion for conclusion, _ in seen[0][1]] == ["success", "failure"]


def _steps(job: Any) -> list[tuple[str, str]]:
    return [(step.name, step.conclusion) for step in job.steps] if job.conclusion != "skipped" else []
