"""Each rule of the policy pack holds on real bundles, and fires, at its place, when a file is tampered with."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml

from hug_agents.bundle import Bundle
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec, EnvVar, Model, ServiceOverride, Toolchain
from hug_agents.validate.policy import rules as every_rule
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule
from tests.examples import ALL, DIGEST

ECS, EKS, K8S = "ecs_canary", "kubernetes_canary_eks", "kubernetes_rolling"


def rules() -> tuple[Rule, ...]:
    """Those of the mission; those for what a model wrote have tests of their own, in tests/amending."""
    return tuple(rule for rule in every_rule() if not rule.id.startswith("HUG-A"))


@cache
def original(example: str) -> tuple[Bundle, Blueprint]:
    """An example, or `example+iac`."""
    name, _, iac = example.partition("+")
    spec = ALL[name]()
    if iac:
        spec = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": iac})})
    blueprint = plan(spec)
    return render(blueprint), blueprint


@cache
def before(example: str) -> set[tuple[str, Hit]]:
    return broken(*original(example))


def broken(bundle: Bundle, blueprint: Blueprint) -> set[tuple[str, Hit]]:
    facts = Facts(bundle, blueprint)
    return {(rule.id, hit) for rule in rules() for hit in rule.check(facts)}


class Tampering(Model):
    """One change of one file of a real bundle, and what must be found."""

    rule: str
    example: str
    file: str
    """`*` stands for anything."""
    replace: str = ""
    by: str = ""
    times: int = 1
    append: str = ""
    copies: int = 1
    remove: bool = False
    without: str = ""
    """Another file that goes too."""
    found_in: str = ""
    """The file that is named, where it is not the one that was changed."""
    at: str = ""
    also: tuple[str, ...] = ()
    """Other rules that the same change breaks."""


TAMPERINGS = tuple(
    Tampering.model_validate(row)
    for row in yaml.safe_load(Path(__file__).with_name("tamperings.yaml").read_text(encoding="utf-8"))
)


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda item: f"{item.rule} {item.file.rpartition('/')[2]}")
def test_a_changed_file_breaks_its_rule(tampering: Tampering) -> None:
    bundle, blueprint = original(tampering.example)
    changed = _tampered(bundle, tampering)
    known = {(rule, hit.message) for rule, hit in before(tampering.example)}
    new = [(rule, hit) for rule, hit in broken(changed, blueprint) if (rule, hit.message) not in known]
    assert {rule for rule, _ in new} == {tampering.rule, *tampering.also}
    file = tampering.found_in or tampering.file
    if not tampering.remove or tampering.found_in:
        assert file in changed
        lines = changed[file].content.splitlines()
        places = [lines[hit.line - 1] for rule, hit in new if rule == tampering.rule and hit.file == file]
        assert any(tampering.at in place for place in places), places


def _tampered(bundle: Bundle, tampering: Tampering) -> Bundle:
    name = re.compile(re.escape(tampering.file).replace(r"\*", ".*"))
    artifacts, touched = [], False
    for artifact in bundle:
        if not name.fullmatch(artifact.path):
            artifacts += [artifact] if artifact.path != tampering.without else []
            continue
        touched = True
        if tampering.remove:
            continue
        content = artifact.content
        if tampering.replace:
            content = re.sub(tampering.replace, tampering.by, content, count=tampering.times, flags=re.DOTALL)
        content += "".join(tampering.append.replace("{n}", str(number)) for number in range(tampering.copies))
        assert content != artifact.content, f"{tampering.replace} is not in {artifact.path}"
        artifacts.append(artifact.model_copy(update={"content": content}))
    assert touched, f"there is no {tampering.file}"
    return Bundle(bundle.manifest.spec, artifacts)


def _without_staging(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"environments": spec.production})


def _other_variable(spec: DeploymentSpec) -> DeploymentSpec:
    override = ServiceOverride(service=spec.services[0].name, env=(EnvVar(name="DEBUG", value="1"),))
    staging, *rest = spec.environments
    return spec.model_copy(update={"environments": (staging.model_copy(update={"overrides": (override,)}), *rest)})


def _without_health(spec: DeploymentSpec) -> DeploymentSpec:
    service = spec.services[0].model_copy(update={"health_path": None})
    return spec.model_copy(update={"services": (service,)})


def _without_triggers(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"triggers": ()})


def _unwatched(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"toolchain": Toolchain(iac=None, runtime="kubernetes", monitors=())})


def _rare_drills(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"drill_every_days": 180})


SPECS: tuple[tuple[str, str, Callable[[DeploymentSpec], DeploymentSpec], set[str]], ...] = (
    ("HUG-B2a", K8S, _without_staging, {"HUG-B2b", "HUG-P1a", "HUG-B3e", "HUG-P5b", "HUG-P5c"}),
    ("HUG-B3a", EKS, _without_triggers, set()),
    ("HUG-B4f", "kubernetes_blue_green", _without_health, set()),
    ("HUG-P2c", K8S, _other_variable, set()),
    ("HUG-P4c", K8S, _unwatched, set()),
    ("HUG-P5a", K8S, _rare_drills, {"HUG-P5b"}),
)


@pytest.mark.parametrize(("rule", "example", "change", "also"), SPECS, ids=[row[0] for row in SPECS])
def test_a_changed_spec_breaks_its_rule(
    rule: str, example: str, change: Callable[[DeploymentSpec], DeploymentSpec], also: set[str]
) -> None:
    blueprint = plan(change(ALL[example]()))
    found = {name for name, _ in broken(render(blueprint), blueprint) - before(example)}
    assert rule in found
    assert found - also == {rule}


def test_a_rollout_that_judges_nothing_is_found() -> None:
    bundle, blueprint = original(ECS)
    steps = tuple(step for step in blueprint.rollout.steps if step.action != "analyse")
    careless = blueprint.model_copy(update={"rollout": blueprint.rollout.model_copy(update={"steps": steps})})
    found = broken(bundle, careless) - before(ECS)
    assert {rule for rule, _ in found} == {"HUG-B3b"}
    assert len(found) == 3  # one a shift


def test_too_rare_drills_can_be_mended() -> None:
    blueprint = plan(ALL[K8S]().model_copy(update={"drill_every_days": 180}))
    (hit,) = (hit for rule, hit in broken(render(blueprint), blueprint) if rule == "HUG-P5a")
    assert hit.fix is not None
    assert (hit.fix.path, hit.fix.value) == ("drill_every_days", 90)


CLOUDFORMATION = [f"{name}+cloudformation" for name in ("minimal", ECS, "shop_ecs_blue_green", "hostile_ecs")]


@pytest.mark.parametrize("example", [*sorted(ALL), *CLOUDFORMATION])
def test_our_own_bundles_keep_every_rule(example: str) -> None:
    severity = {rule.id: rule.severity for rule in rules()}
    errors = [(rule, hit) for rule, hit in before(example) if (hit.severity or severity[rule]) == "error"]
    assert errors == []


def test_every_rule_is_broken_by_some_test() -> None:
    told = {item.rule for item in TAMPERINGS} | {row[0] for row in SPECS} | {"HUG-B3b"}
    assert told == {rule.id for rule in rules()}


def test_rules_quote_the_mission_and_say_what_to_do() -> None:
    names = [rule.id for rule in rules()]
    assert len(names) == len(set(names))
    mission = [name for name in names if not name.startswith("HUG-S")]
    assert {name[:6] for name in mission} == {f"HUG-{kind}{number}" for kind in "BP" for number in range(1, 6)}
    for rule in rules():
        assert re.fullmatch(r"HUG-([BP][1-5][a-z]|S[1-5])", rule.id)
        assert rule.title and rule.reason.endswith(".") and rule.remedy and not rule.remedy.endswith(".")
    assert len({rule.source for rule in rules() if rule.id in mission}) == 10


@pytest.mark.parametrize(
    ("image", "refused"), [("ghcr.io/acme/pay:1.4.0", True), (f"ghcr.io/acme/pay:1.4.0@{DIGEST}", False)]
)
def test_what_the_script_for_ecs_refuses_is_an_error_before_it_runs(image: str, refused: bool) -> None:
    """`deploy.sh` records digests, so a given tag would fail in the pipeline, after people had signed."""
    spec = ALL[ECS]()
    first = spec.services[0].model_copy(update={"image": image, "build": None})
    blueprint = plan(spec.model_copy(update={"services": (first, *spec.services[1:])}))
    rule = next(rule for rule in rules() if rule.id == "HUG-B1a")
    hits = [hit for hit in rule.check(Facts(render(blueprint), blueprint)) if "releases nothing on ECS" in hit.message]
    assert [hit.severity for hit in hits] == ([None] if refused else [])  # the rule's own: an error
