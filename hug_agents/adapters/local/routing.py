"""The router while it runs: started, given its routes, asked whether it has loaded them, started again when it ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

from hug_agents.adapters.local import router
from hug_agents.adapters.local.access_log import RouterLog
from hug_agents.adapters.local.launching import WORLD_VARIABLE
from hug_agents.adapters.local.log_file import pump, tail, widen
from hug_agents.adapters.local.state import Desired, World
from hug_agents.process import Running, start
from hug_agents.store import replace

_LOAD_SECONDS = 30.0
_NUDGE_SECONDS = 10.0
_SETTLE_SECONDS = 0.15
"""Between the router's word that it has loaded its routes and the last request that it began by the old ones."""
_MOST_ENDS = 4


class Routing:
    """Holds one router. Only what it has loaded counts as traffic moved."""

    def __init__(self, world: World) -> None:
        self.routes = b""
        self.problem = ""
        """Why it does not start; empty while that may yet come."""
        self._world = world
        self._running: Running | None = None
        self._ports: object = None
        self._entries: list[router.Entry] = []
        self._log = RouterLog(world.logs / "router.log")
        self._broken = 0
        self._pump: asyncio.Task[None] | None = None
        self._mark = time.time_ns() // 1_000_000
        self._loaded = False
        self._ends = 0
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """Of the router's process."""
        return self._running.pid if self._running else None

    def renew(self) -> None:
        """Write the routes again, whatever became of the file."""
        self.routes = b""

    async def bring(self, desired: Desired, wanted: list[router.Route]) -> bool:
        """Bring the router to these routes; whether it works by them."""
        if not desired.ports:
            return True
        await self._keep(desired)
        self._note_broken()
        if self._running is None:
            return False
        if router.routes(wanted, self._mark) != self.routes:
            self._mark += 1
            self.routes = router.routes(wanted, self._mark)
            replace(self._world.routes, self.routes)
            self._loaded = False
        if not self._loaded:
            self._loaded = await self._load()
        return self._loaded

    def drained(self, port: int | None) -> Callable[[], bool]:
        """Tells whether no request is under way at a replica's port: connections are closed with their request."""
        pid = self.pid or 0

        def no_connection() -> bool:
            import psutil

            try:
                connections = psutil.Process(pid).net_connections("tcp")
            except psutil.Error:
                return True
            return not any(one.raddr and one.raddr.port == port and one.status != "TIME_WAIT" for one in connections)

        return no_connection

    async def end(self) -> None:
        """End it; it answers what it has begun."""
        running, self._running = self._running, None
        if running is None:
            return
        running.signal(signal.SIGTERM)
        for _ in range(200):
            if running.code() is not None:
                break
            await asyncio.sleep(0.05)
        running.signal(signal.SIGKILL)
        while running.code() is None:
            await asyncio.sleep(0.05)
        if self._pump:
            self._pump.cancel()

    def _note_broken(self) -> None:
        number = sum(item.requests for item in self._log.broken.values())
        if number != self._broken:
            self._broken = number
            self._world.broke(self._log.broken)

    async def _keep(self, desired: Desired) -> None:
        ports = (desired.admin_port, tuple(desired.ports.items()))
        if self._running is not None and (code := self._running.code()) is not None:
            self._ends += 1
            self._not_before = time.monotonic() + min(10.0, self._ends)
            self._log.say(f"the router ended with code {code}")
            if self._ends >= _MOST_ENDS:
                said = "\n".join(tail(self._log.path, 4))
                self.problem = f"the router does not start; its last lines:\n{said}"
            await self.end()
        elif self._running is not None and ports != self._ports:
            await self.end()
        if self._running is None and time.monotonic() > self._not_before:
            self._broken = -1  # it counts anew, and so does this
            self._log.broken = {}
            static = router.write_static(self._world, desired.ports, desired.admin_port)
            if not self._world.routes.exists():
                replace(self._world.routes, router.routes((), 0))
            self._running = start(
                [router.program(), f"--configFile={static}"],
                cwd=self._world.root,
                env={WORLD_VARIABLE: self._world.mark, "HOME": str(self._world.root)},
            )
            self._ports = ports
            self._entries = [router.Entry(port) for pair in desired.ports.values() for port in pair]
            self.routes, self._loaded = b"", False
            widen(self._running.output)
            self._pump = asyncio.create_task(pump(self._running.output, self._log))

    async def _load(self) -> bool:
        until = time.monotonic() + _LOAD_SECONDS
        nudge = time.monotonic() + _NUDGE_SECONDS
        while self._running and self._running.code() is None and time.monotonic() < until:
            if await asyncio.to_thread(self._works):
                self._ends, self.problem = 0, ""
                await asyncio.sleep(_SETTLE_SECONDS)
                return True
            if time.monotonic() > nudge:  # a file system that does not tell of changes
                self._running.signal(signal.SIGHUP)
                nudge = time.monotonic() + _NUDGE_SECONDS
            await asyncio.sleep(0.03)
        return False

    def _works(self) -> bool:
        return all(entry.works_by(self._mark) for entry in self._entries)
