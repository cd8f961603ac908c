"""Argo Rollouts: what surrounds the Rollouts. They themselves are the Kubernetes renderer's, in place of its Deployments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.facts import tool
from hug_agents.plans import Blueprint
from hug_agents.render.naming import KUBERNETES, analysis_secret, deployers, namespace
from hug_agents.render.rollback.argo_objects import HISTORY, ROLLBACK_REVISIONS, ingress_controller, routed
from hug_agents.render.rollback.bounds import bounds, measured
from hug_agents.render.templating import fill, yaml_documents
from hug_agents.spec import DeploymentSpec, Environment

SYSTEM = "argo_rollouts"
FOLDER = f"{KUBERNETES}/argo-rollouts"


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The deployer's rights and a guide. Raises UnsupportedError where there is nothing that Argo could roll out."""
    spec = blueprint.spec
    if spec.toolchain.runtime != "kubernetes":
        raise UnsupportedError(
            f"Argo Rollouts is a controller of Kubernetes and cannot roll out on {spec.toolchain.runtime}",
            where="toolchain.rollout",
            hint=f"leave it out: deploy/deploy.sh carries out the strategy on {spec.toolchain.runtime}; or choose the "
            "runtime kubernetes",
        )
    if not spec.web_services:
        raise UnsupportedError(
            "Argo Rollouts moves traffic, and no service takes any",
            where="toolchain.rollout",
            hint="leave it out: Kubernetes replaces workers by itself",
        )
    for environment in spec.environments:
        yield _file(f"rights-{environment.name}.yaml", yaml_documents(*rights(spec, environment), header=_HEADER))
    yield _file("README.md", _guide(spec))


_HEADER = """What deploy.sh needs in the namespace beside the rights of `edit`: a managed cluster's own policies (EKS access
policies, for one) say nothing of Argo's kinds. Applied once, by somebody who may grant rights; the pipeline may not."""


def rights(spec: DeploymentSpec, environment: Environment) -> list[dict[str, Any]]:
    """A Role and its binding to the deployers' group."""
    place = {"name": f"{spec.application}-argo-rollouts", "namespace": namespace(spec, environment)}
    labels = {"app.kubernetes.io/part-of": spec.application, "environment": environment.name}
    group = "argoproj.io"
    change = ["get", "list", "watch", "create", "update", "patch"]
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {**place, "labels": labels},
            "rules": [
                {"apiGroups": [group], "resources": ["rollouts", "analysistemplates"], "verbs": change},
                # promote and abort change the status; an autoscaler's lower bound is reached by `scale`
                {
                    "apiGroups": [group],
                    "resources": ["rollouts/status", "rollouts/scale"],
                    "verbs": ["get", "patch", "update"],
                },
                {"apiGroups": [group], "resources": ["analysisruns", "experiments"], "verbs": ["get", "list", "watch"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {**place, "labels": labels},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": place["name"]},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": deployers(spec, environment)}
            ],
        },
    ]


def _guide(spec: DeploymentSpec) -> str:
    secret, key = analysis_secret(spec)
    return fill(
        "rollback",
        "templates/argo_rollouts.md.j2",
        spec=spec,
        version=tool("argo_rollouts"),
        environments=[
            {
                "name": item.name,
                "namespace": namespace(spec, item),
                "group": deployers(spec, item),
                "routed": any(routed(spec, service, item) for service in spec.web_services),
                "controller": ingress_controller(item),
            }
            for item in spec.environments
        ],
        services=[
            {"name": service.name, "bounds": [(bound.name, bound.good) for bound in bounds(spec, service)]}
            for service in spec.web_services
        ],
        unmeasured=", ".join(service.name for service in spec.web_services if not measured(spec, service)),
        asks=any(bounds(spec, service) for service in spec.web_services),
        queries=bool(spec.analysis and spec.analysis.queries),
        secret=secret,
        key=key,
        history=HISTORY,
        revisions=ROLLBACK_REVISIONS,
    )


def _file(name: str, content: str) -> Artifact:
    return Artifact(path=f"{FOLDER}/{name}", content=content, system=SYSTEM)
