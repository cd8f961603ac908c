"""Blueprint → files. Pure: no clock, no network, no subprocess, no randomness; the same blueprint gives the same bytes.

A system is one module with one function, `render(blueprint) -> Iterable[Artifact]`. It is found through
`hug_agents.systems`; a module under `documents/` is asked for every bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import cast

from hug_agents import combinations
from hug_agents.bundle import Artifact, Bundle
from hug_agents.plans import Blueprint
from hug_agents.systems import chosen_systems

Render = Callable[[Blueprint], Iterable[Artifact]]

DOCUMENTS = ("deployment_plan", "runbook", "rollback_plan", "inventory", "dependencies")
"""Written for every bundle, whatever the systems."""
COMMON = ("hug_agents.render.orchestration.dockerfile", "hug_agents.render.orchestration.smoke")
"""Written for every bundle where they apply: a Dockerfile where there is none, the smoke tests."""


def renderers(blueprint: Blueprint) -> tuple[Render, ...]:
    """The functions that write this blueprint's files, in order."""
    combinations.require(blueprint.spec)
    modules = [system.renderer for system in chosen_systems(blueprint.spec) if system.renderer]
    modules += [*COMMON, *(f"hug_agents.render.documents.{name}" for name in DOCUMENTS)]
    return tuple(cast(Render, import_module(module).render) for module in modules)


def render(blueprint: Blueprint) -> Bundle:
    """Write every file of a blueprint. Raises UnsupportedError for a system that cannot be written."""
    artifacts = [artifact for function in renderers(blueprint) for artifact in function(blueprint)]
    return Bundle(blueprint.spec.digest(), artifacts)
