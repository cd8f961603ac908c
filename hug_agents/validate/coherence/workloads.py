"""Workloads of Kubernetes, whatever their kind (Deployment, Rollout, Job): containers, probes, secrets, labels, overlays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hug_agents.amendment import blocks_of
from hug_agents.render.naming import dependency_secret, secret_name
from hug_agents.spec import IMAGE
from hug_agents.validate.coherence.fact import Fact
from hug_agents.validate.located import Located
from hug_agents.validate.policy.facts import Container, Facts

_OVERLAY = re.compile(r"kubernetes/overlays/([^/]+)/")
_NAME = "app.kubernetes.io/name"


def facts(files: Facts) -> Iterator[Fact]:
    """One row a port, path, variable, secret, image and label."""
    known = {service.name for service in files.spec.services}
    secrets = {secret_name(service): "" for service in files.spec.services}
    secrets |= {dependency_secret(item): item.name for item in files.spec.dependencies}
    for container in files.containers:
        if container.name in known:
            yield from _container(container, secrets)
    beside = _written_beside(files)
    for path, document in files.manifests:
        yield from (fact for fact in _labels(path, document) if fact.value not in beside)
        yield from _annotations(path, document)
    for path in sorted({match[0] for item in files.bundle if (match := _OVERLAY.match(item.path))}):
        name = path.rstrip("/").rpartition("/")[2]
        file = next(item.path for item in files.bundle if item.path.startswith(path))
        for role in ("refers", "lists"):
            yield Fact("environment", name, role, file, 1, group="kubernetes overlays")


def _written_beside(files: Facts) -> frozenset[str]:
    """What a model added in files of its own, such as a cron job: no service of the spec, and it may say its own name."""
    return frozenset(
        str((document.data.get("metadata") or {}).get("name"))
        for path, document in files.manifests
        if files.bundle[path].author and not blocks_of(files.bundle[path].content)
    )


def _container(container: Container, secrets: dict[str, str]) -> Iterator[Fact]:
    file, name = container.file, container.name
    for index, port in enumerate(container.data.get("ports") or ()):
        line = container.line("ports", index, "containerPort")
        yield Fact("port", str(port.get("containerPort")), "refers", file, line, name)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = (container.data.get(probe) or {}).get("httpGet") or {}
        if "path" in asked:
            yield Fact("path", asked["path"], "refers", file, container.line(probe, "httpGet", "path"), name)
        if isinstance(asked.get("port"), int):
            yield Fact("port", str(asked["port"]), "refers", file, container.line(probe, "httpGet", "port"), name)
    for index, row in enumerate(container.data.get("env") or ()):
        source = row.get("valueFrom") or {}
        if "fieldRef" in source or "resourceFieldRef" in source:
            continue  # the pod's own name and the like
        line = container.line("env", index, "name")
        yield Fact("variable", str(row.get("name")), "refers", file, line, name)
        reference = source.get("secretKeyRef")
        if reference and reference.get("name") not in secrets:
            line = container.line("env", index, "valueFrom", "secretKeyRef", "name")
            yield Fact("secret", str(reference.get("name")), "refers", file, line, name)
        elif reference and not secrets[reference["name"]]:
            line = container.line("env", index, "valueFrom", "secretKeyRef", "key")
            yield Fact("variable", str(reference.get("key")), "refers", file, line, name)
    match = IMAGE.match(str(container.data.get("image", "")))
    if match:
        image = match["name"].removeprefix("images.invalid/")
        yield Fact("image", image, "refers", file, container.line("image"), name)


def _labels(path: str, document: Located) -> Iterator[Fact]:
    for where in (
        ("metadata", "labels"),
        ("spec", "selector"),
        ("spec", "selector", "matchLabels"),
        ("spec", "template", "metadata", "labels"),
    ):
        value: Any = document.data
        for step in where:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(value.get(_NAME), str):
            # a job that runs once for a service carries the service's name and `.job`
            service = value[_NAME].partition(".")[0]
            yield Fact("service", service, "refers", path, document.line(*where, _NAME))


def _annotations(path: str, document: Located) -> Iterator[Fact]:
    where = ("spec", "template", "metadata")
    value: Any = document.data
    for step in where:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return
    service = str((value.get("labels") or {}).get(_NAME, "")).partition(".")[0]
    told = value.get("annotations") or {}
    for key, kind in (("prometheus.io/port", "port"), ("prometheus.io/path", "path")):
        if key in told:
            line = document.line(*where, "annotations", key)
            yield Fact(kind, str(told[key]), "refers", path, line, service)  # type: ignore[arg-type]
