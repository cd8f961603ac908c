"""The supervisor of one application in one environment: converges towards what is wanted, and writes down what it sees.

Started detached by `lifetime.ensure`, as `python -m hug_agents.adapters.local.guard FOLDER`, which starts this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock, Timeout

from hug_agents.adapters.local import faults, router
from hug_agents.adapters.local.converge import Standing, moves_of
from hug_agents.adapters.local.lifetime import began
from hug_agents.adapters.local.log_file import prune
from hug_agents.adapters.local.replica import Ports, Replica
from hug_agents.adapters.local.routing import Routing
from hug_agents.adapters.local.state import Desired, Observed, World, short
from hug_agents.approve.identity import Digest
from hug_agents.canonical import sha256
from hug_agents.errors import HugError, StoreError

TICK = 0.1
_MOST_ENDS = 4
"""A replica that ended so often before it was healthy once is not waited for any longer."""
_ALONE_SECONDS = 10.0
"""So long at most a replica waits for those that start."""


class Supervisor:
    """One loop. Only what was loaded by the router counts as traffic moved."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._desired: Desired | None = None
        self._stamp = 0
        self._replicas: dict[int, Replica] = {}
        self._number = 0
        self._ports = Ports()
        self._weights: dict[str, dict[Digest, int]] = {}
        self._routing = Routing(world)
        self._failed = ""
        self._settled = 0
        self._since = time.monotonic()
        self._returned = False
        self._held: Desired | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._crash_at = 0.0
        self._last = Observed()

    async def run(self) -> None:
        """Until nothing is wanted any more, or SIGTERM."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(16))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        try:
            while not self._stopping:
                self._read()
                if self._desired is not None:
                    try:
                        await self._step(self._held if self._returned and self._held else self._desired)
                    except Exception:  # noqa: BLE001 - what runs has to run on; it is told, and tried again
                        self._say(traceback.format_exc())
                        await asyncio.sleep(1)
                    if not self._desired.versions and not self._replicas:
                        break
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), TICK)
        finally:
            await self._end()

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    # ---- what is wanted

    def _read(self) -> None:
        try:
            stamp = (self._world.root / "desired.json").stat().st_mtime_ns
        except OSError:
            return
        if stamp == self._stamp:
            return
        try:
            desired = self._world.desired()
        except StoreError as error:
            self._say(str(error))  # what was wanted before still holds
            return
        self._stamp = stamp
        if desired is None or (self._desired and desired.generation == self._desired.generation):
            return
        self._failed, self._returned = "", False
        if self._desired is None:
            self._recall(desired)
        self._desired = desired
        self._routing.renew()
        self._since = time.monotonic()
        for replica in self._replicas.values():
            replica.ended_before_healthy = 0
        self._say(f"generation {desired.generation}: {_told(desired)}")
        prune(self._world.logs)

    def _recall(self, desired: Desired) -> None:
        """A supervisor that starts after a failure brings back what held before it, not what failed."""
        seen = self._world.observed()
        held = self._world.held()
        if seen and seen.generation == desired.generation and seen.state == "failed" and held:
            self._failed, self._returned = seen.reason, True
            self._held = held.model_copy(update={"ports": desired.ports})

    # ---- one step

    async def _step(self, desired: Desired) -> None:
        await self._spoil(desired)
        settled = True
        leaving = []
        for service in self._services(desired):
            there = [self._standing(item) for item in self._replicas.values()]
            weights = self._weights.get(service, {})
            moves = moves_of(desired, service, there, weights, frozen=bool(self._failed) and not self._returned)
            for bundle, name in moves.start:
                if self._may_start(desired, bundle):
                    self._start(desired, bundle, name)
            leaving += [self._replicas[number] for number in moves.leave]
            if moves.weights is not None:
                self._weights[service] = moves.weights
            settled = settled and moves.settled
        for item in leaving:
            item.leaving = True
        loaded = await self._routing.bring(desired, self._wanted_routes(desired))
        if loaded:
            for item in self._replicas.values():
                if item.leaving:
                    item.end(self._routing.drained(item.route))
        for number in [item.id for item in self._replicas.values() if item.gone]:
            del self._replicas[number]
        self._judge(desired, settled and loaded)
        self._write()

    def _services(self, desired: Desired) -> list[str]:
        names = [program.service for version in desired.versions for program in version.programs]
        names += [item.program.service for item in self._replicas.values()]
        return list(dict.fromkeys((*names, *self._weights)))

    def _standing(self, item: Replica) -> Standing:
        return Standing(item.id, item.program.service, item.version.bundle, item.healthy, item.leaving)

    def _may_start(self, desired: Desired, bundle: Digest) -> bool:
        """Where others serve, a processor is left to them, as a start takes a whole one.

        What is to take all the traffic at once is in a hurry: it gets them all, but no more at a time, which would make none
        of them ready sooner. Who does not get on holds up nobody for long.
        """
        if not self._serves:
            return True
        hurry = desired.rolling is None and desired.percent(bundle)
        starting = sum(item.starting(_ALONE_SECONDS) for item in self._replicas.values())
        return starting < max(1, _processors() - (0 if hurry else 1))

    @property
    def _serves(self) -> bool:
        return any(self._weights.values())

    def _start(self, desired: Desired, bundle: Digest, service: str) -> None:
        version = desired.version(bundle)
        program = next(item for item in version.programs if item.service == service) if version else None
        if version is None or program is None:
            return
        self._number += 1
        self._replicas[self._number] = Replica(
            self._number,
            version,
            program,
            desired,
            self._world,
            self._ports,
            self._wake.set,
            gives_way=self._serves,
        )

    async def _spoil(self, desired: Desired) -> None:
        fault = desired.fault
        for item in self._replicas.values():
            if not item.leaving:
                await item.spoil(fault if fault and item.version.bundle == fault.bundle else None)
        if fault and fault.kind == "crash" and time.monotonic() > self._crash_at:
            self._crash_at = time.monotonic() + faults.CRASH_SECONDS
            for item in self._replicas.values():
                if item.version.bundle == fault.bundle:
                    item.kill()

    def _judge(self, desired: Desired, settled: bool) -> None:
        if self._failed:
            return
        if settled and self._settled != desired.generation:
            self._settled = desired.generation
            self._world.hold(desired)
        if self._settled == desired.generation:
            return
        if self._routing.problem:
            self._failed = self._routing.problem
            return
        for item in self._replicas.values():
            spoilt = desired.fault is not None and item.version.bundle == desired.fault.bundle
            judged = item.version.bundle == desired.newest or desired.percent(item.version.bundle) == 100
            if item.healthy or item.leaving or spoilt or not judged:
                continue
            waited = time.monotonic() - max(self._since, item.made)
            if waited > desired.ready_seconds or item.ended_before_healthy >= _MOST_ENDS:
                self._failed = (
                    f"{item.program.service} {item.version.label} does not get healthy: {item.detail or 'no answer'}\n"
                    f"its last lines:\n{item.last_words()}"
                )
                self._say(self._failed)
                return

    def _wanted_routes(self, desired: Desired) -> list[router.Route]:
        found = []
        for service in desired.ports:
            weights = self._weights.get(service, {})
            own = [item for item in self._replicas.values() if item.program.service == service and item.route]
            servers: dict[Digest, tuple[int, ...]] = {}
            for bundle in dict.fromkeys((*weights, *(item.version.bundle for item in own))):
                mine = [item for item in own if item.version.bundle == bundle and not item.leaving]
                # If none is healthy, all are asked: the router counts an error of this version, and it may yet answer.
                chosen = [item for item in mine if item.healthy] or [item for item in mine if weights.get(bundle)]
                if chosen:
                    servers[bundle] = tuple(sorted(item.route for item in chosen if item.route))
            found.append(router.Route(service=service, weights=weights, servers=servers, newest=desired.newest))
        return found

    # ---- what is seen

    def _write(self) -> None:
        desired = self._desired
        if desired is None:
            return
        converged = self._settled == desired.generation
        observed = Observed(
            generation=desired.generation,
            state="failed" if self._failed else "converged" if converged else "converging",
            reason=self._failed[:9_000],
            supervisor=os.getpid(),
            began=began(os.getpid()) or 0.0,
            router=self._routing.pid,
            router_began=began(self._routing.pid),
            routes=sha256(self._routing.routes) if self._routing.routes else None,
            weights={name: value for name, value in self._weights.items() if name in desired.ports},
            replicas=tuple(
                item.seen(serving=bool(self._weights.get(item.program.service, {}).get(item.version.bundle)))
                for item in self._replicas.values()
            ),
        )
        if observed != self._last or not (self._world.root / "observed.json").exists():
            self._last = observed
            self._world.saw(observed)

    async def _end(self) -> None:
        """Nothing is left: first the router takes no more requests, then the replicas go."""
        await self._routing.end()
        for item in self._replicas.values():
            item.leaving = True
            item.end(None)
        while any(not item.gone for item in self._replicas.values()):
            await asyncio.sleep(0.05)
        if self._desired is not None:
            nothing = not self._desired.versions
            self._world.saw(
                Observed(
                    generation=self._desired.generation,
                    state="failed" if self._failed else "converged" if nothing else "stopped",
                    reason=self._failed[:9_000] or ("" if nothing else "ended from outside"),
                )
            )

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
        sys.stderr.flush()


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _told(desired: Desired) -> str:
    versions = ", ".join(f"{short(item.bundle)} {desired.percent(item.bundle)} %" for item in desired.versions)
    fault = f", {desired.fault.kind} in {short(desired.fault.bundle)}" if desired.fault else ""
    return (versions or "nothing") + fault


def main() -> None:
    """Supervise the world of the folder that is named."""
    world = World.at(Path(sys.argv[1]))
    world.mark = sys.argv[2]
    try:
        with FileLock(world.lock, timeout=10):
            asyncio.run(Supervisor(world).run())
    except Timeout:
        sys.stderr.write("another supervisor is at work here\n")
    except HugError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
