"""Specs from the whole space: each renders, twice the same, and passes every gate that answers within about a second."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import (
    Build,
    Dependency,
    DeploymentSpec,
    Environment,
    EnvVar,
    Objective,
    Resources,
    SecretRef,
    Service,
    ServiceOverride,
    Stack,
    Step,
    Strategy,
    Toolchain,
    Trigger,
)
from hug_agents.validate import run_gates
from tests.examples import DIGEST, HOSTILE

FAST = (
    "shellcheck",
    "actionlint",
    "zizmor",
    "hadolint",
    "terraform fmt",
    "promtool check",
    "well-formed",
    "policy pack",
)
LINE = HOSTILE.replace("\n", " ")
NAMES = ("api", "web", "a", "checkout-service-with-a-rather-long-name", "x9")

STACKS = (
    Stack(
        language="python",
        version="3.12",
        framework="fastapi",
        package_manager="pip",
        requirements_file="requirements.txt",
    ),
    Stack(language="python", version="3.13", framework="django", package_manager="uv", lock_file="uv.lock"),
    Stack(language="python", version="3.11", framework="flask", package_manager="poetry", lock_file="poetry.lock"),
    Stack(language="node", version="22", framework="express", package_manager="npm", lock_file="package-lock.json"),
    Stack(
        language="node",
        version="20",
        framework="nest",
        package_manager="yarn",
        lock_file="yarn.lock",
        build_script=True,
    ),
    Stack(language="go", version="1.25", package_manager="go", module="./cmd/api"),
    Stack(language="java", version="21", framework="spring", package_manager="gradle"),
    Stack(language="java", version="17", package_manager="maven"),
)


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    kind = draw(st.sampled_from(["web", "web", "worker", "job"]))
    given_image = draw(st.booleans())
    replicas = draw(st.integers(1, 12))
    return Service(
        name=name,
        kind=kind,
        image=f"registry.example.com:5000/team/{name}:1.2@{DIGEST}" if given_image else None,
        build=None
        if given_image
        else Build(context=draw(st.sampled_from([".", name])), stack=draw(st.sampled_from(STACKS))),
        port=draw(st.sampled_from([80, 3000, 8080, 65535])) if kind == "web" else None,
        health_path=draw(st.sampled_from([None, "/", "/healthz", "/a-b_c/~d?x=1&y=%20"])) if kind == "web" else None,
        health_port=draw(st.sampled_from([None, 9090])) if kind == "web" else None,
        metrics_path=draw(st.sampled_from([None, "/metrics"])) if kind == "web" else None,
        schedule=draw(st.sampled_from([None, "0 3 * * *", "*/15 * * * 1-5"])) if kind == "job" else None,
        command=draw(st.sampled_from([(), ("run", "--flag=a b"), ("sh", "-c", LINE)])),
        migrate_command=draw(st.sampled_from([(), ("migrate", LINE)])) if kind == "web" else (),
        replicas=replicas,
        max_replicas=draw(st.sampled_from([None, replicas, replicas + 8])) if kind != "job" else None,
        resources=Resources(
            cpu_millicores=draw(st.sampled_from([250, 500, 1000])), memory_mib=draw(st.sampled_from([512, 1024, 2048]))
        ),
        public=draw(st.booleans()),
        env=draw(st.sampled_from([(), (EnvVar(name="A", value=HOSTILE), EnvVar(name="B_2", value=""))])),
        secrets=draw(st.sampled_from([(), (SecretRef(name="TOKEN", key="team/token.v1"),)])),
    )


@st.composite
def specs(draw: st.DrawFn) -> DeploymentSpec:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    parts = tuple(draw(services(name)) for name in names)
    runtime = draw(st.sampled_from(["ecs", "kubernetes", "kubernetes"]))
    cloud = "aws" if runtime == "ecs" else draw(st.sampled_from(["aws", "gcp", "none"]))
    region = {"aws": "eu-west-1", "gcp": "europe-west1"}.get(cloud)
    kinds = draw(
        st.lists(st.sampled_from(["postgres", "mysql", "redis", "queue", "object_store"]), max_size=3, unique=True)
    )
    managed = cloud == "aws"
    domain = draw(st.sampled_from([None, "app.example.com"]))
    scaled = next((part for part in parts if part.kind != "job"), None)
    override = (ServiceOverride(service=scaled.name, replicas=1),) if scaled and draw(st.booleans()) else ()
    kind = draw(st.sampled_from(["rolling", "blue_green", "canary"]))
    steps = draw(st.sampled_from([(5, 25, 100), (10, 100), (1, 2, 50, 100), (100,)])) if kind == "canary" else ()
    web = [part for part in parts if part.kind == "web"]
    return DeploymentSpec(
        application=draw(st.sampled_from(["shop", "a", "an-application-with-a-very-long-name-for-it"[:40]])),
        version=draw(st.sampled_from(["0.1.0", LINE[:200]])),
        repository=draw(st.sampled_from([None, "acme/shop"])),
        services=parts,
        dependencies=tuple(
            Dependency(name=f"my-{item.replace('_', '-')}", kind=item, managed=managed) for item in kinds
        ),
        environments=(
            Environment(
                name="staging",
                role="staging",
                cloud=cloud,
                region=region,
                domain=domain and "st." + domain,
                overrides=override,
            ),
            Environment(name="production", role="production", cloud=cloud, region=region, domain=domain),
        ),
        toolchain=Toolchain(
            iac="terraform" if cloud == "aws" else None,
            runtime=runtime,
            ci=draw(st.sampled_from(["github_actions", "gitlab_ci"])),
            registry_host=draw(st.sampled_from(["", "registry.example.com/team", "ghcr.io/acme"])),
        ),
        strategy=Strategy(
            kind=kind,
            steps=tuple(Step(weight=weight, hold_seconds=draw(st.sampled_from([0, 300]))) for weight in steps),
        ),
        objectives=draw(
            st.sampled_from(
                [
                    (Objective(kind="availability", target_percent=99.95),),
                    (Objective(kind="latency", target_percent=95, threshold_ms=250, window_days=7),),
                    (Objective(kind="error_rate", target_percent=0.5),),
                ]
            )
        )
        if web
        else (),
        triggers=draw(
            st.sampled_from(
                [
                    (Trigger(metric="health"), Trigger(metric="smoke")),
                    (Trigger(metric="latency", threshold=400), Trigger(metric="health")),
                ]
            )
        ),
        owner=draw(st.sampled_from([None, "Team", LINE])),
    )


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(specs())
def test_every_spec_passes_the_fast_gates(spec: DeploymentSpec) -> None:
    blueprint = plan(spec)
    bundle = render(blueprint)
    assert render(plan(spec)).digest() == bundle.digest()
    results = run_gates(bundle, blueprint, only=FAST)
    found = [
        f"{item.gate} {item.file}:{item.line} {item.rule} {item.message}"
        for result in results
        for item in result.findings
        if item.severity == "error"
    ]
    assert not found, "\n".join(found)
    assert not [result.reason for result in results if result.status == "error"]
