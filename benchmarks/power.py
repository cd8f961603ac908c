"""How many requests it takes to tell that a version fails, by any test at the analysis's level.

    python -m benchmarks.power          5 % of 240 requests a second, of which the new version takes a tenth

If versions fail alike, the chance that the first k failures are all of the one with the share w of the traffic is w^k,
however many fail. So no test at the level a may call fewer than k failures bad, where w^k > a and the old version has none.
"""

from __future__ import annotations

import math
from random import Random

from hug_agents.execute.target import Counters
from hug_agents.rollout.failures import Failures
from hug_agents.rollout.limits import tests_of
from hug_agents.rollout.looks import level
from hug_agents.spec import DeploymentSpec, Step, Strategy
from tests.examples import minimal

NEW, OLD = ("sha256:" + letter * 64 for letter in "ab")
GLANCE_SECONDS = 0.5
SURE = 0.95
BACK_SECONDS = 0.3
"""From the word to roll back to the new routes, as `python -m benchmarks recovery` sees it."""


def fewest(weight: float, alpha: float) -> int:
    """Failures of the new version, with none of the old one, below which nobody can call it bad."""
    return math.ceil(math.log(alpha) / math.log(weight))


def chance(failures: int, requests: float, share: float) -> float:
    """Of so many failures at least, among so many requests (Poisson)."""
    mean = requests * share
    return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(failures))


def needed(failures: int, share: float) -> int:
    """Requests until there are so many failures in 95 % of runs."""
    requests = failures
    while chance(failures, requests, share) < SURE:
        requests += 1
    return requests


def said(share: float, weight: float, rate: float, alpha: float, seconds: float) -> str:
    """In words, for a share of failures in the new version, and the time allowed from its first bad answer to the last."""
    least = fewest(weight, alpha)
    requests, mine = needed(least, share), rate * weight
    after = needed(least - 1, share)
    best = chance(least - 1, mine * (seconds - BACK_SECONDS), share)
    return (
        f"{share:.0%} of failures at {weight:.0%} of {rate:g} requests/s, level 1/{1 / alpha:.0f}: any test needs {least} "
        f"failures with none of the old version; in 95 % of runs that takes {requests} requests of the new version "
        f"({requests / mine:.1f} s), and after its first bad answer {after} more ({after / mine:.1f} s); "
        f"at best {best:.0%} of runs end within {seconds:g} s"
    )


def ours(share: float, weight: float, rate: float, seconds: float, spec: DeploymentSpec, runs: int = 500) -> float:
    """Of so many seeded runs, how many end within so many seconds of the first bad answer: failures read every 0.5 s."""
    random, within = Random(1), 0
    mine, others = rate * weight * GLANCE_SECONDS, rate * (1 - weight) * GLANCE_SECONDS
    for _ in range(runs):
        seen, first, failed, readings = Failures(spec, NEW, OLD, ()), 0.0, 0, 0
        while True:
            readings += 1
            bad = [number for number in range(round(mine)) if random.random() < share]
            if bad and not failed:
                first = (readings - 1 + (bad[0] + 1) / mine) * GLANCE_SECONDS
            failed += len(bad)
            rows = ((NEW, mine, failed), (OLD, others, 0))
            now = tuple(
                Counters(service=spec.services[0].name, version=version, requests=round(each * readings), errors=errors)
                for version, each, errors in rows
            )
            if seen.read(now):
                break
        within += readings * GLANCE_SECONDS + BACK_SECONDS - first <= seconds
    return within / runs


def main() -> None:
    """For a canary of three held steps with nothing stated, and the same with an interval of 2 s and 2 s more allowed."""
    steps = tuple(Step(weight=weight, hold_seconds=20) for weight in (10, 50, 100))
    spec = minimal().model_copy(
        update={
            "strategy": Strategy(kind="canary", steps=steps, keep_old_seconds=0),
            "objectives": (),
            "triggers": (),
        }
    )
    alpha = level(spec, tests_of(spec), 1, 1)
    for share in (0.5, 0.1, 0.05, 0.02, 0.01):
        print(f"{said(share, 0.1, 240, alpha, 4)}; ours: {ours(share, 0.1, 240, 4, spec):.0%} of 500 seeded runs")


if __name__ == "__main__":
    main()
