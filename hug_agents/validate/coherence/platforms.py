"""Ports, paths, variables, secrets, services and metrics as other systems write them: one row a spelling.

A row is the kind of what the first group of its pattern says, and the pattern, which is held against each line. A row whose kind is
`of` says which service the lines below it are about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.bundle import Artifact
from hug_agents.validate.coherence.fact import Fact
from hug_agents.validate.policy.facts import Facts

_ROWS = {
    "cloudformation": (
        ("port", r"\s*-?\s*ContainerPort: (\d+)"),
        ("port", r'\s*HealthCheckPort: "?(\d+)"?'),
        ("path", r"\s*HealthCheckPath: [\"']?(/[^\"']*)[\"']?"),
        ("variable", r"\s*- Name: ([A-Z][A-Z0-9_]+)"),
        ("secret", r'\s*"SecretArn\w+": "([^"]+)(?<!-auth-token)",?'),  # a cache's token is made by the stack itself
    ),
    "nomad": (
        ("of", r'\s*task "([a-z0-9-]+)" \{'),
        ("of", r'job "([a-z0-9-]+)" \{'),
        ("port", r"\s*to\s*=\s*(\d+)"),
        ("path", r'\s*path\s*=\s*"(/[^"$]*)"'),
        ("variable", r"\s*([A-Z][A-Z0-9_]*)=\{\{ \..*"),
    ),
    "pulumi": (
        ("of", r'.*\bservice="([a-z0-9-]+)",.*'),
        ("port", r".*\bHttp\(port=(\d+),.*"),
        ("port", r".*\bhealth_port=(\d+),.*"),
        ("path", r'.*\bhealth_path="([^"]*)".*'),
        ("secret", r'.*\bsecrets=\{"[A-Za-z_0-9]+": "([^"]+)".*'),
        ("image", r'.*\bEcr\(path="([^"]+)"\).*'),
    ),
}  # fmt: skip
_PATTERNS = {system: [(kind, re.compile(pattern)) for kind, pattern in rows] for system, rows in _ROWS.items()}
_TAG = re.compile(r"\b(service|env):([a-z][a-z0-9-]*)\b(?!\*)")
_COUNTED = re.compile(r"\b(?:sum|avg|min|max|p\d+|count):app\.([a-z_]+)(\.count)?\{")
"""Datadog's agent counts `name_total` as `app.name.count`."""
_KIBANA = re.compile(r"service\.name(?: IN \(| ?== ?| ?: ?)((?:\\?\"[a-z0-9-]+\\?\"(?:, ?)?)+)")


def facts(files: Facts) -> Iterator[Fact]:
    """One row a line that a pattern knows."""
    for artifact in files.bundle:
        if artifact.system in _PATTERNS and not artifact.path.endswith(".md") and "/tests/" not in artifact.path:
            yield from _lines(files, artifact)
        elif artifact.path.endswith(".json") and artifact.system in ("datadog", "elk"):
            yield from _queries(artifact)


def _lines(files: Facts, artifact: Artifact) -> Iterator[Fact]:
    known = {service.name for service in files.spec.services}
    service = ""
    for number, row in enumerate(artifact.content.splitlines(), 1):
        for kind, pattern in _PATTERNS[artifact.system]:
            match = pattern.fullmatch(row)
            if match and kind == "of":
                service = match[1] if match[1] in known else ""
            elif match:
                yield Fact(kind, match[1], "refers", artifact.path, number, service)  # type: ignore[arg-type]


def _queries(artifact: Artifact) -> Iterator[Fact]:
    for number, row in enumerate(artifact.content.splitlines(), 1):
        if '"query"' not in row and '"esql"' not in row:
            continue
        for label, value in _TAG.findall(row) if artifact.system == "datadog" else ():
            yield Fact("service" if label == "service" else "environment", value, "refers", artifact.path, number)
        for name, counted in _COUNTED.findall(row):
            yield Fact("metric", f"{name}_total" if counted else name, "refers", artifact.path, number)
        for listed in _KIBANA.findall(row):
            for value in re.findall(r"[a-z0-9-]+", listed):
                yield Fact("service", value, "refers", artifact.path, number)
