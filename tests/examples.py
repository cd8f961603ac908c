"""Specs that many tests share: small, large, and hostile. All are valid; each stands for a kind of user."""

from __future__ import annotations

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

DIGEST = "sha256:" + "3f" * 32
HOSTILE = (
    "'; rm -rf / #\" $(reboot) `reboot` ${var.x} %{ if true } {{ .Values.x }} ${{ github.token }} <script>alert(1)</script> "
    "!!python/object:os.system & | > < \\ \\n \U0001f600 {% raw %} [x](javascript:alert(1)) *b* # c\n- item: true\n---\n"
)

PYTHON = Build(
    context=".",
    stack=Stack(
        language="python",
        version="3.12",
        framework="fastapi",
        package_manager="pip",
        requirements_file="requirements.txt",
        test_command="pytest",
    ),
)


def two_environments(cloud: str = "aws", **both: object) -> tuple[Environment, ...]:
    """Staging and production, alike but for size."""
    region = {"aws": "eu-west-1", "gcp": "europe-west1", "azure": "westeurope"}.get(cloud)
    values = {"cloud": cloud, "region": region, **both}
    return (
        Environment.model_validate({"name": "staging", "role": "staging", **values}),
        Environment.model_validate({"name": "production", "role": "production", **values}),
    )


SLOS = (
    Objective(kind="availability", target_percent=99.9),
    Objective(kind="latency", target_percent=99.0, threshold_ms=300),
)
TRIGGERS = (Trigger(metric="error_rate", threshold=1.0), Trigger(metric="health"), Trigger(metric="smoke"))
CANARY = Strategy(
    kind="canary",
    steps=(Step(weight=10, hold_seconds=300), Step(weight=50, hold_seconds=600), Step(weight=100, hold_seconds=600)),
)


def minimal() -> DeploymentSpec:
    """One service by digest on ECS, rolling, nothing else stated."""
    return DeploymentSpec(
        application="hello",
        services=(Service(name="hello", image=f"ghcr.io/acme/hello@{DIGEST}", port=8080, health_path="/healthz"),),
        environments=two_environments(),
    )


def ecs_canary() -> DeploymentSpec:
    """A Python API built from its repository, on ECS Fargate, canary, PostgreSQL and Redis, SLOs and triggers."""
    return DeploymentSpec(
        application="payments-api",
        repository="acme/payments-api",
        services=(
            Service(
                name="payments-api",
                build=PYTHON,
                port=8080,
                health_path="/healthz",
                metrics_path="/metrics",
                replicas=3,
                max_replicas=12,
                resources=Resources(cpu_millicores=500, memory_mib=1024),
                env=(EnvVar(name="LOG_LEVEL", value="info"),),
                secrets=(SecretRef(name="STRIPE_KEY", key="payments/stripe-key"),),
                migrate_command=("alembic", "upgrade", "head"),
            ),
        ),
        dependencies=(
            Dependency(name="db", kind="postgres", version="16", storage_gib=50),
            Dependency(name="cache", kind="redis", version="7"),
        ),
        environments=(
            Environment(
                name="staging",
                role="staging",
                cloud="aws",
                account="111111111111",
                region="eu-west-1",
                domain="payments.staging.example.com",
                overrides=(ServiceOverride(service="payments-api", replicas=1, max_replicas=2),),
            ),
            Environment(
                name="production",
                role="production",
                cloud="aws",
                account="222222222222",
                region="eu-west-1",
                domain="payments.example.com",
            ),
        ),
        strategy=CANARY,
        objectives=SLOS,
        triggers=TRIGGERS,
        windows=(Window(days=("mon", "tue", "wed", "thu"), start="09:00", end="16:00", timezone="Europe/Berlin"),),
        smoke_tests=(SmokeTest(service="payments-api", path="/healthz", max_ms=500),),
        owner="Payments team",
    )


def shop_ecs_blue_green() -> DeploymentSpec:
    """Several services on ECS, blue-green: two web services, a worker, a nightly job, every kind of dependency."""
    node = Build(
        context="web",
        stack=Stack(
            language="node",
            version="22",
            framework="next",
            package_manager="pnpm",
            lock_file="pnpm-lock.yaml",
            build_script=True,
            test_command="pnpm test",
        ),
    )
    go = Build(
        context="api",
        stack=Stack(
            language="go", version="1.25", package_manager="go", module="./cmd/api", test_command="go test ./..."
        ),
    )
    return DeploymentSpec(
        application="shop",
        repository="acme/shop",
        services=(
            Service(name="web", build=node, port=3000, health_path="/"),
            Service(name="api", build=go, port=8000, health_path="/live", health_port=8081, public=False),
            Service(name="mailer", kind="worker", build=go, command=("/app", "mailer"), replicas=1),
            Service(name="report", kind="job", build=go, command=("/app", "report"), schedule="0 3 * * *", replicas=1),
        ),
        dependencies=(
            Dependency(name="db", kind="mysql", version="8.0"),
            Dependency(name="legacy-db", kind="postgres", managed=False),
            Dependency(name="cache", kind="redis"),
            Dependency(name="orders", kind="queue"),
            Dependency(name="uploads", kind="object_store"),
        ),
        environments=two_environments(),
        strategy=Strategy(kind="blue_green"),
        objectives=SLOS,
        triggers=TRIGGERS,
    )


def kubernetes_rolling() -> DeploymentSpec:
    """One Spring service on a GKE cluster: manifests only, no infrastructure as code."""
    return DeploymentSpec(
        application="ledger",
        repository="acme/ledger",
        services=(
            Service(
                name="ledger",
                build=Build(
                    context=".",
                    stack=Stack(
                        language="java",
                        version="21",
                        framework="spring",
                        package_manager="maven",
                        test_command="mvn -B verify",
                    ),
                ),
                port=8080,
                health_path="/actuator/health/readiness",
                metrics_path="/actuator/prometheus",
                health_port=9090,
                replicas=3,
                resources=Resources(cpu_millicores=1000, memory_mib=1536),
            ),
        ),
        dependencies=(Dependency(name="db", kind="postgres", managed=False),),
        environments=two_environments("gcp", cluster="gke-main"),
        toolchain=Toolchain(iac=None, runtime="kubernetes", registry_host="europe-docker.pkg.dev/acme/images"),
        objectives=SLOS,
        triggers=TRIGGERS,
    )


def kubernetes_canary_eks() -> DeploymentSpec:
    """Two services on EKS with Terraform beside them, canary by replicas."""
    spec = ecs_canary()
    worker = Service(name="worker", kind="worker", build=PYTHON, command=("python", "-m", "app.worker"), replicas=2)
    return spec.model_copy(
        update={
            "services": (*spec.services, worker),
            "environments": tuple(item.model_copy(update={"cluster": "main"}) for item in spec.environments),
            "toolchain": Toolchain(runtime="kubernetes"),
        }
    )


def kubernetes_blue_green() -> DeploymentSpec:
    """A ready image on a cluster of one's own, blue-green, one production only."""
    return DeploymentSpec(
        application="wiki",
        services=(
            Service(name="wiki", image="registry.local:5000/team/wiki:2.1@" + DIGEST, port=3000, health_path="/health"),
        ),
        environments=two_environments("none", cluster="metal-1", domain="wiki.example.org"),
        toolchain=Toolchain(iac=None, runtime="kubernetes"),
        strategy=Strategy(kind="blue_green"),
        objectives=(Objective(kind="error_rate", target_percent=1.0),),
        triggers=TRIGGERS,
    )


def argo_canary() -> DeploymentSpec:
    """Two web services, one of them public and measured, a worker and a nightly job, with Argo Rollouts behind an Ingress."""
    spec = shop_ecs_blue_green()
    web = spec.services[0].model_copy(update={"metrics_path": "/metrics", "max_replicas": 8})
    return spec.model_copy(
        update={
            "services": (web, *spec.services[1:]),
            "environments": two_environments("gcp", cluster="gke-main", domain="shop.example.com"),
            "toolchain": Toolchain(iac=None, runtime="kubernetes", rollout="argo_rollouts"),
            "strategy": CANARY,
            "triggers": (*TRIGGERS, Trigger(metric="latency", threshold=500)),
            "smoke_tests": (
                SmokeTest(service="web", path="/login?next=%2F", status=302),
                SmokeTest(
                    service="api", method="POST", path="/orders", send='{"a": "{{b}}"}', contains="it's $(x) {{y}}"
                ),
            ),
            "analysis": Analysis(
                queries=(Query(name="carts", promql='sum(lost_carts{hash="{{version}}"})', at_most=0.5),)
            ),
        }
    )


def pulumi(base: DeploymentSpec) -> DeploymentSpec:
    """The same on ECS, its infrastructure written as Pulumi."""
    return base.model_copy(update={"toolchain": base.toolchain.model_copy(update={"iac": "pulumi"})})


def hostile(base: DeploymentSpec | None = None) -> DeploymentSpec:
    """A spec whose every free text tries to break out of the file that it is written to."""
    spec = base or ecs_canary()
    line = HOSTILE.replace("\n", " ")
    services = tuple(
        service.model_copy(
            update={
                "env": (EnvVar(name="MOTD", value=HOSTILE), EnvVar(name="LONG", value="x'\"${y}" * 1_000)),
                "command": ("run", line, "--flag=" + line),
                "migrate_command": ("migrate", line) if service.kind == "web" else (),
            }
        )
        for service in spec.services
    )
    return spec.model_copy(update={"services": services, "owner": line, "version": line[:200]})


def nomad_canary() -> DeploymentSpec:
    """A web service with a migration, an autoscaler and metrics of its own port, a worker and a nightly job, on Nomad."""
    spec = ecs_canary()
    web = spec.services[0].model_copy(update={"health_path": "/live", "health_port": 8081})
    worker = Service(name="worker", kind="worker", build=PYTHON, command=("python", "-m", "app.worker"), replicas=2)
    report = Service(
        name="report", kind="job", build=PYTHON, command=("python", "-m", "app.report"), schedule="0 3 * * *"
    )
    return spec.model_copy(
        update={
            "services": (web, worker, report),
            "environments": tuple(
                item.model_copy(update={"cloud": "none", "account": None, "region": None}) for item in spec.environments
            ),
            "toolchain": Toolchain(iac=None, runtime="nomad"),
        }
    )


def kubernetes_spinnaker() -> DeploymentSpec:
    """Canary on EKS, carried out and taken back by Spinnaker."""
    spec = kubernetes_canary_eks()
    return spec.model_copy(update={"toolchain": Toolchain(runtime="kubernetes", rollout="spinnaker")})


ALL = {
    "minimal": minimal,
    "ecs_canary": ecs_canary,
    "shop_ecs_blue_green": shop_ecs_blue_green,
    "kubernetes_rolling": kubernetes_rolling,
    "kubernetes_canary_eks": kubernetes_canary_eks,
    "kubernetes_blue_green": kubernetes_blue_green,
    "argo_canary": argo_canary,
    "pulumi_blue_green": lambda: pulumi(shop_ecs_blue_green()),
    "hostile_ecs": hostile,
    "hostile_kubernetes": lambda: hostile(kubernetes_rolling()),
    "nomad_canary": nomad_canary,
    "hostile_nomad": lambda: hostile(nomad_canary()),
    "kubernetes_spinnaker": kubernetes_spinnaker,
}
