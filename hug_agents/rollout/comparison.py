"""The single comparisons of a look: failures, latency and its tail with the old version, and each against a limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from hug_agents.rollout.limits import Limit
from hug_agents.rollout.looks import DOUBT
from hug_agents.rollout.statistics import binomial, fisher, mann_whitney
from hug_agents.rollout.verdict import Check, Judgement
from hug_agents.rollout.window import Window

ERROR_MARGIN: Final = 0.0025
"""Where no error budget is stated, so much more of all requests must fail before it matters: 0.25 percentage points."""
WIDEST_MARGIN: Final = 0.01
"""However wide a budget is, one percentage point more matters."""
ERROR_RATIO: Final = 1.5
"""And half as often again as before ..."""
ERROR_POINTS: Final = 0.05
"""... or five percentage points more, however many failed before."""
SUPERIORITY: Final = 0.56
"""Vargha and Delaney's A from which they call an effect small; below it a shift does not matter."""
SLOWER: Final = 0.15
"""And the median or the 90th percentile must have grown by this share: in the first look by twice as much, since in so
short a time two sets of replicas that are alike may differ, in the second by one and a half times, and so on."""
SLOWER_THAN_EARLIER: Final = 0.30
"""The same where the old version is known from before only: another hour has another load."""
TAIL_SHARE: Final = 0.10
"""What is called the tail: bounds that at most a tenth of all requests are beyond."""
TAIL_MARGIN: Final = 0.01
TAIL_RATIO: Final = 2.0
FEWEST: Final = 20
"""Latencies a side below which the normal approximation is not used: no comparison yet."""


@dataclass(frozen=True)
class Level:
    """What this look may risk in one comparison."""

    p_value: float
    look: int
    final: bool


@dataclass(frozen=True)
class Baseline:
    """What the new version is compared with: the test takes all of it, the effect must be seen against every part."""

    pooled: Window
    parts: tuple[Window, ...]
    name: str
    slower: float
    """The growth of latency that matters in the long run."""

    @classmethod
    def beside(cls, window: Window) -> Baseline:
        """The old version, in the same time."""
        return cls(pooled=window, parts=(window,), name="the old version beside it", slower=SLOWER)

    @classmethod
    def earlier(cls, windows: tuple[Window, ...]) -> Baseline:
        """The old version before: hours differ, so the new one must be worse than it was in each window with traffic."""
        pooled = windows[0]
        for window in windows[1:]:
            pooled = pooled.plus(window)
        full = tuple(window for window in windows if window.requests >= FEWEST)
        return cls(pooled=pooled, parts=full or (pooled,), name="the old version before", slower=SLOWER_THAN_EARLIER)


def errors(mine: Window, old: Baseline, budget: float | None, level: Level) -> Check:
    """Whether more requests fail than of the old version. Fisher's exact test."""
    p_value = fisher(mine.failed, mine.requests, old.pooled.failed, old.pooled.requests)
    matters = worse(mine, old, budget)
    outcome = _outcome(p_value, matters, level)
    return Check(
        name=f"error rate of {mine.service}",
        outcome=outcome,
        reason=f"{failing(mine, old)}{_tail_of(outcome, p_value, matters, level)}",
        candidate=mine.error_rate,
        baseline=old.pooled.error_rate,
        requests=mine.requests,
        p_value=p_value,
    )


def worse(mine: Window, old: Baseline, budget: float | None) -> bool:
    """Whether so many more requests fail that it matters, beside each part of what it is compared with."""
    margin = min(budget, WIDEST_MARGIN) if budget is not None else ERROR_MARGIN
    return all(
        mine.error_rate >= part.error_rate + margin
        and mine.error_rate >= min(part.error_rate * ERROR_RATIO, part.error_rate + ERROR_POINTS)
        for part in old.parts
    )


def failing(mine: Window, old: Baseline) -> str:
    """How many failed of both, as a person says it."""
    left = f" ({mine.unfinished} of them broken off or given up)" if mine.unfinished else ""
    return (
        f"{mine.service}: {percent(mine.error_rate)} of {mine.requests} requests failed{left}, "
        f"{percent(old.pooled.error_rate)} of {old.pooled.requests} of {old.name}"
    )


def shift(mine: Window, old: Baseline, level: Level) -> Iterator[Check]:
    """Whether answers come later as a whole. Mann and Whitney's U; nothing where there is too little to compare."""
    bounds = set(mine.bounds) & set(old.pooled.bounds)
    if not bounds or min(mine.measured, old.pooled.measured) < FEWEST:
        return
    new, before = mine.within(bounds), old.pooled.within(bounds)
    test = mann_whitney(new.bins(), before.bins())
    factor = min(_factor(new, part.within(bounds)) for part in (old.pooled, *old.parts) if part.measured)
    matters = test.superiority >= SUPERIORITY and factor >= 1 + old.slower * (1 + 1 / level.look)
    outcome = _outcome(test.p_value, matters, level)
    said = (
        f"{mine.service}: median {_ms(new, 0.5)}, 90th percentile {_ms(new, 0.9)}; "
        f"{_ms(before, 0.5)} and {_ms(before, 0.9)} of {old.name}"
    )
    yield Check(
        name=f"latency of {mine.service}",
        outcome=outcome,
        reason=f"{said}{_tail_of(outcome, test.p_value, matters, level)}",
        candidate=_milliseconds(new, 0.5),
        baseline=_milliseconds(before, 0.5),
        requests=mine.requests,
        p_value=test.p_value,
    )


def tail(mine: Window, old: Baseline, level: Level) -> Iterator[Check]:
    """Whether a few answers come much later. Fisher's exact test at each bound of the tail, corrected for their number.

    The bounds are chosen by both versions together, on which the exact test is conditioned: the choice favours neither.
    """
    slow, slow_before = mine.beyond(), old.pooled.beyond()
    total, total_before = mine.measured, old.pooled.measured
    beyond = {bound: count + slow_before[bound] for bound, count in slow.items() if bound in slow_before}
    chosen = [bound for bound, count in beyond.items() if 0 < count <= (total + total_before) * TAIL_SHARE]
    if not chosen or min(total, total_before) < FEWEST:
        return
    found = {bound: fisher(slow[bound], total, slow_before[bound], total_before) for bound in chosen}
    bound = min(chosen, key=lambda item: (found[item], item))
    p_value = min(1.0, found[bound] * len(chosen))
    share, was = slow[bound] / total, slow_before[bound] / total_before
    others = [part.beyond()[bound] / part.measured for part in old.parts if bound in part.bounds and part.measured]
    matters = all(share >= other + TAIL_MARGIN and share >= other * TAIL_RATIO for other in (was, *others))
    outcome = _outcome(p_value, matters, level)
    said = (
        f"{mine.service}: {percent(share)} of answers took longer than {bound * 1000:.4g} ms, "
        f"{percent(was)} of {old.name}"
    )
    yield Check(
        name=f"slowest answers of {mine.service}",
        outcome=outcome,
        reason=f"{said}{_tail_of(outcome, p_value, matters, level)}",
        candidate=share,
        baseline=was,
        requests=mine.requests,
        p_value=p_value,
    )


def against(limit: Limit, mine: Window, old: Baseline | None, level: Level) -> Check:
    """Whether more requests are bad than a limit allows. Exact binomial tail; excused where the old version is as bad."""
    what = f"slower than {limit.threshold_ms:g} ms" if limit.threshold_ms is not None else "failed"
    name = f"{'latency' if limit.threshold_ms is not None else 'error rate'} of {mine.service} against a limit"
    counted = _counted(limit)
    if limit.threshold_ms is not None and not mine.measured:
        return Check(
            name=name,
            outcome="inconclusive",
            reason=f"{mine.service}: the router tells no latencies, and there is {limit.source}",
            threshold=limit.share,
            requests=mine.requests,
        )
    bad, about, total = counted(mine)
    p_value = binomial(bad, total, limit.share)
    doubt = binomial(round(about), total, limit.share)
    outcome: Judgement = "bad" if p_value < level.p_value else "inconclusive" if doubt < DOUBT else "good"
    share, was = about / total, None
    said = f"{mine.service}: {percent(share)} of {total} requests {what}; {limit.source}"
    if old is not None and (before := counted(old.pooled))[2]:
        was = before[1] / before[2]
        if outcome == "bad" and was > limit.share and fisher(bad, total, before[0], before[2]) >= DOUBT:
            outcome = "inconclusive"
            said += f"; but so do {percent(was)} of {old.name}: the new version is not the cause"
    return Check(
        name=name,
        outcome=outcome,
        reason=said,
        candidate=share,
        baseline=was,
        threshold=limit.share,
        requests=mine.requests,
        p_value=p_value,
    )


def percent(share: float) -> str:
    """`0.12 %`, with two digits that count."""
    return f"{share * 100:.2g} %" if share < 0.1 else f"{share * 100:.0f} %"


def _counted(limit: Limit) -> Callable[[Window], tuple[int, float, int]]:
    def count(window: Window) -> tuple[int, float, int]:
        if limit.threshold_ms is None:
            bad = window.errors if limit.stated else window.failed
            return bad, float(bad), window.requests
        certain, about = window.slower(limit.threshold_ms / 1000)
        return certain, about, window.measured

    return count


def _outcome(p_value: float, matters: bool, level: Level) -> Judgement:
    if not matters:
        return "good"
    return "bad" if p_value < level.p_value else "inconclusive" if p_value < DOUBT else "good"


def _tail_of(outcome: Judgement, p_value: float, matters: bool, level: Level) -> str:
    if outcome == "bad":
        return f" (p = {p_value:.1g})"
    if outcome == "inconclusive":
        return f" (p = {p_value:.2g}): perhaps worse, and {'still ' if level.final else ''}too few requests to tell"
    return " (a difference, too small to matter)" if p_value < level.p_value and not matters else ""


def _factor(new: Window, old: Window) -> float:
    """How many times slower, at the median or at the 90th percentile, whichever is more."""
    return max(_ratio(new.quantile(share), old.quantile(share)) for share in (0.5, 0.9))


def _ratio(new: float | None, old: float | None) -> float:
    if new is None:
        return 1.0 if old is None else math.inf
    return 0.0 if old is None else new / old if old else math.inf


def _milliseconds(window: Window, share: float) -> float | None:
    value = window.quantile(share)
    return None if value is None else round(value * 1000, 1)


def _ms(window: Window, share: float) -> str:
    value = _milliseconds(window, share)
    return f"{value:g} ms" if value is not None else f"over {window.bounds[-1] * 1000:g} ms"
