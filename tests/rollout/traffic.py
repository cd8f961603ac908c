"""Traffic of one service, as a router would count it: seeded, heavy-tailed, with faults planted in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from hug_agents.execute.target import Counters

NEW = "sha256:" + "a" * 64
OLD = "sha256:" + "b" * 64
BOUNDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
"""Seconds."""


@dataclass
class Version:
    """One version and what it has counted so far."""

    version: str
    service: str = "api"
    errors: float = 0.001
    slower: float = 1.0
    stuck: float = 0.0
    """The share of requests that take ten times as long."""
    requests: int = 0
    failed: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))

    def serve(self, random: Random, requests: int) -> Version:
        """So many requests more."""
        for _ in range(requests):
            self.requests += 1
            self.failed += random.random() < self.errors
            seconds = latency(random) * self.slower * (10 if random.random() < self.stuck else 1)
            for number, bound in enumerate(BOUNDS):
                self.buckets[number] += seconds <= bound
        return self

    @property
    def counters(self) -> Counters:
        """What a reading shows now."""
        return Counters(
            service=self.service,
            version=self.version,
            requests=self.requests,
            errors=self.failed,
            latency=tuple(zip(BOUNDS, self.buckets, strict=True)),
        )


def latency(random: Random) -> float:
    """Log-normal round 60 ms, and one request in fifty on the slow path: the tail reaches into seconds."""
    slow = random.random() < 0.02
    return random.lognormvariate(math.log(0.4 if slow else 0.06), 0.9 if slow else 0.6)


def counted(version: str, requests: int, errors: int = 0, service: str = "api", each: float = 0.06) -> Counters:
    """Counters of requests that all took as long as each other."""
    latency = tuple((bound, requests if bound >= each else 0) for bound in BOUNDS)
    return Counters(service=service, version=version, requests=requests, errors=errors, latency=latency)
