"""The manifests of a bundle for one environment: images by digest put in, and every object marked with what it belongs to."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hug_agents.adapters.kubernetes.kubectl import Item, Kubectl
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import UsageError
from hug_agents.render.naming import KUBERNETES
from hug_agents.render.orchestration.kubernetes_workloads import STAGE, placeholder
from hug_agents.spec import DeploymentSpec, Environment
from hug_agents.yamls import LOADER

RELEASE = "release"
"""The annotation that names the bundle an object came from."""
JOB_STAGES = ("migrate", "before")
_PINNED = re.compile(r"[a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)*(?::[\w.-]+)?@sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Manifests:
    """One manifest file and its objects."""

    path: Path
    objects: tuple[Item, ...]

    def of(self, *stages: str) -> tuple[Item, ...]:
        """The objects of some stages."""
        return tuple(item for item in self.objects if item["metadata"].get("labels", {}).get(STAGE) in stages)


@contextmanager
def manifests(
    kubectl: Kubectl, bundle: Bundle, spec: DeploymentSpec, environment: Environment, images: Mapping[str, str]
) -> Iterator[Manifests]:
    """The bundle's overlay, built by kustomize in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="hug-kubernetes-") as name:
        folder = Path(name)
        for artifact in bundle.under(f"{KUBERNETES}/"):
            path = folder.joinpath(*artifact.path.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(artifact.data)
        top = folder / "release"
        top.mkdir()
        mark = json.dumps([{"op": "add", "path": "/metadata/annotations", "value": {RELEASE: bundle.digest()[7:19]}}])
        built = [item for item in spec.services if item.image is None]
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [f"../{KUBERNETES}/overlays/{environment.name}"],
            "images": [_image(placeholder(spec, item), images[item.name]) for item in built],
            "patches": [{"target": {"kind": "(Deployment|Job)"}, "patch": mark}],
        }
        (top / "kustomization.yaml").write_text(json.dumps(kustomization), encoding="utf-8")
        text = kubectl.build(top)
        path = folder / "release.yaml"
        path.write_text(text, encoding="utf-8")
        yield Manifests(path, tuple(item for item in yaml.load_all(text, Loader=LOADER) if item))


def pinned(spec: DeploymentSpec, given: Mapping[str, str]) -> dict[str, str]:
    """The images of the built services, by digest. Raises UsageError, naming those without one."""
    images = {item.name: given.get(item.name, "") for item in spec.services if item.image is None}
    if wrong := sorted(name for name, image in images.items() if not _PINNED.match(image)):
        raise UsageError(
            f"no image by digest is known for {', '.join(wrong)}",
            where="services",
            hint='kubernetes:CONTEXT?images=FILE, with {"SERVICE": "REGISTRY/PATH@sha256:DIGEST"} as a pipeline writes it',
        )
    return images


def told(item: Item) -> dict[str, Any]:
    """What an object is, without what the server and its controllers add: two that tell the same are the same."""
    meta = item["metadata"]
    kept = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    notes = {key: value for key, value in (meta.get("annotations") or {}).items() if "kubernetes.io/" not in key}
    return {**kept, "name": meta["name"], "labels": meta.get("labels") or {}, "annotations": notes}


def name_of(item: Item) -> str:
    """`Kind/name`."""
    return f"{item['kind']}/{item['metadata']['name']}"


def base_of(live: list[Item]) -> str:
    """Names the state of the world: what is there of these objects. How many replicas there are is an autoscaler's business,
    and a job that ended goes by itself."""
    rows = {name_of(item): _without_replicas(told(item)) for item in live if item["kind"] != "Job"}
    if not rows:
        return "empty"
    return digest(rows)


def _without_replicas(value: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value.get("spec"), dict):
        return {**value, "spec": {key: part for key, part in value["spec"].items() if key != "replicas"}}
    return value


def _image(name: str, image: str) -> dict[str, str]:
    place, _, found = image.partition("@")
    return {"name": name, "newName": re.sub(r":[\w.-]+$", "", place), "digest": found}
