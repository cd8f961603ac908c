"""The supervisor of one application in one environment: converges towards what is wanted, and writes down what it sees.

Started detached by `lifetime.ensure`, as `python -m hug_agents.adapters.local.guard FOLDER`, which starts this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock, Timeout

from hug_agents.adapters.local import faults, router
from hug_agents.adapters.local.converge import Standing, moves_of
from hug_agents.adapters.local.launching import WORLD_VARIABLE
from hug_agents.adapters.local.lifetime import began
from hug_agents.adapters.local.log_file import LogFile, prune
from hug_agents.adapters.local.replica import Ports, Replica
from hug_agents.adapters.local.state import Desired, Observed, World, replace, short
from hug_agents.approve.identity import Digest
from hug_agents.canonical import sha256
from hug_agents.errors import HugError, StoreError
from hug_agents.process import Running, start

TICK = 0.1
_LOAD_SECONDS = 30.0
_NUDGE_SECONDS = 10.0
_SETTLE_SECONDS = 0.15
"""Between the router's word that it has loaded its routes and the last request that it began by the old ones."""
_MOST_ENDS = 4
"""A replica that ended so often before it was healthy once is not waited for any longer."""


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
        self._router: Running | None = None
        self._router_ports: object = None
        self._admin: router.Admin | None = None
        self._pump: asyncio.Task[None] | None = None
        self._routes = b""
        self._mark = time.time_ns() // 1_000_000
        self._loaded = False
        self._failed = ""
        self._settled = 0
        self._since = time.monotonic()
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
                    await self._step(self._desired)
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
        self._desired = desired
        self._failed = ""
        self._since = time.monotonic()
        for replica in self._replicas.values():
            replica.ended_before_healthy = 0
        self._say(f"generation {desired.generation}: {_told(desired)}")
        prune(self._world.logs)

    # ---- one step

    async def _step(self, desired: Desired) -> None:
        await self._spoil(desired)
        settled = True
        leaving = []
        for service in self._services(desired):
            there = [self._standing(item) for item in self._replicas.values()]
            weights = self._weights.get(service, {})
            moves = moves_of(desired, service, there, weights, frozen=bool(self._failed))
            for bundle, name in moves.start:
                self._start(desired, bundle, name)
            leaving += [self._replicas[number] for number in moves.leave]
            if moves.weights is not None:
                self._weights[service] = moves.weights
            settled = settled and moves.settled
        for item in leaving:
            item.leaving = True
        loaded = await self._route(desired)
        if loaded:
            for item in self._replicas.values():
                if item.leaving:
                    item.end(self._drained(item))
        for number in [item.id for item in self._replicas.values() if item.gone]:
            del self._replicas[number]
        if desired.fault and not self._failed and loaded:
            settled = True
        self._judge(desired, settled and loaded)
        self._write()

    def _services(self, desired: Desired) -> list[str]:
        names = [program.service for version in desired.versions for program in version.programs]
        names += [item.program.service for item in self._replicas.values()]
        return list(dict.fromkeys((*names, *self._weights)))

    def _standing(self, item: Replica) -> Standing:
        return Standing(item.id, item.program.service, item.version.bundle, item.healthy, item.leaving)

    def _start(self, desired: Desired, bundle: Digest, service: str) -> None:
        version = desired.version(bundle)
        program = next(item for item in version.programs if item.service == service) if version else None
        if version is None or program is None:
            return
        self._number += 1
        self._replicas[self._number] = Replica(
            self._number, version, program, desired, self._world, self._ports, self._wake.set
        )

    async def _spoil(self, desired: Desired) -> None:
        fault = desired.fault
        for item in self._replicas.values():
            if not item.leaving:
                await item.spoil(fault.kind if fault and item.version.bundle == fault.bundle else None)
        if fault and fault.kind == "crash" and time.monotonic() > self._crash_at:
            self._crash_at = time.monotonic() + faults.CRASH_SECONDS
            victims = [item for item in self._replicas.values() if item.version.bundle == fault.bundle and item.healthy]
            if victims:
                secrets.choice(victims).kill()

    def _judge(self, desired: Desired, settled: bool) -> None:
        if self._failed:
            return
        if settled:
            self._settled = desired.generation
        if self._settled == desired.generation:
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

    # ---- the router

    async def _route(self, desired: Desired) -> bool:
        """Bring the router to what it should do; whether it does."""
        if not desired.ports:
            return True
        await self._keep_router(desired)
        if self._router is None:
            return False
        wanted = self._wanted_routes(desired)
        if router.routes(wanted, self._mark) != self._routes:
            self._mark += 1
            self._routes = router.routes(wanted, self._mark)
            replace(self._world.routes, self._routes)
            self._loaded = False
        if not self._loaded:
            self._loaded = await self._load()
        return self._loaded

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

    async def _keep_router(self, desired: Desired) -> None:
        ports = (desired.admin_port, tuple(desired.ports.items()))
        if self._router is not None and (self._router.code() is not None or ports != self._router_ports):
            self._say("the router ended" if self._router.code() is not None else "the router gets other ports")
            await self._end_router()
        if self._router is None:
            static = router.write_static(self._world, desired.ports, desired.admin_port)
            if not self._world.routes.exists():
                replace(self._world.routes, router.routes((), 0))
            self._router = start(
                [router.program(), f"--configFile={static}"],
                cwd=self._world.root,
                env={WORLD_VARIABLE: self._world.mark, "HOME": str(self._world.root)},
            )
            self._router_ports = ports
            self._routes, self._loaded = b"", False
            self._admin = router.Admin(desired.admin_port)
            self._pump = asyncio.create_task(self._pumped(self._router))

    async def _load(self) -> bool:
        until = time.monotonic() + _LOAD_SECONDS
        nudge = time.monotonic() + _NUDGE_SECONDS
        while self._router and self._admin and self._router.code() is None and time.monotonic() < until:
            if await asyncio.to_thread(self._admin.loaded, self._mark):
                await asyncio.sleep(_SETTLE_SECONDS)
                return True
            if time.monotonic() > nudge:  # a file system that does not tell of changes
                self._router.signal(signal.SIGHUP)
                nudge = time.monotonic() + _NUDGE_SECONDS
            await asyncio.sleep(0.03)
        return False

    def _drained(self, item: Replica):  # type: ignore[no-untyped-def]
        """Whether the router has no request under way at this replica."""
        pid = self._router.pid if self._router else 0
        port = item.route

        def drained() -> bool:
            import psutil

            try:
                connections = psutil.Process(pid).net_connections("tcp")
            except psutil.Error:
                return True
            return not any(one.raddr and one.raddr.port == port and one.status != "TIME_WAIT" for one in connections)

        return drained

    async def _pumped(self, running: Running) -> None:
        log = LogFile(self._world.logs / "router.log")
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), running.output)
        try:
            while data := await reader.read(65_536):
                log.write(data)
            log.end()
        finally:
            transport.close()

    async def _end_router(self) -> None:
        running, self._router = self._router, None
        if running is None:
            return
        running.signal(signal.SIGTERM)
        for _ in range(100):
            if running.code() is not None:
                break
            await asyncio.sleep(0.05)
        running.signal(signal.SIGKILL)
        while running.code() is None:
            await asyncio.sleep(0.05)
        if self._pump:
            self._pump.cancel()

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
            router=self._router.pid if self._router else None,
            router_began=began(self._router.pid) if self._router else None,
            routes=sha256(self._routes) if self._routes else None,
            weights={name: value for name, value in self._weights.items() if name in desired.ports},
            replicas=tuple(
                item.seen(serving=bool(self._weights.get(item.program.service, {}).get(item.version.bundle)))
                for item in self._replicas.values()
            ),
        )
        if observed != self._last:
            self._last = observed
            self._world.saw(observed)

    async def _end(self) -> None:
        """Nothing is left: first the router takes no more requests, then the replicas go."""
        await self._end_router()
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
                    state="converged" if nothing else "stopped",
                    reason="" if nothing else "ended from outside",
                )
            )

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
        sys.stderr.flush()


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
