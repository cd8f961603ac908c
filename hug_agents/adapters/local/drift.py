"""How a world differs from the bundle that was put there. It only looks."""

from __future__ import annotations

import time
from collections import Counter

from hug_agents.adapters.local import lifetime, router
from hug_agents.adapters.local.source import edited
from hug_agents.adapters.local.state import Desired, Observed, World, short
from hug_agents.approve.identity import Digest
from hug_agents.canonical import sha256
from hug_agents.errors import HugError
from hug_agents.store import Store

_LOOK_SECONDS = 4.0
"""A difference that is gone within this time (a replica that is being started again) is none."""


def differences(world: World, bundle: Digest | None, store: Store) -> tuple[str, ...]:
    """Each difference as a line; empty where there is none."""
    until = time.monotonic() + _LOOK_SECONDS
    while (found := _look(world, bundle, store)) and time.monotonic() < until:
        time.sleep(0.25)
    return found


def _look(world: World, bundle: Digest | None, store: Store) -> tuple[str, ...]:
    desired = world.desired()
    if bundle is None:
        left = lifetime.processes(world)
        found = [f"wanted, and should not be: {short(item.bundle)}" for item in desired.versions] if desired else []
        return (*found, *(f"a process of it runs: {pid}" for pid in left))
    if desired is None or desired.version(bundle) is None:
        return (f"{short(bundle)} is not what is wanted here",)
    found = []
    if desired.percent(bundle) != 100:
        found.append(f"{short(bundle)} is to take {desired.percent(bundle)} % of the traffic")
    if desired.fault:
        found.append(f"{short(desired.fault.bundle)} is spoiled by a drill: {desired.fault.kind}")
    for version in desired.versions:
        found += [
            f"source of {short(version.bundle)}, {one}" for one in edited(version.source, store, world.source(version))
        ]
    if not lifetime.alive(world):
        return (*found, "nothing runs: the supervisor is gone")
    observed = world.observed()
    if observed is None:
        return (*found, "the supervisor has seen nothing yet")
    return (*found, *_processes(world, desired, observed), *_routes(world, desired, observed))


def _processes(world: World, desired: Desired, observed: Observed) -> list[str]:
    there: Counter[tuple[str, Digest]] = Counter()
    found = []
    for item in observed.replicas:
        if item.state == "draining":
            continue
        if item.pid is None or lifetime.began(item.pid) != item.began:
            found.append(f"{item.service}.{item.number} does not run: {item.detail or item.state}")
        elif item.state != "healthy":
            found.append(f"{item.service}.{item.number} is {item.state}: {item.detail}"[:500])
        there[item.service, item.bundle] += 1
    for version in desired.versions:
        for program in version.programs:
            if program.kind == "worker" and version.bundle != desired.leader:
                continue
            count = there.pop((program.service, version.bundle), 0)
            if count != program.replicas:
                found.append(f"{program.service} of {short(version.bundle)} has {count} of {program.replicas} replicas")
    found += [f"{service} of {short(bundle)} runs, and is not wanted" for service, bundle in there]
    return found


def _routes(world: World, desired: Desired, observed: Observed) -> list[str]:
    if not desired.ports:
        return []
    if lifetime.began(observed.router) != observed.router_began or observed.router is None:
        return ["the router does not run"]
    try:
        written = world.routes.read_bytes()
    except OSError:
        return ["the router's routes are gone"]
    if sha256(written) != observed.routes:
        return ["the router's routes were edited"]
    found = []
    for service, weights in observed.weights.items():
        total = sum(weights.values()) or 1
        having = [item.bundle for item in desired.versions if any(one.service == service for one in item.programs)]
        for bundle in dict.fromkeys((*weights, *having)):
            is_there = round(100 * weights.get(bundle, 0) / total)
            if is_there != desired.percent(bundle):
                found.append(f"{service} of {short(bundle)} takes {is_there} %, not {desired.percent(bundle)} %")
    admin = router.Admin(desired.admin_port, attempts=3)
    try:
        found += admin.differences(written)
    except HugError as error:
        found.append(f"the router does not answer: {error.what}"[:300])
    finally:
        admin.close()
    return found
