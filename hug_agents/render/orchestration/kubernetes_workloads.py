"""What runs on Kubernetes: the pods of a service, its Deployments (one a track), its Jobs and its CronJob."""

from __future__ import annotations

import re
from typing import Any

from hug_agents.render.naming import dependency_secret, dependency_variables, labels, metrics_port, secret_name
from hug_agents.render.orchestration.dockerfile import RUN_AS, cache_paths, is_generated
from hug_agents.spec import DeploymentSpec, Resources, Service

STAGE = "release-stage"
"""The label that tells deploy.sh when an object is applied: namespace, setup, migrate,
before, workload, after or scale."""
TRACK = "track"
"""The label that tells the two Deployments of a web service apart: blue and green, or stable and canary."""
UNSET_REGISTRY = "images.invalid"
"""Stands where deploy.sh puts the registry and the digest. It can never resolve, so nothing wrong is ever pulled."""
GRACE_SECONDS = 45
PRE_STOP_SECONDS = 10
JOB_SECONDS = 3600
MIGRATION_SECONDS = 1800

RESTING = "canary"
"""The track that has no pods but during a rollout."""

_TRACKS = {"blue_green": ("blue", "green"), "canary": ("stable", "canary")}


def is_rollout(spec: DeploymentSpec, service: Service) -> bool:
    """This service is a Rollout of Argo's, which keeps both versions in one object."""
    return spec.toolchain.rollout == "argo_rollouts" and service.kind == "web"


def tracks(spec: DeploymentSpec, service: Service) -> tuple[str, ...]:
    """The tracks of a service, the one that serves first; `("",)` where one Deployment is replaced in place."""
    split = service.kind == "web" and not is_rollout(spec, service)
    return _TRACKS.get(spec.strategy.kind, ("",)) if split else ("",)


def deployment_name(service: Service, track: str) -> str:
    """The Deployment of one track."""
    return f"{service.name}-{track}" if track else service.name


def migration_name(service: Service) -> str:
    """The Job that migrates for a service."""
    return f"{service.name}-migrate"


def job_label(service: Service) -> str:
    """The `name` label of the pods of its jobs; the dot keeps it apart from every service's name."""
    return f"{service.name}.job"


def image(spec: DeploymentSpec, service: Service) -> str:
    """The image as the base names it: as given, or a name that deploy.sh replaces by registry and digest."""
    return service.image or f"{placeholder(spec, service)}:set-by-deploy"


def placeholder(spec: DeploymentSpec, service: Service) -> str:
    """The name under which kustomize finds the image of a built service."""
    return f"{UNSET_REGISTRY}/{spec.application}/{service.name}"


def literal(text: str) -> str:
    """A string that Kubernetes takes as it is: it expands `$(NAME)` in env, args and command, and reads `$$` as `$`."""
    return text.replace("$", "$$")


def quantities(resources: Resources) -> dict[str, Any]:
    """Requests equal to limits: a replica gets what it may use, and is the last to be evicted."""
    amount = {"cpu": f"{resources.cpu_millicores}m", "memory": f"{resources.memory_mib}Mi"}
    return {"requests": amount, "limits": dict(amount)}


def metadata(spec: DeploymentSpec, service: Service, name: str, stage: str, track: str = "") -> dict[str, Any]:
    """Name and labels of one object of a service."""
    extra = {STAGE: stage, **({TRACK: track} if track else {})}
    return {"name": name, "labels": {**labels(spec, service), **extra}}


def deployment(spec: DeploymentSpec, service: Service, track: str, *, scaled: bool) -> dict[str, Any]:
    """One Deployment. The canary rests at no replicas; where there is an autoscaler, it owns the number."""
    web = service.kind == "web"
    resting = track == RESTING
    replicas: dict[str, Any] = {"replicas": 0} if resting else {} if scaled else {"replicas": service.replicas}
    surge, unavailable = spec.strategy.max_surge_percent, spec.strategy.max_unavailable_percent
    rolling = spec.strategy.kind == "rolling"
    selector = {**labels(spec, service), **({TRACK: track} if track else {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(spec, service, deployment_name(service, track), "workload" if web else "after", track),
        "spec": {
            **replicas,
            "revisionHistoryLimit": 5,
            "progressDeadlineSeconds": 600,
            "minReadySeconds": 10,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": f"{surge if rolling else 25}%",
                    "maxUnavailable": f"{unavailable if rolling else 0}%",
                },
            },
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": dict(selector), **_scrape(service)},
                "spec": {
                    **_pod(spec, service, service.command),
                    "terminationGracePeriodSeconds": GRACE_SECONDS,
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": key,
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": dict(selector)},
                            "matchLabelKeys": ["pod-template-hash"],
                        }
                        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                    ],
                },
            },
        },
    }


def migration(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    """The Job that migrates before a release. It is not tried twice: half a migration is for a person to look at."""
    body = _job_spec(spec, service, service.migrate_command, retries=0, seconds=MIGRATION_SECONDS)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(spec, service, migration_name(service), "migrate"),
        "spec": body,
    }


def run_once(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    """A job without a schedule: it runs once a release, before it."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(spec, service, service.name, "before"),
        "spec": _job_spec(spec, service, service.command, retries=2, seconds=JOB_SECONDS),
    }


def cron_job(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    """A job on a schedule, in UTC; a run that is late or still busy is not doubled."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(spec, service, service.name, "after"),
        "spec": {
            "schedule": service.schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 300,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": labels(spec, service)},
                "spec": _job_spec(spec, service, service.command, retries=2, seconds=JOB_SECONDS),
            },
        },
    }


def _job_spec(
    spec: DeploymentSpec, service: Service, command: tuple[str, ...], *, retries: int, seconds: int
) -> dict[str, Any]:
    # A label of its own keeps the pods of jobs out of the Service and the disruption budget of the same service.
    name = job_label(service)
    return {
        "backoffLimit": retries,
        "activeDeadlineSeconds": seconds,
        "ttlSecondsAfterFinished": 86_400,
        "template": {
            "metadata": {"labels": {**labels(spec, service), "app.kubernetes.io/name": name}},
            "spec": {**_pod(spec, service, command, serving=False), "restartPolicy": "Never"},
        },
    }


def _pod(spec: DeploymentSpec, service: Service, command: tuple[str, ...], *, serving: bool = True) -> dict[str, Any]:
    generated = is_generated(service)
    security: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if generated:
        user = RUN_AS[generated.language]
        security |= {"runAsUser": user, "runAsGroup": user}
    if serving and any(port < 1024 for port in (service.port, service.health_port) if port):
        # Without it a process that is not root cannot listen below 1024.
        security["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    scratch = {"tmp": "/tmp", **{f"cache-{n}": path for n, path in enumerate(cache_paths(service))}}  # noqa: S108 - in the pod
    container: dict[str, Any] = {"name": service.name, "image": image(spec, service), "imagePullPolicy": "IfNotPresent"}
    if command:
        container["args"] = [literal(word) for word in command]
    if serving and service.kind == "web":
        container["ports"] = _ports(service)
    if variables := environment_variables(spec, service):
        container["env"] = variables
    container["resources"] = quantities(service.resources)
    if serving and service.kind == "web":
        container |= _probes(service)
        # Endpoints are removed while the process still answers, so no request meets a closed port.
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}}
    container["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container["volumeMounts"] = [{"name": name, "mountPath": path} for name, path in scratch.items()]
    return {
        "serviceAccountName": service.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security,
        "containers": [container],
        "volumes": [{"name": name, "emptyDir": {"sizeLimit": "256Mi"}} for name in scratch],
    }


def environment_variables(spec: DeploymentSpec, service: Service) -> list[dict[str, Any]]:
    """Plain values, secrets by reference, then the dependencies; a name that the service sets itself wins.

    Values stand in the pod and not in a ConfigMap, so a release and its way back carry them with the image.
    """
    rows: dict[str, dict[str, Any]] = {item.name: {"value": literal(item.value)} for item in service.env}
    for secret in service.secrets:
        rows[secret.name] = {"valueFrom": {"secretKeyRef": {"name": secret_name(service), "key": secret.name}}}
    for dependency in spec.dependencies:
        for key, name in dependency_variables(dependency).items():
            reference = {"name": dependency_secret(dependency), "key": key}
            rows.setdefault(name, {"valueFrom": {"secretKeyRef": reference}})
    return [{"name": name, **row} for name, row in rows.items()]


def _ports(service: Service) -> list[dict[str, Any]]:
    ports = [{"name": "http", "containerPort": service.port, "protocol": "TCP"}]
    if service.health_port and service.health_port != service.port:
        ports.append({"name": "health", "containerPort": service.health_port, "protocol": "TCP"})
    return ports


def _probes(service: Service) -> dict[str, Any]:
    port = "http" if service.health_port_or_port == service.port else "health"
    opens: dict[str, Any] = {"tcpSocket": {"port": port}}
    check: dict[str, Any] = {"httpGet": {"path": service.health_path, "port": port}} if service.health_path else opens
    # A path that says whether a replica is ready fails while a database is gone: to restart all of them then helps nobody.
    alive = opens if re.search(r"(^|[/_-])read(y|yz|iness)/?$", service.health_path or "", re.IGNORECASE) else check
    return {
        "startupProbe": {**check, "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 60},
        "readinessProbe": {**check, "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 3},
        "livenessProbe": {**alive, "periodSeconds": 15, "timeoutSeconds": 5, "failureThreshold": 4},
    }


def _scrape(service: Service) -> dict[str, Any]:
    port = metrics_port(service)
    if port is None:
        return {}
    return {
        "annotations": {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port),
            "prometheus.io/path": service.metrics_path,
        }
    }
