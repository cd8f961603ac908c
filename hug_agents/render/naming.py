"""Names that must agree across files, in one place: resources, images, labels, metrics, variables."""

from __future__ import annotations

import hashlib

from hug_agents.spec import Dependency, DeploymentSpec, Environment, Service

REQUESTS_METRIC = "http_requests_total"
"""Counter of answered requests, labels `service`, `environment`, `code` (the HTTP status)."""
DURATION_METRIC = "http_request_duration_seconds"
"""Histogram of answer times in seconds; same labels, and `le` on its buckets."""

DEPLOY_SCRIPT = "deploy/deploy.sh"
"""`plan|rollout|rollback|status ENVIRONMENT [IMAGES_JSON]`: what pipelines, runbook and rollback plan call alike."""
SMOKE_SCRIPT = "deploy/smoke.sh"
"""`ENVIRONMENT`: the smoke tests, against `BASE_URL` where it is set, else the environment's domain."""
TERRAFORM = "infrastructure/terraform"
PULUMI = "infrastructure/pulumi"
CLOUDFORMATION = "infrastructure/cloudformation"
KUBERNETES = "kubernetes"
NOMAD = "nomad"
SPINNAKER = "spinnaker"
CHART = "deploy/chart"
PROMETHEUS = "monitoring/prometheus"
REGISTRY = "registry"
RETENTION = f"{REGISTRY}/retention.json"
"""What `hug registry retain` keeps."""
GRAFANA = "monitoring/grafana"
ELK = "monitoring/elk"
DATADOG = "monitoring/datadog"
DATADOG_SECRET = "datadog/api-key"  # noqa: S105 - a name, not a secret
"""The secret that holds the API key of Datadog's Agent on ECS."""


def short(*parts: str, limit: int, separator: str = "-") -> str:
    """The parts joined, at most `limit` characters; a longer one is cut and ends in six digits of its own hash."""
    name = separator.join(part for part in parts if part)
    if len(name) <= limit:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: limit - 7].rstrip('-_')}{separator}{mark}"


def stack_name(spec: DeploymentSpec, environment: Environment) -> str:
    """The name of an environment's resources: `application-environment`."""
    return short(spec.application, environment.name, limit=28)


def aws_credential(spec: DeploymentSpec, place: str) -> str:
    """Jenkins' credential for AWS in an environment, or for the build; the audience of its tokens is called the same."""
    return short(spec.application, place, "aws", limit=100)


def template_bucket(spec: DeploymentSpec) -> str:
    """The bucket of CloudFormation's templates, before the account's number: one an account, made by a person."""
    return f"{spec.application}-cloudformation"


def image_path(spec: DeploymentSpec, service: Service) -> str:
    """The repository of a built image inside its registry: `application/service`."""
    return f"{spec.application}/{service.name}"


def uses_ecr(spec: DeploymentSpec) -> bool:
    """Built images go to ECR: AWS environments and no registry named."""
    return (
        not spec.toolchain.registry_host
        and spec.toolchain.iac is not None
        and any(environment.cloud == "aws" for environment in spec.environments)
    )


def registry_host(spec: DeploymentSpec) -> str:
    """The registry of built images; empty where it is ECR, whose host only the account knows."""
    if uses_ecr(spec):
        return ""
    if spec.toolchain.registry_host:
        return spec.toolchain.registry_host
    if spec.toolchain.ci == "gitlab_ci":  # the project's own; on a server of one's own the pipeline knows its host
        return "/".join(("registry.gitlab.com", *([spec.repository.lower()] if spec.repository else ())))
    owner = (spec.repository or "").split("/")[0].lower()
    return f"ghcr.io/{owner}" if owner else "ghcr.io"


def namespace(spec: DeploymentSpec, environment: Environment) -> str:
    """The namespace of an environment, in Kubernetes and in Nomad."""
    return environment.namespace or short(spec.application, environment.name, limit=63)


def deployers(spec: DeploymentSpec, environment: Environment) -> str:
    """The Kubernetes group of those who deploy to an environment, where roles of its own are bound to it."""
    return short(stack_name(spec, environment), "deployers", limit=63)


def log_group(spec: DeploymentSpec, environment: Environment, service: Service) -> str:
    """The CloudWatch log group of a service."""
    return f"/{spec.application}/{environment.name}/{service.name}"


def labels(spec: DeploymentSpec, service: Service) -> dict[str, str]:
    """The recommended Kubernetes labels; `name` and `part-of` are what selectors use."""
    return {"app.kubernetes.io/name": service.name, "app.kubernetes.io/part-of": spec.application}


def dependency_variables(dependency: Dependency) -> dict[str, str]:
    """The environment variables through which every service finds a dependency, by what each holds.

    Keys are among: host, port, name, user, password (secret), url.
    """
    stem = dependency.name.upper().replace("-", "_")
    if dependency.kind in ("postgres", "mysql"):
        return {key: f"{stem}_{key.upper()}" for key in ("host", "port", "name", "user", "password")}
    if dependency.kind == "redis":
        return {key: f"{stem}_{key.upper()}" for key in ("host", "port", "password")}
    if dependency.kind == "queue":
        return {"url": f"{stem}_URL"}
    return {"name": f"{stem}_BUCKET"}


def public_host(spec: DeploymentSpec, environment: Environment, service: Service) -> str:
    """Where a public web service answers: the domain if it is the only one, else `service.domain`; else empty."""
    if environment.domain is None or service.kind != "web" or not service.public:
        return ""
    alone = sum(item.public for item in spec.web_services) == 1
    return environment.domain if alone else f"{service.name}.{environment.domain}"


def base_url_variable(service: Service) -> str:
    """The variable that tells the smoke tests where one service answers, e.g. `BASE_URL_API`."""
    return "BASE_URL_" + service.name.upper().replace("-", "_")


def secret_name(service: Service) -> str:
    """The Kubernetes Secret of a service; its keys are the names of the environment variables."""
    return f"{service.name}-secrets"


def analysis_secret(spec: DeploymentSpec) -> tuple[str, str]:
    """The Kubernetes Secret, and its key, that tells Argo Rollouts where Prometheus answers inside the cluster."""
    return f"{spec.application}-analysis", "prometheus"


def dependency_secret(dependency: Dependency) -> str:
    """The Kubernetes Secret that says how to reach a dependency; keys as in `dependency_variables`."""
    return f"{dependency.name}-connection"


def metrics_port(service: Service) -> int | None:
    """Where a service serves its metrics: beside its health check if both lie under the same folder, else its port."""
    if service.metrics_path is None or service.port is None:
        return None
    folders = {(path or "").split("/")[1:2][0] for path in (service.metrics_path, service.health_path or "/")}
    beside = len(folders) == 1 and service.metrics_path.count("/") > 1
    return service.health_port_or_port if beside else service.port
