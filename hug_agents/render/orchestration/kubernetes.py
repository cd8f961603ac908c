"""Kubernetes: a kustomize base, one overlay an environment, and the script that carries out the strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import SpecError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import DEPLOY_SCRIPT, KUBERNETES, dependency_secret, dependency_variables, secret_name
from hug_agents.render.orchestration import kubernetes_network as network
from hug_agents.render.orchestration.helm import chart
from hug_agents.render.orchestration.kubernetes_capacity import autoscalers, disruption_budget, scaled_anywhere
from hug_agents.render.orchestration.kubernetes_deploy import deploy_script
from hug_agents.render.orchestration.kubernetes_overlays import overlay, workloads
from hug_agents.render.orchestration.kubernetes_workloads import UNSET_REGISTRY, is_rollout
from hug_agents.render.rollback import argo_analysis, argo_objects
from hug_agents.render.templating import fill, yaml_documents
from hug_agents.spec import DeploymentSpec, Service

SYSTEM = "kubernetes"


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Manifests, overlays, deploy.sh and a short guide. Raises SpecError where two objects would share a name."""
    spec = blueprint.spec
    base = {f"services/{service.name}.yaml": tuple(_objects(spec, service)) for service in spec.services}
    _no_collisions(document for documents in base.values() for document in documents)
    base["network-policies.yaml"] = tuple(network.default_policies(spec))
    for name, documents in base.items():
        yield _file(f"{KUBERNETES}/base/{name}", yaml_documents(*documents))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(base),
    }
    yield _file(f"{KUBERNETES}/base/kustomization.yaml", yaml_documents(kustomization, header=_HEADER))
    for environment in spec.environments:
        for path, content in overlay(spec, environment):
            yield _file(path, content)
    yield _file(f"{KUBERNETES}/README.md", _guide(spec))
    if spec.toolchain.package == "helm":
        yield from chart(blueprint)
    if spec.toolchain.rollout != "spinnaker":  # whose own script starts pipelines that do the same
        yield Artifact(path=DEPLOY_SCRIPT, content=deploy_script(blueprint), system=SYSTEM, executable=True)


_HEADER = f"""What every environment shares. Images under {UNSET_REGISTRY} are put in by digest by deploy/deploy.sh;
an image that was given is used as it stands."""


def _objects(spec: DeploymentSpec, service: Service) -> Iterable[dict[str, Any]]:
    yield network.service_account(spec, service)
    yield network.policy(spec, service)
    if service.kind == "web":
        yield network.service(spec, service)
    if is_rollout(spec, service):
        yield from argo_objects.services(spec, service)
        yield from argo_analysis.templates(spec, service)
    if service.kind != "job":
        yield disruption_budget(spec, service)
    yield from workloads(spec, service)
    if service.kind != "job" and scaled_anywhere(spec, service):
        yield from autoscalers(spec, service)


def _no_collisions(documents: Iterable[dict[str, Any]]) -> None:
    names = Counter((document["kind"], document["metadata"]["name"]) for document in documents)
    for (kind, name), count in names.items():
        if count > 1:
            raise SpecError(
                f"two objects would be the {kind} {name!r}",
                where="services",
                hint="rename a service: the names NAME-blue, -green, -stable, -canary, -preview and -migrate are made from NAME",
            )


def _guide(spec: DeploymentSpec) -> str:
    return fill(
        "orchestration/templates",
        "kubernetes.md.j2",
        spec=spec,
        secrets=[(service, secret_name(service)) for service in spec.services if service.secrets],
        dependencies=[(item, dependency_secret(item), dependency_variables(item)) for item in spec.dependencies],
        tls=any(network.ingress(spec, environment) for environment in spec.environments),
        jobs=any(service.migrate_command for service in spec.services),
    )


def _file(path: str, content: str) -> Artifact:
    return Artifact(path=path, content=content, system=SYSTEM)
