"""How often a rollout of a version that is no worse is rolled back, and how often a planted fault is missed.

`python -m benchmarks.analysis` plays whole canary rollouts against the judge and writes the table of docs/analysis.md.
Traffic is counted as a router counts it: heavy-tailed latency in buckets, a base rate of failures in bursts, a machine
that both versions share, and replicas that are never quite alike.
"""

from __future__ import annotations

import math
import re
import statistics
import sys
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.measure import Figure
from hug_agents.execute.target import Counters
from hug_agents.rollout.failures import Failures
from hug_agents.rollout.judge import judge
from hug_agents.rollout.looks import analysis_of, looks_of
from hug_agents.rollout.watch import GLANCES
from hug_agents.rollout.window import Window
from hug_agents.spec import DeploymentSpec, Objective, Step, Strategy, Trigger
from tests.examples import minimal

RUNS = 200
SEED = 20_261_127
HOLD = 300
NEW, OLD = ("sha256:" + letter * 64 for letter in "ab")
SERVICE = "hello"
BOUNDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
BASE_ERRORS = 0.001
STEPS = {"10 · 50 · 100 %": (10, 50, 100), "1 · 5 · 25 · 100 %": (1, 5, 25, 100)}
RATES = (2, 20, 200)
"""Requests a second, of both versions together."""
PAGE = Path(__file__).parents[1] / "docs" / "analysis.md"

Ending = Literal["rolled back", "asked", "passed"]


class Fault(NamedTuple):
    """What is wrong with the new version."""

    name: str
    errors: float = 0.0
    slower: float = 1.0
    stuck: float = 0.0


NONE = Fault("none: the same version")
FAULTS = (
    NONE,
    *(Fault(f"{share:g} % of requests fail", errors=share / 100) for share in (0.5, 1, 2, 5, 10, 20)),
    *(Fault(f"latency x {factor:g}", slower=factor) for factor in (1.2, 1.5, 2, 3, 5)),
    Fault("2 % of requests take 10 times as long", stuck=0.02),
)


class Run(NamedTuple):
    """How one rollout ended, after how many looks, and at which weight."""

    ending: Ending
    looks: int
    weight: int


@dataclass
class _Version:
    version: str
    fault: Fault
    factor: float
    requests: int = 0
    failed: int = 0
    buckets: np.ndarray = field(default_factory=lambda: np.zeros(len(BOUNDS), dtype=np.int64))

    def serve(self, random: np.random.Generator, mean: float, busy: float, trouble: float) -> None:
        """Requests between two readings."""
        requests = int(random.poisson(mean))
        self.requests += requests
        self.failed += int(random.binomial(requests, min(1.0, BASE_ERRORS * trouble + self.fault.errors)))
        stuck = int(random.binomial(requests, self.fault.stuck))
        factor = busy * self.factor * self.fault.slower
        for count, times in ((requests - stuck, 1.0), (stuck, 10.0)):
            self.buckets += np.cumsum(random.multinomial(count, _shares(round(factor * times, 2))))[:-1]

    @property
    def counters(self) -> Counters:
        latency = tuple(zip(BOUNDS, map(int, self.buckets), strict=True))
        return Counters(
            service=SERVICE, version=self.version, requests=self.requests, errors=self.failed, latency=latency
        )


@cache
def _shares(factor: float) -> tuple[float, ...]:
    """The share of requests in each bucket: log-normal round 60 ms, and one in fifty on a path that takes seconds."""

    def below(seconds: float, median: float, width: float) -> float:
        return (1 + math.erf(math.log(seconds / factor / median) / width / math.sqrt(2))) / 2

    until = [0.98 * below(bound, 0.06, 0.6) + 0.02 * below(bound, 0.4, 0.9) for bound in BOUNDS]
    return tuple(upper - lower for lower, upper in zip((0.0, *until), (*until, 1.0), strict=True))


def spec_of(weights: Sequence[int]) -> DeploymentSpec:
    """One web service with the promises of a usual one, in these canary steps."""
    steps = tuple(Step(weight=weight, hold_seconds=HOLD) for weight in weights)
    return minimal().model_copy(
        update={
            "strategy": Strategy(kind="canary", steps=steps),
            "objectives": (
                Objective(kind="availability", target_percent=99.5),
                Objective(kind="latency", target_percent=97.0, threshold_ms=500),
            ),
            "triggers": (Trigger(metric="error_rate", threshold=1.0),),
        }
    )


def rollout(fault: Fault, rate: float, spec: DeploymentSpec, seed: Sequence[int]) -> Run:
    """One canary rollout as the loop of a release drives it: looked at until it is bad, or through, or a person is asked."""
    random = np.random.default_rng(seed)
    new = _Version(NEW, fault, random.lognormal(0, 0.02))
    old = _Version(OLD, NONE, random.lognormal(0, 0.02))
    analysis = analysis_of(spec, HOLD)
    looks = looks_of(analysis, HOLD)
    mean = rate * looks.interval_seconds / GLANCES

    def interval(weight: int, failures: Failures | None = None) -> bool:
        """Until the next look; whether a glance between saw too many failures."""
        busy, trouble = random.lognormal(0, 0.1), random.gamma(2, 0.5)
        unlike = [busy * random.lognormal(0, 0.03) for _ in range(2)]
        for _ in range(GLANCES):
            new.serve(random, mean * weight / 100, unlike[0], trouble)
            old.serve(random, mean * (100 - weight) / 100, unlike[1], trouble)
            if failures and failures.read((new.counters, old.counters)):
                return True
        return False

    reference = []
    for _ in range(looks.each):
        earlier = old.counters
        interval(0)
        reference.append(Window.between(earlier, old.counters))
    seen = 0
    for weight in (step.weight for step in spec.strategy.steps):
        start = (new.counters, old.counters)
        failures = Failures(spec, NEW, OLD, start) if weight < 100 else None
        for look in range(1, looks.most + 1):
            seen += 1
            if interval(weight, failures):
                return Run("rolled back", seen, weight)
            verdict = judge(
                spec=spec,
                candidate=NEW,
                baseline=OLD,
                start=start,
                now=(new.counters, old.counters),
                reference=tuple(reference),
                look=look,
                looks=looks.most,
                final=look % looks.each == 0,
            )
            if verdict.outcome == "bad":
                return Run("rolled back", seen, weight)
            if look % looks.each == 0 and verdict.outcome == "good":
                break
        else:
            return Run("asked", seen, weight)
    return Run("passed", seen, 100)


def cell(fault: Fault, rate: float, weights: tuple[int, ...], runs: int = RUNS, first: int = 0) -> list[Run]:
    """So many rollouts, each with a seed of its own."""
    spec = spec_of(weights)
    named = [SEED, round(fault.errors * 1e6), round(fault.slower * 100), round(fault.stuck * 1e6), rate, *weights]
    return [rollout(fault, rate, spec, [*map(int, named), number]) for number in range(first, first + runs)]


def figures(runs: int = RUNS) -> Iterator[Figure]:
    """The two figures that matter most, at 20 requests a second."""
    weights = STEPS["10 · 50 · 100 %"]
    alarms = sum(run.ending == "rolled back" for run in cell(NONE, 20, weights, runs)) / runs
    yield Figure("false alarms of rollouts, percent", alarms * 100, 2.0, f"{runs} rollouts of the same version")
    fault = next(item for item in FAULTS if item.errors == 0.05)
    missed = sum(run.ending != "rolled back" for run in cell(fault, 20, weights, runs)) / runs
    yield Figure("missed: 5 percent of requests fail, percent", missed * 100, 5.0, f"{runs} rollouts")


def _cell(case: tuple[Fault, int, tuple[int, ...], int, int]) -> list[Run]:
    return cell(*case)


def alarms(runs: int) -> str:
    """Rollouts of the same version, of other seeds than those of the table: how many of each hundred were rolled back."""
    cases = list(product(STEPS.items(), RATES[1:]))
    with ProcessPoolExecutor() as pool:
        ended = pool.map(_cell, [(NONE, rate, weights, runs, RUNS) for (_, weights), rate in cases])
        return "\n".join(
            f"canary {name}, {rate} requests/s: {sum(run.ending == 'rolled back' for run in found)} of {runs} rolled back"
            for ((name, _), rate), found in zip(cases, ended, strict=True)
        )


def table(runs: int = RUNS) -> str:
    """Everything measured, as Markdown."""
    cases = list(product(STEPS.items(), FAULTS, RATES))
    with ProcessPoolExecutor() as pool:
        ended = pool.map(_cell, [(fault, rate, weights, runs, 0) for (_, weights), fault, rate in cases])
        found = {}
        for number, ((name, _), fault, rate) in enumerate(cases, start=1):
            found[name, fault, rate] = next(ended)
            print(f"{number} of {len(cases)}: {name}, {fault.name}, {rate}/s", file=sys.stderr)
    parts = [f"{runs} rollouts a cell, seed {SEED}; {len(found) * runs:,} rollouts together."]
    for name in STEPS:
        head = "| planted in the new version | " + " | ".join(f"{rate} requests/s" for rate in RATES) + " |"
        lines = [f"Canary {name}, each step held for {HOLD} s:", "", head, "|---|" + "---|" * len(RATES)]
        for fault in FAULTS:
            cells = " | ".join(_said(found[name, fault, rate]) for rate in RATES)
            lines.append(f"| {fault.name} | {cells} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _said(runs: list[Run]) -> str:
    ends = Tally(run.ending for run in runs)
    back, asked, passed = (f"{100 * ends[name] / len(runs):.3g}" for name in ("rolled back", "asked", "passed"))
    looks = sorted(run.looks for run in runs if run.ending == "rolled back")
    when = f"; look {statistics.median(looks):.0f} ({looks[math.ceil(0.95 * len(looks)) - 1]})" if looks else ""
    return f"{back} / {asked} / {passed}{when}"


def main(arguments: Sequence[str]) -> int:
    """Print the table and put it into docs/analysis.md. A number on the command line: so many rollouts a cell.

    `alarms 1000`: false alarms alone, in so many rollouts a cell.
    """
    if arguments and arguments[0] == "alarms":
        print(alarms(int(arguments[1])))
        return 0
    made = table(int(arguments[0]) if arguments else RUNS)
    print(made)
    text = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- measured -->", "<!-- /measured -->"
    assert begin in text and end in text
    PAGE.write_text(
        re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n{made}\n{end}", text, flags=re.DOTALL), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
