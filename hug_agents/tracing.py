"""From a requirement to the files that carry it: which paths of the spec end up where."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Bundle
from hug_agents.plans import Requirement

# The first matching row speaks for a path of the spec: where in a bundle its value is carried out.
_PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("strategy", ("deploy/deploy.sh", ".github/workflows/deploy.yml", ".gitlab/ci/deploy.yml")),
    ("objectives", ("monitoring/",)),
    ("triggers", ("monitoring/", "deploy/deploy.sh")),
    ("windows", (".github/workflows/deploy.yml", ".gitlab/ci/")),
    ("smoke_tests", ("deploy/smoke.sh",)),
    ("drill_every_days", (".github/workflows/", ".gitlab/", "docs/runbook.md")),
    ("toolchain.iac", ("infrastructure/",)),
    ("toolchain.ci", (".github/workflows/", ".gitlab-ci.yml", ".gitlab/")),
    ("toolchain.runtime", ("kubernetes/", "infrastructure/", "deploy/deploy.sh")),
    ("toolchain.monitors", ("monitoring/",)),
    ("dependencies", ("infrastructure/", "inventory/dependencies.cdx.json")),
    ("services", ("kubernetes/base/", "infrastructure/", "inventory/dependencies.cdx.json")),
)


def trace(requirements: Iterable[Requirement], bundle: Bundle) -> tuple[Requirement, ...]:
    """The requirements with the files (or folders) of this bundle that meet each."""
    return tuple(
        item.model_copy(
            update={"files": tuple(sorted({place for field in item.fields for place in _places(field, bundle)}))}
        )
        for item in requirements
    )


def _places(field: str, bundle: Bundle) -> Iterable[str]:
    if field.startswith("environments."):
        name = field.split(".")[1]
        wanted: tuple[str, ...] = (
            f"infrastructure/terraform/environments/{name}/",
            f"kubernetes/overlays/{name}/",
            "inventory/environments.json",
        )
    else:
        wanted = next((places for prefix, places in _PLACES if field.startswith(prefix)), ("spec.json",))
    return [place for place in wanted if (bundle.under(place) if place.endswith("/") else place in bundle)]
