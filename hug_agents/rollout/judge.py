"""The judgement: is the new version worse than the old one, or worse than what was promised?

Pure arithmetic on counters. `bad` needs both: a difference that is no accident (a test with its share of ALPHA), and one
that matters (an effect size). Where the old version is as bad, the new one is not the cause, and a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hug_agents.approve.identity import Digest
from hug_agents.execute.target import Counters
from hug_agents.rollout.comparison import Baseline, Level, against, errors, shift, tail
from hug_agents.rollout.limits import Limit, error_budget, limits_of, tests_of, usual_limit
from hug_agents.rollout.looks import level
from hug_agents.rollout.verdict import Check, Judgement, Verdict
from hug_agents.rollout.window import Window, window_of
from hug_agents.spec import Analysis, DeploymentSpec

ENOUGH_BESIDE = 20
"""A version that ran beside the new one is compared with while it took at least a twentieth of its requests."""
METHOD = (
    "Fisher's exact test on failures and on slow requests, Mann-Whitney U on latency, exact binomial tails against "
    "limits; Pocock alpha spending"
)


def judge(
    *,
    spec: DeploymentSpec,
    candidate: Digest,
    baseline: Digest | None,
    start: tuple[Counters, ...],
    now: tuple[Counters, ...],
    reference: tuple[Window, ...] = (),
    look: int,
    looks: int,
    final: bool,
    queries: tuple[Check, ...] = (),
    proven: bool = False,
) -> Verdict:
    """What this look says of the new version, by what it did since `start`.

    `reference`: windows of the old version before the rollout, for steps in which it takes no traffic. `look` is of
    `looks`, counted through every extension of the step; `final` ends a hold. `queries`: checks that somebody else made.
    `proven`: in a step before, it was as fast as the old version beside it. That it is slower than the old one was at
    another time is then the load's doing, as long as a stated objective of latency is kept.
    """
    analysis = spec.analysis or Analysis()
    services = [
        _Service.of(spec, name.name, candidate, baseline, start, now, reference, proven=proven)
        for name in spec.web_services
    ]
    risk = Level(p_value=level(spec, tests_of(spec), look, looks), look=max(1, look), final=final)
    checks = [
        *_traffic(services, analysis, final),
        *(check for item in services for check in item.checks(risk)),
        *queries,
    ]
    return Verdict(
        outcome=_worst(checks),
        candidate=candidate,
        baseline=baseline,
        checks=tuple(checks),
        method=f"{METHOD}; look {look} of at most {looks}, level {risk.p_value:.2g}",
    )


def _worst(checks: list[Check]) -> Judgement:
    said = {check.outcome for check in checks}
    return "bad" if "bad" in said else "good" if said == {"good"} else "inconclusive"


@dataclass(frozen=True)
class _Service:
    mine: Window
    old: Baseline | None
    beside: Window | None
    limits: tuple[Limit, ...]
    budget: float | None
    proven: bool = False

    @classmethod
    def of(
        cls,
        spec: DeploymentSpec,
        name: str,
        candidate: Digest,
        baseline: Digest | None,
        start: tuple[Counters, ...],
        now: tuple[Counters, ...],
        reference: tuple[Window, ...],
        *,
        proven: bool,
    ) -> _Service:
        mine = window_of(name, candidate, start, now)
        beside = window_of(name, baseline, start, now) if baseline and baseline != candidate else None
        before = tuple(item for item in reference if (item.service, item.version) == (name, baseline) and item.requests)
        enough = (spec.analysis or Analysis()).min_requests
        old = _baseline(mine, beside, before, enough)
        limits = limits_of(spec, name)
        budget = error_budget(limits)
        if budget is None and (old is None or old.pooled.requests < enough):
            limits = (*limits, usual_limit(name))
        promised = any(limit.threshold_ms is not None for limit in limits)
        apart = old is not None and old.pooled is not beside
        return cls(
            mine=mine,
            old=old,
            beside=beside,
            limits=limits,
            budget=budget,
            proven=proven and promised and apart,
        )

    def checks(self, risk: Level) -> Iterator[Check]:
        if not self.mine.requests:
            return
        if self.old:
            yield errors(self.mine, self.old, self.budget, risk)
            if not self.proven:
                yield from shift(self.mine, self.old, risk)
                yield from tail(self.mine, self.old, risk)
        for limit in self.limits:
            yield against(limit, self.mine, self.old, risk)


def _baseline(mine: Window, beside: Window | None, before: tuple[Window, ...], enough: int) -> Baseline | None:
    if beside and beside.requests and beside.requests * ENOUGH_BESIDE >= mine.requests:
        return Baseline.beside(beside)
    if before:
        return Baseline.earlier(before)
    return Baseline.beside(beside) if beside and beside.requests >= enough else None


def _traffic(services: list[_Service], analysis: Analysis, final: bool) -> Iterator[Check]:
    yet = "in the whole hold" if final else "so far"
    busy = any(item.mine.requests for item in services)
    if not services:
        yield Check(
            name="traffic",
            outcome="good",
            reason="no service answers requests: only health and smoke tests can judge it",
        )
    for item in services:
        name, requests = item.mine.service, item.mine.requests
        outcome: Judgement = "inconclusive"
        if requests >= analysis.min_requests:
            continue
        if requests:
            counted = f"{requests} request{'s' if requests != 1 else ''}"
            reason = f"{name}: {counted} {yet}, {analysis.min_requests} are needed to call it good"
        elif item.beside and item.beside.requests:
            reason = f"{name}: no request reached the new version {yet}, {item.beside.requests} reached the old one"
        elif busy:
            outcome, reason = "good", f"{name}: no version of it took a request {yet}, so it was not judged"
        else:
            reason = f"{name}: no request reached it {yet}"
        yield Check(name=f"traffic of {name}", outcome=outcome, reason=reason, requests=requests)
