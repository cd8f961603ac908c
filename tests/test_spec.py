"""The spec: frozen, closed, coherent, named by its digest."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from hug_agents.spec import DeploymentSpec, Evidence, ImageRef, Model, ServiceOverride
from tests.examples import ALL, DIGEST, ecs_canary, minimal


class Image(Model):
    image: ImageRef


@pytest.mark.parametrize("name", sorted(ALL))
def test_round_trip_keeps_the_digest(name: str) -> None:
    spec = ALL[name]()
    assert DeploymentSpec.model_validate_json(spec.model_dump_json()).digest() == spec.digest()


def test_the_digest_is_the_same_in_another_process() -> None:
    code = "from tests.examples import ecs_canary; print(ecs_canary().digest())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert done.stdout.strip() == ecs_canary().digest()


@pytest.mark.parametrize(
    "image",
    [
        "nginx",
        "nginx:1.27",
        "library/nginx:1.27",
        "localhost:5000/a/b:1",
        "registry.local:5000/team/app:1.2@" + DIGEST,
        "ghcr.io/acme/api@" + DIGEST,
        "a_b/c__d/e--f:v1",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1",
    ],
)
def test_images(image: str) -> None:
    assert Image(image=image).image == image


@pytest.mark.parametrize(
    "image", ["", "Nginx", "nginx:", "nginx@sha256:12", "a b", "nginx:1;rm", "$(x)", "-x", "a//b", "nginx\n"]
)
def test_what_is_not_an_image(image: str) -> None:
    with pytest.raises(ValidationError):
        Image(image=image)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("services", 0, "port"), None, "needs a port"),
        (("services", 0, "port"), 70000, "65535"),
        (("services", 0, "name"), "Payments API", "pattern"),
        (("services", 0, "image"), "x", "not both"),
        (("services", 0, "kind"), "worker", "no serving port"),
        (("services", 0, "max_replicas"), 1, "below replicas"),
        (("services", 0, "secrets", 0, "name"), "LOG_LEVEL", "set twice"),
        (("strategy", "steps", 2, "weight"), 90, "end at 100"),
        (("strategy", "steps", 0, "weight"), 60, "must rise"),
        (("strategy", "kind"), "rolling", "has no steps"),
        (("smoke_tests", 0, "service"), "other", "names the service"),
        (("environments", 1, "name"), "staging", "two of the same environment"),
        (("owner"), "a\x00b", "control characters"),
        (("surprise"), 1, "Extra inputs"),
    ],
)
def test_contradictions_are_refused(path: tuple[object, ...] | str, value: object, message: str) -> None:
    data = ecs_canary().model_dump(mode="json")
    *way, last = (path,) if isinstance(path, str) else path
    place = data
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(ValidationError, match=message):
        DeploymentSpec.model_validate(data)


def test_nothing_changes_after_it_was_made() -> None:
    spec = minimal()
    with pytest.raises(ValidationError, match="frozen"):
        spec.application = "other"  # type: ignore[misc]


def test_a_value_that_nobody_stated_is_a_default() -> None:
    spec = minimal().model_copy(update={"evidence": (Evidence(path="a", kind="request", quote="x"),)})
    assert spec.evidence_for("a").kind == "request"
    assert spec.evidence_for("services.hello.replicas").kind == "default"


def test_an_environment_lays_its_overrides_over_a_service() -> None:
    spec = ecs_canary()
    service, staging = spec.services[0], spec.environments[0]
    here = spec.in_environment(service, staging)
    assert (here.replicas, here.max_replicas, here.port) == (1, 2, 8080)
    lifted = staging.model_copy(update={"overrides": (ServiceOverride(service=service.name, replicas=20),)})
    assert spec.in_environment(service, lifted).max_replicas == 20
    assert spec.in_environment(service, spec.environments[1]) == service
