"""The tests that a verdict rests on, each named, one-sided, and exact where that is cheap. Only what the library lacks.

Sources: R. A. Fisher, "Statistical Methods for Research Workers" (1934), §21.02, the exact test of a 2 x 2 table. C. J.
Clopper and E. S. Pearson (1934), Biometrika 26, the exact binomial tail. H. B. Mann and D. R. Whitney (1947), Annals of
Mathematical Statistics 18, with the correction for ties of E. L. Lehmann, "Nonparametrics" (1975). A. Vargha and H.
D. Delaney (2000), Journal of Educational and Behavioral Statistics 25, the effect size A. K. K. G. Lan and D. L. DeMets
(1983), Biometrika 70, alpha spending, with S. J. Pocock's boundary. A. Wald (1945), Annals of Mathematical Statistics
16, the sequential ratio of likelihoods; J. Ville (1939), "Étude critique de la notion de collectif", why it may be looked
at at any time; A. Agresti, "Categorical Data Analysis", the noncentral hypergeometric distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

_NEGLIGIBLE = 1e-18


def fisher(bad: int, total: int, other_bad: int, other_total: int) -> float:
    """The chance of at least `bad` out of `total`, if both groups fail alike. Fisher's exact test, one-sided."""
    everything, failed = total + other_total, bad + other_bad
    lowest, highest = max(0, failed - other_total), min(total, failed)

    def chance(k: int) -> float:
        return math.exp(_choose(failed, k) + _choose(everything - failed, total - k) - _choose(everything, total))

    def up(k: int) -> float:
        return (failed - k) * (total - k) / ((k + 1) * (everything - failed - total + k + 1))

    mean = total * failed / everything if everything else 0.0
    return _tail(bad, lowest, highest, mean, chance, up)


def binomial(bad: int, total: int, share: float) -> float:
    """The chance of at least `bad` out of `total`, if each fails with the chance `share`. The exact binomial tail."""
    if bad <= 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    odds = share / (1 - share)

    def chance(k: int) -> float:
        return math.exp(_choose(total, k) + k * math.log(share) + (total - k) * math.log1p(-share))

    def up(k: int) -> float:
        return (total - k) / (k + 1) * odds

    return _tail(bad, 0, total, total * share, chance, up)


class Shift(NamedTuple):
    """How a sample lies to another."""

    p_value: float
    """The chance of so many larger values, if both are drawn alike."""
    superiority: float
    """Vargha and Delaney's A: the chance that a value of it is larger than one of the other; 0.5 is alike."""


def mann_whitney(bins: Sequence[int], other: Sequence[int]) -> Shift:
    """Whether the first histogram lies higher: Mann and Whitney's U with midranks and the correction for ties.

    The two have the same bounds. Normal approximation with continuity correction: for 20 values a side and more.
    """
    n, m = sum(bins), sum(other)
    everything = n + m
    if not n or not m:
        return Shift(1.0, 0.5)
    u, below, ties = 0.0, 0, 0
    for mine, theirs in zip(bins, other, strict=True):
        u += mine * (below + theirs / 2)
        below += theirs
        tied = mine + theirs
        ties += tied**3 - tied
    variance = n * m / 12 * ((everything + 1) - ties / (everything * (everything - 1)))
    superiority = u / (n * m)
    if variance <= 0:
        return Shift(1.0, superiority)
    z = (u - n * m / 2 - 0.5) / math.sqrt(variance)
    return Shift(math.erfc(z / math.sqrt(2)) / 2, superiority)


def spent(alpha: float, look: int, looks: int) -> float:
    """How much of `alpha` this look may spend: Lan and DeMets' function for Pocock's boundary, by the share of looks.

    The parts of all looks sum up to alpha, so by the union bound the chance of a false alarm at any of them is at most
    alpha, however the looks depend on each other.
    """

    def until(number: int) -> float:
        return alpha * math.log(1 + (math.e - 1) * min(1.0, number / max(1, looks)))

    return max(0.0, until(look) - until(look - 1)) if look <= looks else 0.0


def evidence(bad: int, total: int, other_bad: int, other_total: int, odds: float) -> float:
    """How much likelier (as a logarithm) `bad` out of `total` is if the odds of failing are `odds` times the other
    group's than if they are alike, given how many of both failed together: Wald's ratio, of two noncentral
    hypergeometric distributions.

    Added up over stretches of time, exp of it has the mean 1 at any time while the groups are alike, so it ever reaches
    1 / alpha with a chance of at most alpha (Ville).
    """
    everything, failed = total + other_total, bad + other_bad
    lowest, highest = max(0, failed - other_total), min(total, failed)
    if lowest == highest:
        return 0.0

    def up(k: int) -> float:
        return odds * (failed - k) * (total - k) / ((k + 1) * (other_total - failed + k + 1))

    low, most = lowest, highest
    while low < most:  # the likeliest number, where `up` falls below one
        middle = (low + most) // 2
        low, most = (middle + 1, most) if up(middle) >= 1 else (low, middle)
    whole = term = 1.0
    for k in range(low, highest):
        term *= up(k)
        whole += term
        if term <= whole * _NEGLIGIBLE:
            break
    term = 1.0
    for k in range(low, lowest, -1):
        term /= up(k - 1)
        whole += term
        if term <= whole * _NEGLIGIBLE:
            break
    likeliest = _choose(failed, low) + _choose(everything - failed, total - low) - _choose(everything, total)
    return (bad - low) * math.log(odds) - likeliest - math.log(whole)


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _tail(
    least: int, lowest: int, highest: int, mean: float, chance: Callable[[int], float], up: Callable[[int], float]
) -> float:
    """The sum of a unimodal distribution from `least` up, summed on the side where it falls."""
    if least <= lowest:
        return 1.0
    if least > highest:
        return 0.0
    if least > mean:
        term, k = chance(least), least
        total = term
        while k < highest:
            term *= up(k)
            k += 1
            total += term
            if term <= total * _NEGLIGIBLE:
                break
        return min(1.0, total)
    k = least - 1
    term = chance(k)
    total = term
    while k > lowest:
        term /= up(k - 1)
        k -= 1
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    return min(1.0, max(0.0, 1.0 - total))
