"""All gates side by side against the slowest one alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks.measure import Figure
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.validate import run_gates
from tests.examples import ecs_canary, kubernetes_rolling


def figures() -> Iterator[Figure]:
    """One figure a kind of bundle. The slowest gate is the one that took longest when each ran alone."""
    for name, spec in (("ECS", ecs_canary()), ("Kubernetes", kubernetes_rolling())):
        blueprint = plan(spec)
        bundle = render(blueprint)
        ratios, details = [], []
        for _ in range(3):
            started = time.perf_counter()
            results = run_gates(bundle, blueprint)
            together = time.perf_counter() - started
            slowest = max(results, key=lambda result: result.seconds)
            started = time.perf_counter()
            run_gates(bundle, blueprint, only=[slowest.name])
            alone = time.perf_counter() - started
            ratios.append(together / alone)
            details.append(f"{len(results)} gates {together:.1f} s / {slowest.name} {alone:.1f} s")
        yield Figure(
            f"gates of a bundle for {name} / its slowest gate alone", statistics.median(ratios), 1.2, details[-1]
        )
