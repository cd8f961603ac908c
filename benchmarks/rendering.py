"""1,000 specs rendered: milliseconds a bundle, and whether the time grows with the number."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.measure import Figure
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec
from tests.examples import ecs_canary, kubernetes_rolling, shop_ecs_blue_green


def figures() -> Iterator[Figure]:
    """The time of a bundle among 1,000 against the time of a bundle among 100: 1 is linear."""
    specs = [spec for number in range(334) for spec in _three(number)]
    _render(specs[:10])
    few = _render(specs[:100]) / 100
    many = _render(specs[:1000]) / 1000
    yield Figure(
        "per bundle among 1,000 / per bundle among 100", many / few, 1.25, f"{many * 1000:.1f} ms / {few * 1000:.1f} ms"
    )


def _three(number: int) -> tuple[DeploymentSpec, ...]:
    makers = (ecs_canary, shop_ecs_blue_green, kubernetes_rolling)
    return tuple(maker().model_copy(update={"application": f"app-{number}"}) for maker in makers)


def _render(specs: list[DeploymentSpec]) -> float:
    started = time.perf_counter()
    for spec in specs:
        render(plan(spec))
    return time.perf_counter() - started
