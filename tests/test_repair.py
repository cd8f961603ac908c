from __future__ import annotations

import pytest

from hug_agents.errors import UsageError
from hug_agents.repair import applicable, apply_fix, spec_paths, spec_values
from hug_agents.spec import DeploymentSpec, Evidence
from hug_agents.validate.gate import Finding, Fix
from tests.examples import ecs_canary, minimal


def fix(path: str, value: int | str | bool, reason: str = "so that it holds") -> Fix:
    return Fix(path=path, value=value, reason=reason)


def stating(spec: DeploymentSpec, *rows: Evidence) -> DeploymentSpec:
    evidence = sorted(rows, key=lambda row: row.path)
    return DeploymentSpec.model_validate({**spec.model_dump(), "evidence": evidence})


def said(path: str) -> Evidence:
    return Evidence(path=path, kind="request", quote="so it was said")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("drill_every_days", 14),
        ("services.hello.replicas", 3),
        ("services.hello.health_path", "/ready"),
        ("services.hello.resources.memory_mib", 1024),
        ("services.hello.memory_mib", 1024),
        ("services.hello.public", False),
        ("environments.staging.domain", "hello.staging.example.com"),
        ("toolchain.rollout", "argo_rollouts"),
        ("strategy.keep_old_seconds", 0),
        ("owner", "Team '; rm -rf /"),
    ],
)
def test_a_fix_changes_one_value_and_says_why(path: str, value: int | str | bool) -> None:
    spec = minimal()
    mended = apply_fix(spec, fix(path, value))
    before, after = spec_values(spec), spec_values(mended)
    long = path.replace("hello.memory_mib", "hello.resources.memory_mib")
    assert after[long] == value
    assert {name for name in after if after[name] != before[name]} == {long}
    assert mended.evidence == (Evidence(path=path, kind="default", reason="so that it holds"),)


def test_it_can_be_changed_again_since_it_is_still_a_default() -> None:
    once = apply_fix(minimal(), fix("drill_every_days", 14))
    twice = apply_fix(once, fix("drill_every_days", 7, "sooner"))
    assert twice.drill_every_days == 7
    assert [row.reason for row in twice.evidence] == ["sooner"]


def test_an_environments_own_size_is_found_by_the_service() -> None:
    mended = apply_fix(ecs_canary(), fix("environments.staging.replicas.payments-api", 2))
    assert mended.environments[0].overrides[0].replicas == 2


@pytest.mark.parametrize(
    ("evidence", "path"),
    [
        ("services.hello.replicas", "services.hello.replicas"),
        ("services.*.replicas", "services.hello.replicas"),
        ("services.hello.memory_mib", "services.hello.resources.memory_mib"),
        ("services.hello.resources.memory_mib", "services.hello.memory_mib"),
        ("services.hello.resources", "services.hello.memory_mib"),
        ("services.hello", "services.hello.replicas"),
    ],
)
@pytest.mark.parametrize("kind", ["request", "answer", "option", "repository"])
def test_what_somebody_stated_is_not_changed(evidence: str, path: str, kind: str) -> None:
    spec = stating(minimal(), said(evidence).model_copy(update={"kind": kind}))
    with pytest.raises(UsageError, match=f"was stated \\({kind}\\)"):
        apply_fix(spec, fix(path, 777))


@pytest.mark.parametrize("evidence", ["services.other.replicas", "services.hello.max_replicas", "strategy.kind"])
def test_what_was_stated_elsewhere_does_not_stand_in_the_way(evidence: str) -> None:
    assert apply_fix(stating(minimal(), said(evidence)), fix("services.hello.replicas", 5)).services[0].replicas == 5


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("services.hello", 1, "no single value"),
        ("services.hello.command", "sh", "no single value"),
        ("strategy.steps", 1, "no single value"),
        ("services.other.replicas", 2, "no 'other'"),
        ("services.hello.nothing", 2, "no single value"),
        ("nothing", 2, "no single value"),
        ("services.hello.replicas", 0, "would not hold"),
        ("services.hello.replicas", "many", "would not hold"),
        ("services.hello.kind", "worker", "would not hold"),
        ("schema_version", 2, "would not hold"),
        ("evidence", "x", "no single value"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(path: str, value: int | str | bool, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        apply_fix(minimal(), fix(path, value))
    assert caught.value.where == path


def finding(offer: Fix | None) -> Finding:
    return Finding(gate="policy", rule="HUG-P01", severity="error", message="too few", fix=offer)


def test_only_offers_that_may_be_applied_and_change_something_remain() -> None:
    spec = stating(minimal(), said("owner"))
    good = fix("services.hello.replicas", 3)
    offers = [None, fix("owner", "me"), good, good, fix("drill_every_days", 30), fix("services.hello.port", 0)]
    assert applicable(spec, [finding(offer) for offer in offers]) == (good,)


def test_paths_are_those_that_a_note_may_be_about() -> None:
    paths = spec_paths(ecs_canary())
    for path in ("services", "services.payments-api", "services.payments-api.port", "dependencies.db", "triggers"):
        assert path in paths
    for path in ("evidence", "schema_version", "services.0", "triggers.0", ""):
        assert path not in paths
