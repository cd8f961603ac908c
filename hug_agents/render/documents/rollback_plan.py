"""docs/rollback-plan.md: ordered steps, who, how one sees that it worked, how long, and what cannot be undone."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.templating import fill


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """The rollback plan."""
    spec = blueprint.spec
    yield Artifact(
        path="docs/rollback-plan.md",
        system="documents",
        content=fill(
            "documents",
            "templates/rollback-plan.md.j2",
            spec=spec,
            rollback=blueprint.rollback,
            minutes=f"{blueprint.rollback.expected_seconds / 60:.0f} minutes",
            production=(spec.production or spec.environments)[0].name,
            staging=next(
                (item.name for item in spec.environments if item.role == "staging"), spec.environments[0].name
            ),
        ),
    )
