"""The documents that people read, and the inventory that programs read."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from jsonschema import Draft7Validator
from rfc3986_validator import validate_rfc3986  # type: ignore[import-untyped]

from hug_agents.planning import plan
from hug_agents.plans import Note, Requirement
from hug_agents.render import documents, render
from hug_agents.render.documents import dependencies, deployment_plan, inventory, rollback_plan, runbook
from hug_agents.render.documents.by_hand import by_hand
from hug_agents.spec import Dependency, DeploymentSpec
from tests.examples import ALL, HOSTILE, ecs_canary, minimal, shop_ecs_blue_green

NAMES = sorted(ALL)


@Draft7Validator.FORMAT_CHECKER.checks("iri-reference")
def _reference(value: object) -> bool:
    """A URI reference, which is narrower: what jsonschema takes for the wider one is slow to import."""
    return not isinstance(value, str) or bool(validate_rfc3986(value, rule="URI_reference"))


def written(spec: DeploymentSpec, module: object) -> dict[str, str]:
    return {item.path: item.content for item in module.render(plan(spec))}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_the_dependency_manifest_is_cyclonedx(name: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    [content] = written(ALL[name](), dependencies).values()
    strict = JsonStrictValidator(SchemaVersion.V1_6)
    assert strict.validate_str(content) is None
    document = {**json.loads(content), "externalReferences": [{"type": "website", "url": "a b"}]}
    assert "iri-reference" in str(strict.validate_str(json.dumps(document)))


def test_an_image_by_digest_keeps_it() -> None:
    document = json.loads(written(minimal(), dependencies)["inventory/dependencies.cdx.json"])
    [component] = document["components"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": "3f" * 32}]
    assert component["purl"].startswith("pkg:oci/hello@sha256%3A3f3f")


def test_the_inventory_tells_where_environments_differ() -> None:
    files = written(ecs_canary(), inventory)
    staging, production = json.loads(files["inventory/environments.json"])["environments"]
    assert (staging["services"][0]["replicas"], production["services"][0]["replicas"]) == (1, 3)
    assert "replicas, max replicas" in files["docs/environments.md"]
    assert "`payments/stripe-key`" in files["docs/environments.md"]


def test_the_rollback_plan_says_what_cannot_be_undone() -> None:
    text = written(ecs_canary(), rollback_plan)["docs/rollback-plan.md"]
    assert "the migration of payments-api" in text and "expand, then contract" in text
    assert "data written to db" in text
    assert re.search(r"\| 2 \| Send all traffic .* `deploy/deploy.sh rollback production` .* 60 s \|", text)
    assert "messages on orders" in written(shop_ecs_blue_green(), rollback_plan)["docs/rollback-plan.md"]
    assert "Nothing that is known here: no database" in written(minimal(), rollback_plan)["docs/rollback-plan.md"]


def test_every_alert_that_pages_is_in_the_runbook() -> None:
    bundle = render(plan(ecs_canary()))
    runbook_text = bundle["docs/runbook.md"].content
    alerts = {
        name
        for item in bundle.under("monitoring/prometheus/")
        for name in re.findall(r"^\s*- alert: (\S+)", item.content, re.M)
    }
    assert alerts
    for alert in alerts:
        assert f"### {alert}" in runbook_text.replace("\\", ""), alert


def test_commands_of_the_documents_exist_in_the_bundle() -> None:
    for make in ALL.values():
        bundle = render(plan(make()))
        for artifact in bundle.under("docs/"):
            for script in re.findall(r"(deploy/\w+\.sh)", artifact.content):
                assert script in bundle, (artifact.path, script)


def test_requirements_and_notes_are_data() -> None:
    blueprint = plan(
        minimal(),
        requirements=[Requirement(id="R1", text=HOSTILE, status="unmet", reason=HOSTILE.replace("\n", " "))],
        notes=[Note(agent="devops", about="strategy", text=HOSTILE)],
    )
    text = next(item.content for item in deployment_plan.render(blueprint) if item.path.endswith(".md"))
    assert "<script>" not in text and "[x](" not in text
    rows = [line for line in text.splitlines() if line.startswith("| R1 ")]
    assert len(rows) == 1 and len(re.findall(r"(?<!\\)\|", rows[0])) == 5


def test_the_runbook_names_the_production_environment() -> None:
    text = written(ecs_canary(), runbook)["docs/runbook.md"]
    assert "deploy/deploy.sh rollback production" in text
    assert documents.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_the_way_back_by_hand_names_what_is_there(name: str) -> None:
    """A command of the runbook that names a Deployment, a job or a service of another strategy helps nobody at night."""
    spec = ALL[name]()
    bundle = render(plan(spec))
    production = (spec.production or spec.environments)[0]
    commands = "\n".join(step.command for step in by_hand(spec, production))
    assert all(f"`{line}`" in bundle["docs/runbook.md"].content for line in commands.splitlines())
    if spec.toolchain.runtime == "kubernetes":
        there = {
            (document["kind"], document["metadata"]["name"])
            for artifact in bundle
            if artifact.path.startswith("kubernetes/base/services/")
            for document in yaml.safe_load_all(artifact.content)
        }
        named = [
            *(("Deployment", item) for item in re.findall(r"deployment/([a-z0-9-]+)", commands)),
            *(("Rollout", item) for item in re.findall(r"argo rollouts \w+ ([a-z0-9-]+)", commands)),
            *(("Service", item) for item in re.findall(r"(?:get|patch) service ([a-z0-9-]+)", commands)),
        ]
        assert named and set(named) <= there
        assert all("--namespace" in line for line in commands.splitlines())
    elif spec.toolchain.runtime == "nomad":
        jobs = re.findall(r"job (?:status|history|revert) -namespace \S+ ([a-z0-9-]+)", commands)
        assert jobs and all(f"nomad/jobs/{job}.nomad.hcl" in bundle for job in jobs)
        assert all("-namespace" in line for line in commands.splitlines())
    else:
        [family] = set(re.findall(r"--family-prefix (\S+)", commands))
        services = re.findall(r"--services? ([^-\s]\S*)", commands)
        assert any(family in item.content for item in bundle if item.path.startswith("infrastructure/"))
        assert services and all(item.removesuffix("-blue").removesuffix("-green") == family for item in services)


def test_a_database_that_exists_already_is_not_undone_either() -> None:
    spec = shop_ecs_blue_green()
    kept = tuple(item.model_copy(update={"managed": False}) for item in spec.dependencies)
    text = written(spec.model_copy(update={"dependencies": kept}), rollback_plan)["docs/rollback-plan.md"]
    assert f"data written to {kept[0].name} by the new version" in text and "Nothing that is known" not in text


def test_the_inventory_says_what_is_not_named_by_digest_and_which_passwords_there_are() -> None:
    spec = minimal()
    assert "They are named by digest." in written(spec, inventory)["docs/environments.md"]
    service = spec.services[0].model_copy(update={"image": "ghcr.io/acme/hello:1.2.0"})
    database = Dependency(name="orders", kind="postgres", managed=False)
    tagged = spec.model_copy(update={"services": (service,), "dependencies": (database,)})
    text = written(tagged, inventory)["docs/environments.md"]
    assert "but for that of hello: it was given by a tag" in text
    assert "| all | `ORDERS_PASSWORD` | `orders` |" in text
