"""The target `registry` under the executor and a real registry: promoted once by digest, found again, seen to drift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.oci.client import Registry
from hug_agents.adapters.oci.place import Place
from hug_agents.adapters.oci.promote import complete
from hug_agents.adapters.oci.target import RegistryTarget
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Bundle
from hug_agents.errors import UsageError
from hug_agents.execute.target import Order, PlanStale, SavedPlan, Target, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec
from hug_agents.store import Store
from tests.adapters.oci.server import push_image, push_index
from tests.examples import ecs_canary, minimal
from tests.governed import SIGNERS, Site


def spec_with(image: str, **changes: Any) -> DeploymentSpec:
    base = minimal()
    service = base.services[0].model_copy(update={"image": image, **changes})
    return base.model_copy(update={"services": (service,)})


def made_of(spec: DeploymentSpec) -> tuple[Blueprint, Bundle]:
    blueprint = plan(spec)
    return blueprint, render(blueprint)


def work(saved: SavedPlan, blueprint: Blueprint, bundle: Bundle, previous: Bundle | None = None, **order: Any) -> Work:
    values = {
        "release": "r1", "environment": saved.environment, "action": "deploy", "bundle": saved.bundle,
        "plan": saved.digest(), **order,
    }  # fmt: skip
    return Work(Order.model_validate(values), saved, blueprint, bundle, previous)


@pytest.fixture
def target(host: str, signed_in: Path, name: str) -> RegistryTarget:
    return RegistryTarget(Place.parse(f"{host}/{name.partition('/')[0]}-{{environment}}"))


def test_what_the_plan_named_is_promoted_whatever_the_tag_names_later(
    registry: Registry, name: str, target: RegistryTarget
) -> None:
    assert isinstance(target, Target)
    first = push_index(registry, name, "one", "1.0")
    blueprint, bundle = made_of(spec_with(f"{registry.host}/{name}:1.0"))
    production = blueprint.spec.environments[1]
    saved = target.plan(bundle, blueprint, production, None)
    assert saved.creates == 1
    assert saved == target.plan(bundle, blueprint, production, None), "planning changes nothing"
    push_index(registry, name, "two", "1.0")
    doing = work(saved, blueprint, bundle)
    assert target.observe(doing).state == "not_done"
    done = target.apply(doing)
    assert done.status == "done", done.detail
    into = f"{name.partition('/')[0]}-production/hello/hello"
    assert done.outputs == {"image-1": f"{into}@{first.digest}"}
    tag = f"production-{bundle.digest().removeprefix('sha256:')[:12]}"
    there = registry.resolve(into, tag)
    assert there is not None and there.digest == first.digest
    assert target.observe(doing).state == "done"
    assert target.apply(doing).status == "done", "again: the same effect"
    assert registry.tags(into) == (tag,)


def test_a_crash_in_between_is_seen_and_completed(registry: Registry, name: str, target: RegistryTarget) -> None:
    made = push_image(registry, name, "one", "1.0")
    blueprint, bundle = made_of(spec_with(f"{registry.host}/{name}:1.0"))
    saved = target.plan(bundle, blueprint, blueprint.spec.environments[0], None)
    doing = work(saved, blueprint, bundle)
    into = f"{name.partition('/')[0]}-staging/hello/hello"
    from hug_agents.adapters.oci.blobs import carry

    carry(registry, name, registry.manifest(name, made.digest).blobs()[0], registry, into)
    assert target.observe(doing).state == "not_done"
    assert target.apply(doing).status == "done"
    assert complete(registry, into, made.digest) == ()


def test_when_the_bytes_are_gone_the_plan_is_stale(registry: Registry, name: str, target: RegistryTarget) -> None:
    made = push_image(registry, name, "one", "1.0")
    blueprint, bundle = made_of(spec_with(f"{registry.host}/{name}@{made.digest}"))
    saved = target.plan(bundle, blueprint, blueprint.spec.environments[0], None)
    registry.delete(name, made.digest)
    with pytest.raises(PlanStale):
        target.apply(work(saved, blueprint, bundle))
    with pytest.raises(UsageError, match="there is no"):
        target.plan(bundle, blueprint, blueprint.spec.environments[0], None)


def test_a_rollback_needs_what_ran_before_and_says_when_it_is_gone(
    registry: Registry, name: str, target: RegistryTarget
) -> None:
    push_image(registry, name, "one", "1")
    push_image(registry, name, "two", "2")
    one, two = made_of(spec_with(f"{registry.host}/{name}:1")), made_of(spec_with(f"{registry.host}/{name}:2"))
    staging = one[0].spec.environments[0]
    target.apply(work(target.plan(one[1], one[0], staging, None), *one))
    saved = target.plan(two[1], two[0], staging, one[1])
    target.apply(work(saved, *two, one[1]))
    back = work(saved, *two, one[1], action="rollback")
    assert target.rollback(back).status == "done"
    assert target.drift(two[1], two[0], staging).status == "none"
    into = f"{name.partition('/')[0]}-staging/hello/hello"
    before = registry.resolve(into, f"staging-{one[1].digest().removeprefix('sha256:')[:12]}")
    assert before is not None
    registry.delete(into, before.digest)
    failed = target.rollback(back)
    assert failed.status == "failed" and failed.untouched and "not there" in failed.detail
    drift = target.drift(one[1], one[0], staging)
    assert drift.status == "drifted" and "missing" in drift.changes[0]


def test_what_a_pipeline_built_is_named_by_its_file(
    registry: Registry, host: str, name: str, signed_in: Path, tmp_path: Path
) -> None:
    made = push_image(registry, name, "one", "1.0")
    blueprint, bundle = made_of(ecs_canary())
    staging = blueprint.spec.environments[0]
    with pytest.raises(UsageError, match="nothing says which image"):
        RegistryTarget(Place.parse(f"{host}/x")).plan(bundle, blueprint, staging, None)
    file = tmp_path / "images.json"
    file.write_text(json.dumps({"payments-api": f"{host}/{name}@{made.digest}"}))
    saved = RegistryTarget(Place.parse(f"{host}/x?images={file}")).plan(bundle, blueprint, staging, None)
    assert made.digest in saved.settings["moves"]
    file.write_text(json.dumps({"payments-api": f"{host}/{name}:1.0"}))
    with pytest.raises(UsageError, match="sha256"):
        RegistryTarget(Place.parse(f"{host}/x?images={file}")).plan(bundle, blueprint, staging, None)


def test_the_target_is_loaded_by_its_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    target = load_target("registry:nexus.example.com/shop-{environment}", store)
    assert target.name == "registry:nexus.example.com/shop-{environment}"
    for bad in ("", "HOST", "h/../x", "h/a?x=1", "h/a b"):
        with pytest.raises(UsageError, match="names no registry"):
            load_target(f"registry:{bad}", store)


def test_nothing_is_promoted_before_it_is_signed(
    registry: Registry, name: str, target: RegistryTarget, tmp_path: Path, green: object
) -> None:
    made = push_image(registry, name, "one", "1.0")
    site = Site(tmp_path / "site", target=target)  # type: ignore[arg-type]
    text = (
        f"Deploy hello from {registry.host}/{name}@{made.digest} on port 8080 to the Kubernetes cluster main, rolling, "
    )
    release = site.start(text + "health check on /healthz", target=target.name)
    before = name.partition("/")[0]
    assert registry.tags(f"{before}-staging/hello/hello") == ()
    status = release.resume()
    assert status.checkpoint == "pre_deployment" and registry.tags(f"{before}-staging/hello/hello") == ()
    for checkpoint in SIGNERS:
        if status.checkpoint == "production_go_no_go":
            assert registry.tags(f"{before}-production/hello/hello") == ()
        assert status.checkpoint == checkpoint
        status = site.approve(release)
    assert status.outcome == "released", status
    assert len(registry.tags(f"{before}-production/hello/hello")) == 1
