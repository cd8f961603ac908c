"""What one version of one service did between two readings of a router's counters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from hug_agents.approve.identity import Digest
from hug_agents.execute.target import Counters
from hug_agents.spec import Model, Name

Count = Annotated[int, Field(ge=0)]


class Window(Model):
    """Requests, failures and latencies of one version of one service in some time."""

    service: Name
    version: Digest
    requests: Count = 0
    errors: Count = 0
    unfinished: Count = 0
    latency: tuple[tuple[float, int], ...] = Field(
        (), description="rising upper bounds in seconds, each with how many requests took no longer"
    )
    measured: Count = Field(0, description="how many requests the latencies are of")

    @classmethod
    def between(cls, earlier: Counters | None, now: Counters) -> Window:
        """What happened since `earlier`; None: since the counters began.

        A counter that went down began anew after a restart: what it shows now is all that is known to have happened since
        (as Prometheus's `increase` reads it). Nothing is ever negative, and no more requests failed than there were.
        """
        latency = _rising(now.latency)
        if earlier is not None and not _restarted(earlier, now):
            before = dict(_rising(earlier.latency))
            requests, errors = now.requests - earlier.requests, now.errors - earlier.errors
            unfinished = now.unfinished - earlier.unfinished
            latency = _rising((bound, count - before[bound]) for bound, count in latency)
        else:
            requests, errors, unfinished = now.requests, now.errors, now.unfinished
        errors = min(errors, requests)
        return cls(
            service=now.service,
            version=now.version,
            requests=requests,
            errors=errors,
            unfinished=min(unfinished, requests - errors),
            latency=latency,
            measured=max(requests, latency[-1][1]) if latency else 0,
        )

    def plus(self, other: Window) -> Window:
        """Both together; of the latencies, the bounds that both have."""
        theirs = dict(other.latency)
        if not self.measured or not other.measured:
            latency = self.latency if self.measured else other.latency
        else:
            latency = tuple((bound, count + theirs[bound]) for bound, count in self.latency if bound in theirs)
        return self.model_copy(
            update={
                "requests": self.requests + other.requests,
                "errors": self.errors + other.errors,
                "unfinished": self.unfinished + other.unfinished,
                "latency": latency,
                "measured": self.measured + other.measured,
            }
        )

    @property
    def failed(self) -> int:
        """Requests without a good and whole answer. Who asked may have left by himself: compared only, never promised."""
        return self.errors + self.unfinished

    @property
    def error_rate(self) -> float:
        """The share of requests that failed; 0 where there was none."""
        return self.failed / self.requests if self.requests else 0.0

    @property
    def bounds(self) -> tuple[float, ...]:
        """Of the latencies, in seconds."""
        return tuple(bound for bound, _ in self.latency)

    def within(self, bounds: Iterable[float]) -> Window:
        """The same with these bounds only: two windows must have the same ones to be compared."""
        kept = set(bounds)
        return self.model_copy(update={"latency": tuple(item for item in self.latency if item[0] in kept)})

    def bins(self) -> tuple[int, ...]:
        """Requests between one bound and the next; the last: beyond every bound."""
        cumulative = [0, *(count for _, count in self.latency), self.measured]
        return tuple(upper - lower for lower, upper in pairwise(cumulative))

    def beyond(self) -> dict[float, int]:
        """How many requests took longer than each bound."""
        return {bound: self.measured - count for bound, count in self.latency}

    def slower(self, seconds: float) -> tuple[int, float]:
        """`(for certain, about)` how many requests took longer: counted at the next bound, and interpolated."""
        certain = next((self.measured - count for bound, count in self.latency if bound >= seconds), 0)
        lower, below = 0.0, 0
        for bound, count in self.latency:
            if seconds <= bound:
                inside = below + (count - below) * (seconds - lower) / (bound - lower)
                return certain, self.measured - inside
            lower, below = bound, count
        return certain, float(self.measured - below)

    def quantile(self, share: float) -> float | None:
        """Seconds within which this share was answered, interpolated as PromQL's `histogram_quantile` does.

        None: nothing was measured, or it lies beyond every bound.
        """
        wanted = share * self.measured
        lower, below = 0.0, 0
        for bound, count in self.latency:
            if count >= wanted and count > below:
                return lower + (bound - lower) * max(0.0, wanted - below) / (count - below)
            lower, below = bound, count
        return None


def window_of(service: str, version: Digest, start: tuple[Counters, ...], now: tuple[Counters, ...]) -> Window:
    """The window of one version of one service out of two readings; empty if it is in neither."""
    earlier = next((row for row in start if (row.service, row.version) == (service, version)), None)
    later = next((row for row in now if (row.service, row.version) == (service, version)), None)
    return Window.between(earlier, later) if later else Window(service=service, version=version)


def _rising(latency: Iterable[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """By bound, without the infinite one, and never falling: a router may be read while it counts."""
    rising: list[tuple[float, int]] = []
    most = 0
    for bound, count in sorted(latency):
        if 0 < bound < math.inf:
            most = max(most, count)
            rising.append((bound, most))
    return tuple(rising)


def _restarted(earlier: Counters, now: Counters) -> bool:
    before, after = dict(_rising(earlier.latency)), dict(_rising(now.latency))
    return (
        now.requests < earlier.requests
        or now.errors < earlier.errors
        or now.unfinished < earlier.unfinished
        or before.keys() != after.keys()
        or any(after[bound] < count for bound, count in before.items())
    )
