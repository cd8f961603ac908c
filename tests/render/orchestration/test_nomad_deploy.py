"""deploy.sh on Nomad, really run against a stateful fake cluster: success, failure, rollback."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.process import Completed, run
from hug_agents.render.orchestration import nomad, smoke
from hug_agents.spec import Dependency, DeploymentSpec, SecretRef, Toolchain
from tests.nomad.cluster import Cluster
from tests.nomad.program import Program
from tests.render.orchestration.conftest import DIGESTS, Server, files, need, write
from tests.render.orchestration.test_kubernetes_deploy import KINDS, shop

NAMESPACE = "shop-production"
RELEASED: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}


class Place:
    """A bundle beside a cluster, with every pause cut short."""

    def __init__(self, folder: Path, server: Server) -> None:
        for program, how in (("bash", "your system"), ("curl", "apt-get install curl"), ("jq", "apt-get install jq")):
            need(program, how)
        self.cluster = Cluster()
        self.cluster.address = ("127.0.0.1", server.port)
        self.program = Program(self.cluster)
        self.folder, self.bundle, self.interrupt = folder, folder / "bundle", folder / "interrupt"
        stubs = folder / "bin"
        stubs.mkdir()
        self.program.write_stub(stubs / "nomad")
        stub = stubs / "sleep"
        stub.write_text(
            f'#!/usr/bin/env bash\nif [[ -e "{self.interrupt}" ]]; then rm "{self.interrupt}"; kill -TERM "$PPID"; fi\n'
            f'exec "{stubs}/nomad" tick\n'
        )
        stub.chmod(0o755)
        self.path = f"{stubs}:{os.environ['PATH']}"

    def install(self, spec: DeploymentSpec) -> None:
        shutil.rmtree(self.bundle, ignore_errors=True)
        write(files(spec, nomad, smoke), self.bundle)

    def __call__(self, command: str, digest: str = "", **env: str) -> Completed:
        arguments = [command, "production"]
        if digest:
            path = self.folder / "images.json"
            path.write_text(json.dumps({name: f"ghcr.io/acme/{name}@{DIGESTS[digest]}" for name in ("api", "mailer")}))
            arguments.append(str(path))
        self.cluster.log.clear()
        self.program.calls.clear()
        restore = ["bash", "-c", 'PATH="$1"; shift; exec "$@"', "-", self.path]
        return run(
            [*restore, str(self.bundle / "deploy/deploy.sh"), *arguments],
            cwd=self.folder,
            timeout=120,
            env={"NOMAD_ADDR": "http://127.0.0.1:4646", **env},
        )

    def released(self, kind: str, *digests: str) -> None:
        """The bundle, and these releases of it one after the other."""
        self.install(spec_of(kind))
        if (kind, digests) not in RELEASED:
            for digest in digests:
                done = self("rollout", digest)
                assert done.code == 0, done.output
            RELEASED[kind, digests] = self.state()
        self.__dict__["cluster"].__dict__.update(copy.deepcopy(RELEASED[kind, digests]))

    def state(self) -> dict[str, Any]:
        names = ("index", "jobs", "allocs", "deployments", "variables", "tokens")
        return copy.deepcopy({name: getattr(self.cluster, name) for name in names})

    def serving(self, job: str = "api") -> set[str]:
        """Which of DIGESTS takes the traffic, by its first digit."""
        return {image.split("@sha256:")[1][0] for image in self.cluster.images((NAMESPACE, job))}

    @property
    def record(self) -> dict[str, str]:
        return dict(self.cluster.variables[NAMESPACE, "releases/shop"]["Items"])


def spec_of(kind: str, **changes: Any) -> DeploymentSpec:
    return shop(kind, toolchain=Toolchain(iac=None, runtime="nomad"), **changes)


@pytest.fixture
def place(tmp_path: Path, server: Server) -> Iterator[Place]:
    one = Place(tmp_path, server)
    yield one
    one.program.close()


@KINDS
def test_a_release_replaces_the_one_before_without_a_gap(place: Place, kind: str) -> None:
    place.released(kind, "one")
    done = place("rollout", "two")
    assert done.code == 0, done.output
    assert place.serving() == place.serving("mailer") == {"2"}
    if kind != "canary":  # which replaces max_parallel at a time, once the first ones are promoted
        assert min(sum(images["api"].values()) for _, images in place.cluster.log) >= 3
    assert min(sum(images["api"].values()) for _, images in place.cluster.log) >= 2
    assert place.record["phase"] == "released"
    assert place.record["current"] != place.record["previous"] != ""
    order = [what for what, _ in place.cluster.log]
    assert order.index("dispatch api-migrate") < order.index("register api") < order.index("register mailer")


def test_a_canary_is_judged_before_it_is_promoted_and_held_at_each_weight(place: Place, server: Server) -> None:
    place.released("canary", "one")
    done = place("rollout", "two", PROMETHEUS_URL=server.url)
    assert done.code == 0, done.output
    assert "api: asked for 10 %, real share 25 % (1 of 4)" in done.output
    judged = next(number for number, query in enumerate(server.queries) if "canary" in query)
    assert judged == 0
    order = [what for what, _ in place.cluster.log if what.endswith(" api")]
    assert order[:2] == ["register api", "promote api"]
    assert order.index("pause api") < order.index("resume api") < order.index("done api")
    held = dict(place.cluster.log)["resume api"]["api"]
    assert sum(count for image, count in held.items() if "@sha256:2" in image) == 2  # half of three


def test_blue_green_sends_nothing_to_the_new_ones_before_they_are_promoted(place: Place) -> None:
    place.released("blue_green", "one")
    assert place("rollout", "two").code == 0
    before, after = (dict(place.cluster.log)[what]["api"] for what in ("register api", "promote api"))
    assert [image.split(":")[-1][0] for image in before] == ["1"]
    assert {image.split(":")[-1][0]: count for image, count in after.items()} == {"2": 3}


def test_the_same_release_again_changes_nothing(place: Place) -> None:
    place.released("canary", "one", "two")
    before = place.state()
    again = place("rollout", "two")
    assert (again.code, place.state()) == (0, before), again.output
    assert "runs already" in again.output
    planned = place("plan", "two")
    assert planned.code == 0 and "no change" in planned.output, planned.output


@pytest.mark.parametrize("kind", ["rolling", "canary"])
def test_a_release_that_never_gets_healthy_is_rolled_back(place: Place, kind: str) -> None:
    place.released(kind, "one")
    place.cluster.bad = "api@sha256:222"
    failed = place("rollout", "two")
    assert failed.code == 1, failed.output
    assert "unhealthy allocations" in failed.output
    assert place.serving() == {"1"}
    assert place.record["phase"] == "rolled-back"


@pytest.mark.parametrize("kind", ["rolling"])
def test_a_failing_smoke_test_keeps_the_release_out(place: Place, server: Server, kind: str) -> None:
    place.released(kind, "one")
    server.status = 503
    failed = place("rollout", "two", SMOKE_DEADLINE_SECONDS="0")
    assert failed.code == 1 and "answered 503, expected 200" in failed.output
    assert place.serving() == place.serving("mailer") == {"1"}
    assert sum(place.cluster.images((NAMESPACE, "api")).values()) == 3
    # The smoke tests after the rollback fail too, so it is not called a success.
    assert "THE ROLLBACK FAILED TOO" in failed.output and place.record["phase"] == "rolling-out"
    server.status = 200
    mended = place("rollback")
    assert mended.code == 0 and place.record["phase"] == "rolled-back", mended.output


@pytest.mark.parametrize("kind", ["blue_green", "canary"])
def test_a_finished_release_is_rolled_back_on_demand_and_only_once(place: Place, kind: str) -> None:
    place.released(kind, "one", "two")
    current = place.record["previous"]
    done = place("rollback", "two")
    assert done.code == 0, done.output
    assert place.serving() == place.serving("mailer") == {"1"}
    assert place.record == {**place.record, "phase": "rolled-back", "current": current, "previous": ""}
    again = place("rollback", "two")
    assert again.code == 0 and "nothing to undo" in again.output
    forward = place("rollout", "three")
    assert forward.code == 0, forward.output
    assert place.serving() == {"3"}


def test_a_release_cut_off_is_rolled_back(place: Place) -> None:
    place.released("canary", "one")
    place.interrupt.write_text("")
    stopped = place("rollout", "two")
    assert stopped.code == 143, stopped.output
    assert place.serving() == {"1"} and place.record["phase"] == "rolled-back"


def test_a_bad_metric_stops_a_canary(place: Place, server: Server) -> None:
    place.released("canary", "one")
    server.metric = "7.5"
    failed = place("rollout", "two", PROMETHEUS_URL=server.url)
    assert failed.code == 1 and "error_rate of api is 7.5 %, above 1 %" in failed.output
    assert place.serving() == {"1"}
    assert not any(what == "promote api" for what, _ in place.cluster.log)


def test_a_canary_that_turns_bad_after_its_promotion_is_taken_back(place: Place, server: Server) -> None:
    place.released("canary", "one")
    pause, fail = place.program.deployment_pause, place.program.deployment_fail

    def turns_bad(*arguments: Any) -> Any:
        server.status = 503
        return pause(*arguments)

    def turns_good(*arguments: Any) -> Any:
        server.status = 200
        return fail(*arguments)

    place.program.deployment_pause, place.program.deployment_fail = turns_bad, turns_good  # type: ignore[method-assign]
    failed = place("rollout", "two", SMOKE_DEADLINE_SECONDS="0")
    assert failed.code == 1 and "answered 503" in failed.output
    assert place.record["phase"] == "rolled-back", failed.output
    assert place.cluster.images((NAMESPACE, "api")).popitem()[1] == 3 and place.serving() == {"1"}


def test_a_migration_that_fails_stops_a_release_before_anything_else_changes(place: Place) -> None:
    place.released("canary", "one")
    place.cluster.failing = "api@sha256:222"
    failed = place("rollout", "two")
    assert failed.code == 1 and "api-migrate/dispatch-" in failed.output
    assert not any(what == "register api" for what, _ in place.cluster.log)
    assert place.serving() == {"1"}


def test_another_run_that_wrote_the_record_meanwhile_is_seen(place: Place) -> None:
    place.released("rolling", "one")
    real, place.program.var_put = place.program.var_put, lambda *a: real(a[0], a[1], {"-check-index": ["3"]})  # type: ignore[method-assign]
    failed = place("rollout", "two")
    assert failed.code == 1 and "another run has changed the record" in failed.output
    assert place.serving() == {"1"}


def test_a_job_that_changed_after_it_was_planned_is_not_registered(place: Place) -> None:
    place.released("rolling", "one")
    plan, key = place.program.job_plan, (NAMESPACE, "api")

    def meddled(namespace: str, words: list[str], options: Any) -> Any:
        answer = plan(namespace, words, options)
        place.cluster.jobs[key][0]["JobModifyIndex"] += 100
        return answer

    place.program.job_plan = meddled  # type: ignore[method-assign]
    failed = place("rollout", "two")
    assert failed.code == 1 and "Enforcing job modify index" in failed.output


def test_variables_that_are_missing_are_named_before_anything_changes(place: Place) -> None:
    service = shop("rolling").services[0].model_copy(update={"secrets": (SecretRef(name="KEY", key="a/b"),)})
    spec = spec_of("rolling", services=(service, shop("rolling").services[1]))
    place.install(spec.model_copy(update={"dependencies": (Dependency(name="db", kind="postgres", managed=False),)}))
    failed = place("rollout", "one")
    assert failed.code == 1 and "nomad/jobs nomad/jobs/api" in failed.output
    assert not place.cluster.jobs
    for path in ("nomad/jobs", "nomad/jobs/api"):
        place.cluster.put_variable(NAMESPACE, path, {"KEY": "hunter2"}, None)
    done = place("rollout", "one")
    assert done.code == 0 and "hunter2" not in done.output, done.output
    assert not any("var get" in call and "nomad/jobs" in call for call in place.program.calls)


def test_a_service_that_the_autoscaler_made_larger_stays_as_large(place: Place) -> None:
    place.released("blue_green", "one")
    group = place.cluster.jobs[NAMESPACE, "api"][0]["TaskGroups"][0]
    group["Count"] = 5
    place.cluster.schedule((NAMESPACE, "api"))
    done = place("rollout", "two")
    assert done.code == 0, done.output
    assert sum(place.cluster.images((NAMESPACE, "api")).values()) == 5


def test_status_says_what_runs(place: Place) -> None:
    place.released("canary", "one")
    done = place("status")
    assert done.code == 0 and "api: version 0, 3 of 3 run, deployment successful" in done.output, done.output


@pytest.mark.parametrize(
    "words", [(), ("plan",), ("plan", "nowhere"), ("explode", "production"), ("rollout", "production")]
)
def test_wrong_usage_is_2(place: Place, words: tuple[str, ...]) -> None:
    place.install(spec_of("rolling"))
    done = run([str(place.bundle / "deploy/deploy.sh"), *words], cwd=place.folder, timeout=60)
    assert done.code == 2 and "usage:" in done.output
