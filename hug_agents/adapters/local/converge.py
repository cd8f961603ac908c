"""What to do next, from what is wanted and what is there. Pure: the same picture gives the same moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hug_agents.adapters.local.state import Desired, Program, Rolling
from hug_agents.approve.identity import Digest


@dataclass(frozen=True)
class Standing:
    """One replica as the moves are judged by."""

    id: int
    service: str
    bundle: Digest
    healthy: bool
    leaving: bool = False


@dataclass(frozen=True)
class Moves:
    """What to do now. `weights` None: they stay as they are."""

    start: tuple[tuple[Digest, str], ...] = ()
    leave: tuple[int, ...] = ()
    weights: dict[Digest, int] | None = None
    settled: bool = False


def moves_of(
    desired: Desired, service: str, there: Iterable[Standing], weights: dict[Digest, int], *, frozen: bool = False
) -> Moves:
    """The next moves of one service. `weights` are its traffic now; `frozen`: after a failure nothing but starts happens."""
    there = [item for item in there if item.service == service]
    wanted = _wanted(desired, service)
    if desired.rolling is not None and len(wanted) == 1 and desired.fault is None:
        bundle, program = next(iter(wanted.items()))
        moves = _in_batches(desired.rolling, bundle, program, there, weights)
    else:
        moves = _beside(desired, wanted, there, weights)
    if frozen:
        return Moves(start=moves.start)
    return moves


def _wanted(desired: Desired, service: str) -> dict[Digest, Program]:
    """The versions that run this service. A worker runs in one version alone: it has no traffic that could be shared."""
    leader = desired.leader
    return {
        version.bundle: program
        for version in desired.versions
        for program in version.programs
        if program.service == service and (program.kind == "web" or version.bundle == leader)
    }


def _beside(
    desired: Desired, wanted: dict[Digest, Program], there: list[Standing], weights: dict[Digest, int]
) -> Moves:
    """A version is complete before traffic moves to it; what is not wanted leaves once it has none."""
    staying = [item for item in there if not item.leaving]
    count = Counter(item.bundle for item in staying)
    healthy = Counter(item.bundle for item in staying if item.healthy)
    start, leave = [], []
    for bundle, program in wanted.items():
        start += [(bundle, program.service)] * max(0, program.replicas - count[bundle])
        own = sorted((item for item in staying if item.bundle == bundle), key=lambda item: (item.healthy, -item.id))
        leave += [item.id for item in own[: max(0, len(own) - program.replicas)]]
    goal = {bundle: desired.percent(bundle) for bundle in wanted if desired.percent(bundle)}
    gaining = {bundle for bundle, percent in goal.items() if percent > weights.get(bundle, 0)}
    # An old version that ails holds up nothing: replacing it may be the cure.
    judged = gaining | {bundle for bundle in wanted if bundle == desired.newest}
    if desired.fault:  # it is to fail, and to take its traffic all the same
        judged -= {desired.fault.bundle}
    ready = all(healthy[bundle] >= wanted[bundle].replicas for bundle in judged)
    # On the way back (one version is wanted, all of it is there, another has its traffic) half of it in health is
    # better than the other.
    back = len(goal) == len(wanted) == 1 and bool(weights) and not start
    enough = ready or (back and all(2 * healthy[bundle] >= wanted[bundle].replicas for bundle in goal))
    if ready:
        leave += [item.id for item in staying if item.bundle not in wanted]
    settled = ready and goal == weights and not start and not leave and len(staying) == len(there)
    return Moves(tuple(start), tuple(leave), goal if enough and goal != weights else None, settled)


def _in_batches(
    rolling: Rolling, bundle: Digest, program: Program, there: list[Standing], weights: dict[Digest, int]
) -> Moves:
    """At most surge above and unavailable below the wanted number; traffic goes by the healthy replicas of each version."""
    wanted = program.replicas
    surge = math.ceil(wanted * rolling.surge_percent / 100)
    unavailable = math.floor(wanted * rolling.unavailable_percent / 100)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    staying = [item for item in there if not item.leaving]
    new = [item for item in staying if item.bundle == bundle]
    old = [item for item in staying if item.bundle != bundle]
    healthy = [item for item in staying if item.healthy]
    room = wanted + surge - len(there) if len(there) > len(new) else wanted - len(new)
    start = max(0, min(wanted - len(new), room))
    leave = [item.id for item in old if not item.healthy]
    leave += [item.id for item in sorted(new, key=lambda item: (item.healthy, -item.id))[: max(0, len(new) - wanted)]]
    spare = len(healthy) - (wanted - unavailable)
    leave += [item.id for item in old if item.healthy][: max(0, spare)]
    kept = [item for item in healthy if item.id not in leave]
    goal = dict(Counter(item.bundle for item in kept)) or weights
    settled = len(there) == len(new) == len(healthy) == wanted and goal == weights
    return Moves(((bundle, program.service),) * start, tuple(leave), goal if goal != weights else None, settled)
