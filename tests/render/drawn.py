"""Specs drawn from the whole space: every system that is written for, and text that tries to break out of its file."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hug_agents import combinations
from hug_agents.spec import (
    Analysis,
    Build,
    Dependency,
    DeploymentSpec,
    Environment,
    EnvVar,
    Objective,
    Query,
    Resources,
    SecretRef,
    Service,
    ServiceOverride,
    SmokeTest,
    Stack,
    Step,
    Strategy,
    Toolchain,
    Trigger,
    Window,
)
from hug_agents.systems import FIELDS, systems
from tests.examples import DIGEST, HOSTILE

NAMES = ("api", "web", "a", "checkout-service-with-a-rather-long-name", "x9")
LINE = HOSTILE.replace("\n", " ")
_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\ufffe\uffff")
line = st.one_of(
    st.sampled_from(
        (
            LINE, "", "plain words", "'", '"', "\\", "${x}", "$${x}", "%{ if x }", "{{ x }}", "${{ x }}", "!!python/none", "&a *a",
            "yes", "1e3", "~", "a: b", "- a", "# a", "\U0001f600", "\u202e", "<<EOF", "`id`", "$(id)", "[[x]]", "<%= x %>", "@x",
        )
    ),
    st.text(_CHARACTERS, max_size=30),
)  # fmt: skip
"""One line of anything."""
text = st.one_of(line, st.sampled_from((HOSTILE, "x\n---\ny\n", "x" * 10_000, "\n", "\t")))
"""Anything."""

STACKS = (
    Stack(language="python", version="3.12", package_manager="pip", requirements_file="requirements.txt"),
    Stack(language="python", version="3.13", framework="django", package_manager="uv", lock_file="uv.lock"),
    Stack(language="python", version="3.11", framework="flask", package_manager="poetry", lock_file="poetry.lock"),
    Stack(language="node", version="22", framework="express", package_manager="npm", lock_file="package-lock.json"),
    Stack(language="node", version="20", package_manager="yarn", lock_file="yarn.lock", build_script=True),
    Stack(language="go", version="1.25", package_manager="go", module="./cmd/api"),
    Stack(language="java", version="21", framework="spring", package_manager="gradle"),
    Stack(language="java", version="17", package_manager="maven"),
)


def ready(field: str) -> list[str]:
    """The systems of a family that are written for."""
    return [item.id for item in systems().values() if item.family == FIELDS[field] and item.level != "planned"]


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    kind = draw(st.sampled_from(["web", "web", "worker", "job"]))
    given_image = draw(st.booleans())
    replicas = draw(st.integers(1, 12))
    web = kind == "web"
    stack = draw(st.sampled_from(STACKS))
    if draw(st.booleans()):
        stack = stack.model_copy(update={"test_command": draw(line.filter(str.strip))})
    return Service(
        name=name,
        kind=kind,
        image=f"registry.example.com:5000/team/{name}:1.2@{DIGEST}" if given_image else None,
        build=None if given_image else Build(context=draw(st.sampled_from([".", name])), stack=stack),
        port=draw(st.sampled_from([80, 3000, 8080, 65535])) if web else None,
        health_path=draw(st.sampled_from([None, "/", "/healthz", "/a-b_c/~d?x=1&y=%20"])) if web else None,
        health_port=draw(st.sampled_from([None, 9090])) if web else None,
        metrics_path=draw(st.sampled_from([None, "/metrics"])) if web else None,
        schedule=draw(st.sampled_from([None, "0 3 * * *", "*/15 * * * 1-5"])) if kind == "job" else None,
        command=tuple(draw(st.lists(line, max_size=3))),
        migrate_command=("migrate", draw(line)) if web and draw(st.booleans()) else (),
        replicas=replicas,
        max_replicas=draw(st.sampled_from([None, replicas, replicas + 8])) if kind != "job" else None,
        resources=Resources(
            cpu_millicores=draw(st.sampled_from([250, 500, 1000])), memory_mib=draw(st.sampled_from([512, 1024, 2048]))
        ),
        public=draw(st.booleans()),
        env=tuple(
            EnvVar(name=f"V{number}", value=value) for number, value in enumerate(draw(st.lists(text, max_size=3)))
        ),
        secrets=draw(st.sampled_from([(), (SecretRef(name="TOKEN", key="team/token.v1"),)])),
    )


@st.composite
def toolchains(draw: st.DrawFn, cloud: str) -> Toolchain:
    """One that goes together, but for one in eight, which may not."""
    any_at_all = draw(st.integers(0, 7)) == 0
    chain = Toolchain(
        iac=draw(st.sampled_from([None, *ready("iac"), "terraform"])) if cloud == "aws" or any_at_all else None,
        ci=draw(st.sampled_from([None, *ready("ci")])),
        runtime=draw(st.sampled_from(ready("runtime"))),
        monitors=tuple(draw(st.lists(st.sampled_from(ready("monitors")), max_size=3, unique=True))),
        rollout=draw(st.sampled_from([None, None, *ready("rollout")])) if ready("rollout") else None,
        registry=draw(st.sampled_from([None, *ready("registry")])),
        registry_host=draw(st.sampled_from(["", "registry.example.com/team", "ghcr.io/acme", "r.example.com:8443"])),
    )
    if chain.registry in ("nexus", "artifactory") and chain.registry_host in ("", "ghcr.io/acme") and not any_at_all:
        chain = chain.model_copy(update={"registry_host": "registry.example.com/team"})
    # Putting right what clashes costs less than drawing again.
    changes: dict[str, Any] = {}
    for clash in combinations.clashes(combinations.known(chain, (cloud,))) if not any_at_all else ():
        match clash.need.field:
            case "monitors":
                changes["monitors"] = ("prometheus", *chain.monitors)
            case "runtime":
                changes["rollout"] = None
            case _:
                changes["runtime" if clash.system == "ecs" else "iac"] = "kubernetes" if clash.system == "ecs" else None
    chain = chain.model_copy(update=changes)
    if chain.runtime == "ecs" and chain.iac is None and not any_at_all:
        return chain.model_copy(update={"iac": "terraform"})  # nothing else writes its services
    return chain


@st.composite
def specs(draw: st.DrawFn) -> DeploymentSpec:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    parts = tuple(draw(services(name)) for name in names)
    cloud = draw(st.sampled_from(["aws", "aws", "gcp", "azure", "none"]))
    chain = draw(toolchains(cloud))
    region = {"aws": "eu-west-1", "gcp": "europe-west1", "azure": "westeurope"}.get(cloud)
    kinds = draw(
        st.lists(st.sampled_from(["postgres", "mysql", "redis", "queue", "object_store"]), max_size=3, unique=True)
    )
    domain = draw(st.sampled_from([None, "app.example.com"]))
    scaled = next((part for part in parts if part.kind != "job"), None)
    override = (ServiceOverride(service=scaled.name, replicas=1),) if scaled and draw(st.booleans()) else ()
    kind = draw(st.sampled_from(["rolling", "blue_green", "canary"]))
    steps = draw(st.sampled_from([(5, 25, 100), (10, 100), (1, 2, 50, 100), (100,)])) if kind == "canary" else ()
    web = [part for part in parts if part.kind == "web"]
    common = {"cloud": cloud, "region": region}
    return DeploymentSpec(
        application=draw(st.sampled_from(["shop", "a", "an-application-with-a-very-long-name-for-it"[:40]])),
        version=draw(line),
        repository=draw(st.sampled_from([None, "acme/shop"])),
        services=parts,
        dependencies=tuple(
            Dependency(name=f"my-{item.replace('_', '-')}", kind=item, managed=chain.iac is not None) for item in kinds
        ),
        environments=(
            Environment(
                name="staging", role="staging", domain=domain and "st." + domain, overrides=override, **common
            ),
            Environment(name="production", role="production", domain=domain, **common),
        ),
        toolchain=chain,
        strategy=Strategy(
            kind=kind,
            steps=tuple(Step(weight=weight, hold_seconds=draw(st.sampled_from([0, 300]))) for weight in steps),
        ),
        objectives=draw(objectives) if web else (),
        triggers=draw(triggers),
        windows=draw(st.sampled_from([(), (Window(days=("mon",), start="09:00", end="16:00", timezone="Europe/Berlin"),)])),
        smoke_tests=(
            SmokeTest(service=web[0].name, path="/x", contains=draw(line), method="POST", send=draw(text)),
        )
        if web and draw(st.booleans())
        else (),
        analysis=draw(st.sampled_from([None, Analysis(queries=(Query(name="q", promql="max(x) or vector(0)", at_most=5),))])),
        owner=draw(st.one_of(st.none(), line)),
    )  # fmt: skip


objectives = st.sampled_from(
    [
        (Objective(kind="availability", target_percent=99.95),),
        (Objective(kind="latency", target_percent=95, threshold_ms=250, window_days=7),),
        (Objective(kind="error_rate", target_percent=0.5),),
    ]
)
triggers = st.sampled_from(
    [
        (),
        (Trigger(metric="health"), Trigger(metric="smoke")),
        (Trigger(metric="latency", threshold=400), Trigger(metric="error_rate", threshold=2.0)),
    ]
)
