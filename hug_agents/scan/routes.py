"""Which routes answer for health and for metrics, and how prefixes join."""

from __future__ import annotations

import re

from pydantic import TypeAdapter, ValidationError

from hug_agents.spec import HttpPath

_HEALTH = frozenset(
    "health healthz healthcheck health-check health_check healthy live livez liveness ready readyz readiness "
    "_health _healthz __health__ __heartbeat__ __lbheartbeat__ heartbeat alive isalive isready".split()
)
_MAYBE_HEALTH = frozenset("ping status up _status".split())
_METRICS = frozenset("metrics prometheus".split())
_PATH: TypeAdapter[str] = TypeAdapter(HttpPath)
_PARAMETER = re.compile(r"[{<*]|/:")


def join(*parts: str) -> str:
    """A URL path from its parts, with one slash between them and the last one's ending kept."""
    path = "/".join(part.strip("/") for part in parts if part.strip("/"))
    ends = next((part.endswith("/") for part in reversed(parts) if part), False)
    return f"/{path}/" if path and ends else f"/{path}"


def is_constant(path: str) -> bool:
    """A path of an HTTP request, with no parameter in it."""
    if _PARAMETER.search(path):
        return False
    try:
        _PATH.validate_python(path)
    except ValidationError:
        return False
    return True


def purpose(path: str) -> str | None:
    """`health_path`, `maybe_health` (only meant when nothing better is there), `metrics_path` or None."""
    if not is_constant(path):
        return None
    words = [word.lower() for word in path.strip("/").split("/")]
    last = words[-1]
    if last in _METRICS:
        return "metrics_path"
    # /health/live and /live/db: the last word, or one above it that is about the whole service.
    if last in _HEALTH or (len(words) > 1 and words[-2] in ("health", "healthz") and last in _MAYBE_HEALTH):
        return "health_path"
    return "maybe_health" if last in _MAYBE_HEALTH and len(words) <= 2 else None
