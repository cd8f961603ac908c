"""Failures as they come: whether more requests of the new version fail than of the old one beside it, told at any time.

Each reading ends a stretch of time. If the versions are alike, any of a stretch's requests are as likely as others to be
those that failed; how much likelier what was seen is where the new version is worse, is the evidence of the stretch. The
product over all stretches is a test martingale: where the new version is no worse it ever reaches 1 / alpha with a chance
of at most alpha, however often one reads. So unlike a look, a reading costs nothing, and a bad minute of both is nobody's.
"""

from __future__ import annotations

import math
from typing import Final

from hug_agents.approve.identity import Digest
from hug_agents.execute.target import Counters
from hug_agents.rollout.comparison import Baseline, failing, worse
from hug_agents.rollout.limits import error_budget, limits_of, tests_of
from hug_agents.rollout.looks import level
from hug_agents.rollout.statistics import evidence
from hug_agents.rollout.verdict import Check
from hug_agents.rollout.window import window_of
from hug_agents.spec import DeploymentSpec

ODDS: Final = ((1000.0, 0.6), (50.0, 0.4))
"""How many times the odds of failing may have grown, and the weight of each: for gross faults. Fisher's test at the looks
sees the rest."""
METHOD: Final = "Wald's sequential ratio on failures, stretch by stretch; Ville's inequality"
_MOST = 700.0


class Failures:
    """What speaks against the new version in one step."""

    def __init__(self, spec: DeploymentSpec, candidate: Digest, baseline: Digest, start: tuple[Counters, ...]) -> None:
        self._spec, self._candidate, self._baseline = spec, candidate, baseline
        self._start = _bare(start)
        self._last = {(row.service, row.version): row for row in self._start}
        self._alpha = level(spec, tests_of(spec), 1, 1)
        self._sums = {service.name: [0.0 for _ in ODDS] for service in spec.web_services}

    def read(self, now: tuple[Counters, ...]) -> tuple[Check, ...]:
        """The services of which it is bad by now."""
        now = _bare(now)
        found, last = [], tuple(self._last.values())
        for service, sums in self._sums.items():
            mine, beside = (window_of(service, item, last, now) for item in (self._candidate, self._baseline))
            for number, (odds, _) in enumerate(ODDS):
                sums[number] += evidence(mine.failed, mine.requests, beside.failed, beside.requests, odds)
            if check := self._check(service, now):
                found.append(check)
        self._last |= {(row.service, row.version): row for row in now}
        return tuple(found)

    def _check(self, service: str, now: tuple[Counters, ...]) -> Check | None:
        p_value = self._p_value(service)
        if p_value >= self._alpha:
            return None
        mine, beside = (window_of(service, item, self._start, now) for item in (self._candidate, self._baseline))
        old = Baseline.beside(beside)
        if not worse(mine, old, error_budget(limits_of(self._spec, service))):
            return None
        return Check(
            name=f"failures of {service}",
            outcome="bad",
            reason=f"{failing(mine, old)} (p = {p_value:.1g} at any time)",
            candidate=mine.error_rate,
            baseline=beside.error_rate,
            requests=mine.requests,
            p_value=p_value,
        )

    def _p_value(self, service: str) -> float:
        sums = self._sums[service]
        known = sum(weight * math.exp(min(_MOST, total)) for (_, weight), total in zip(ODDS, sums, strict=True))
        return 1 / known if known > 1 else 1.0


def _bare(rows: tuple[Counters, ...]) -> tuple[Counters, ...]:
    """Without latencies, which nobody asks for here."""
    return tuple(row.model_copy(update={"latency": ()}) for row in rows)
