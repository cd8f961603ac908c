"""inventory/dependencies.cdx.json: what the release is made of and leans on, as CycloneDX 1.6."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import image_path, registry_host
from hug_agents.render.templating import json_document
from hug_agents.spec import IMAGE, Dependency, DeploymentSpec, Service

_NAMESPACE = uuid.UUID("6f6f7d1c-7c0c-5f0e-9a52-3a1f6a0f2f11")
"""Serial numbers are derived from the spec, so that the same spec gives the same bytes."""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The dependency manifest."""
    spec = blueprint.spec
    root = f"app:{spec.application}"
    services = [_service(spec, service) for service in spec.services]
    backing = [_dependency(dependency) for dependency in spec.dependencies]
    references = [item["bom-ref"] for item in services]
    needs = [item["bom-ref"] for item in backing]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, spec.digest())}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": root, "name": spec.application, "version": spec.version}
        },
        "components": services + backing,
        "dependencies": [
            {"ref": root, "dependsOn": references},
            *({"ref": reference, "dependsOn": needs} for reference in references),
        ],
    }
    yield Artifact(path="inventory/dependencies.cdx.json", content=json_document(document), system="documents")


def _service(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "container", "bom-ref": f"service:{service.name}", "name": service.name}
    match = IMAGE.match(service.image or "")
    if match:
        name, tag, digest = match["name"], match["tag"], match["digest"]
        component["version"] = digest or tag or "latest"
        if digest:
            component["hashes"] = [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
            location = f"&tag={quote(tag)}" if tag else ""
            component["purl"] = (
                f"pkg:oci/{quote(name.rsplit('/', 1)[-1])}@{quote(digest, safe='')}"
                f"?repository_url={quote(name, safe='/:')}{location}"
            )
    else:
        host = registry_host(spec) or "ecr"
        component["version"] = spec.version
        component["description"] = f"built by the pipeline to {host}/{image_path(spec, service)} and deployed by digest"
    return component


def _dependency(dependency: Dependency) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "platform",
        "bom-ref": f"dependency:{dependency.name}",
        "name": dependency.kind,
        "description": f"{dependency.name}: "
        + ("created with the release" if dependency.managed else "exists already"),
    }
    if dependency.version:
        component["version"] = dependency.version
    return component
