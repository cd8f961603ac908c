"""One replica: its process is started, asked for its health, started again when it ends, and ended in the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hug_agents.adapters.local import containers, faults, launching, lifetime
from hug_agents.adapters.local.log_file import LogFile, pump, tail
from hug_agents.adapters.local.ports import free_port
from hug_agents.adapters.local.state import Desired, Fault, Program, Seen, Version, World, short
from hug_agents.errors import HttpError, HugError
from hug_agents.execute.faults import FaultKind
from hug_agents.http import Http
from hug_agents.process import Running, start
from hug_agents.spec import CONTROL

_BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_STARTING_EVERY = 0.15
_HEALTHY_EVERY = 1.0
_FAILURES = 3
"""So many failed health checks in a row take a replica out of the traffic."""
_CHECK_SECONDS = 2.0
_WEIGH_EVERY = 2.0


@dataclass
class Ports:
    """Ports handed out by one supervisor."""

    taken: set[int] = field(default_factory=set)

    def one(self) -> int:
        port = free_port(self.taken)
        self.taken.add(port)
        return port

    def back(self, *ports: int | None) -> None:
        self.taken.difference_update(port for port in ports if port)


class Replica:
    """Runs from its making until `end`. Everything happens on the supervisor's loop."""

    def __init__(
        self,
        number: int,
        version: Version,
        program: Program,
        desired: Desired,
        world: World,
        ports: Ports,
        changed: Callable[[], None],
        *,
        gives_way: bool = False,
    ) -> None:
        self.id = number
        self.version = version
        self.program = program
        self.leaving = False
        self.made = time.monotonic()
        self.ended_before_healthy = 0
        self.restarts = 0
        self.port: int | None = None
        self.detail = ""
        self._world, self._desired, self._ports, self._changed = world, desired, ports, changed
        self._gives_way, self._low = gives_way, False
        self._running: Running | None = None
        self._began: float | None = None
        self._name = ""
        self._healthy = False
        self._was_healthy = False
        self._fault: FaultKind | None = None
        self._proxy: faults.FaultProxy | None = None
        self._http: Http | None = None
        self._health_port: int | None = None
        self._log = LogFile(world.logs / f"{program.service}.{short(version.bundle)}.{number}.log")
        self._life = asyncio.create_task(self._live())
        self._going: asyncio.Task[None] | None = None

    # ---- what others see

    @property
    def healthy(self) -> bool:
        """It runs, and its last health checks were good."""
        return self._healthy and not self.leaving

    def starting(self, seconds: float) -> bool:
        """It was made in these last seconds, and has not been healthy yet."""
        new = not self._was_healthy and not self.leaving and self.ended_before_healthy == 0
        return new and time.monotonic() < self.made + seconds

    @property
    def route(self) -> int | None:
        """Where the router finds it, or found it last."""
        return self._proxy.port if self._proxy else self.port

    @property
    def gone(self) -> bool:
        """Its end is over."""
        return self._going is not None and self._going.done()

    def seen(self, *, serving: bool) -> Seen:
        """As a supervisor writes it down."""
        state = "starting"
        if self.leaving:
            state = "draining"
        elif self._running is None:
            state = "waiting" if self.restarts or self.detail else "starting"
        elif self._healthy:
            state = "healthy"
        elif (
            self.ended_before_healthy == 0
            and self.detail
            and self.restarts == 0
            and self._was_healthy
            or self._was_healthy
        ):
            state = "unhealthy"
        return Seen.model_validate(
            {
                "service": self.program.service,
                "bundle": self.version.bundle,
                "number": self.id,
                "state": state,
                "serving": serving,
                "pid": self._running.pid if self._running else None,
                "began": self._began,
                "port": self.route,
                "restarts": self.restarts,
                "detail": CONTROL.sub(" ", self.detail)[:500],
            }
        )

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(tail(self._log.path, lines))

    # ---- what a supervisor does with it

    async def spoil(self, fault: Fault | None) -> None:
        """Put a fault on it, or take it away."""
        kind = fault.kind if fault else None
        if kind == self._fault:
            return
        before, self._fault = self._fault, kind
        self._log.say(f"drill: {kind}" if kind else "drill over")
        if self._proxy:
            self._proxy.close()
            self._proxy = None
        if fault and kind in faults.PROXIED and self.program.kind == "web":
            proxy = faults.FaultProxy(fault.kind, self.program.health_path, fault.late_ms)
            await proxy.open(self._ports.one())
            proxy.target = self.port or 0
            self._proxy = proxy
            self._http = None
        if "config" in (before, kind):
            self.kill()
        self._changed()

    def kill(self) -> None:
        """End its process at once; it is started again as after any end."""
        if self._running:
            self._running.signal(signal.SIGKILL)

    def end(self, drained: Callable[[], bool] | None) -> None:
        """End it for good: once `drained` says so, or the time for it is over. None: now."""
        self._going = self._going or asyncio.create_task(self._go(drained))

    async def _go(self, drained: Callable[[], bool] | None) -> None:
        if drained and self.program.kind == "web":
            until = time.monotonic() + self._desired.drain_seconds
            quiet = 0
            while quiet < 3 and time.monotonic() < until:
                await asyncio.sleep(0.1)
                quiet = quiet + 1 if await asyncio.to_thread(drained) else 0
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life
        if self._running:
            await self._stop(self._running)
        if self._proxy:
            self._proxy.close()
        self._log.end()
        self._ports.back(self.port, self._health_port)
        self._changed()

    async def _stop(self, running: Running) -> None:
        """SIGTERM to the program and its children, and SIGKILL after the time of grace."""
        if self._desired.engine != "process":
            grace = self._desired.grace_seconds
            await asyncio.to_thread(containers.remove, self._desired.engine, self._world, self._name, grace=grace)
        running.signal(signal.SIGTERM)
        until = time.monotonic() + self._desired.grace_seconds
        while running.code() is None and time.monotonic() < until:
            await asyncio.sleep(0.05)
        running.signal(signal.SIGKILL)
        while running.code() is None:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(lifetime.end_left, self._world, self._name)
        self._running = None

    # ---- its life

    async def _live(self) -> None:
        while True:
            try:
                running = self._start()
            except HugError as error:
                self.detail = str(error)
                self._log.say(self.detail)
            else:
                await self._watch(running)
            self._healthy = False
            self.restarts += 1
            self.ended_before_healthy += 1
            self._changed()
            await asyncio.sleep(_BACKOFF[min(self.ended_before_healthy, len(_BACKOFF)) - 1])

    def _start(self) -> Running:
        web = self.program.kind == "web"
        self._ports.back(self.port, self._health_port)
        self.port = self._ports.one() if web else None
        self._health_port = self._ports.one() if web and self.program.own_health_port else None
        self._name = f"{self.program.service}-{self.id}-{self.restarts}"
        launch = launching.launch_of(
            self.program, self.version, self._desired, self._world, port=self.port, health_port=self._health_port,
            name=self._name, broken=self._fault == "config",
        )  # fmt: skip
        self._log.secrets = launch.secrets
        running = start(launch.argv, cwd=launch.folder, env=launch.env, limits=launch.limits, nice=launch.nice)
        self._running, self._began, self._http = running, _began(running.pid), None
        # Until it is healthy it takes what those that answer leave of the processors.
        self._low = self._gives_way and launching.prioritise(running.pid, launching.STARTING_NICE)
        if self._proxy:
            self._proxy.target = self.port or 0
        self._log.say(f"started as process {running.pid}" + (f" on port {self.port}" if self.port else ""))
        self._changed()
        return running

    async def _watch(self, running: Running) -> None:
        """Until it ends."""
        pumped = asyncio.create_task(pump(running.output, self._log))
        check = asyncio.create_task(self._check(running))
        try:
            weigh_at = time.monotonic() + _WEIGH_EVERY
            while (code := running.code()) is None:
                await asyncio.sleep(0.05)
                if time.monotonic() > weigh_at:
                    weigh_at = time.monotonic() + _WEIGH_EVERY
                    self._weigh(running)
            running.signal(signal.SIGKILL)  # what it left running
            await asyncio.to_thread(lifetime.end_left, self._world, self._name)
            if self._desired.engine != "process":
                await asyncio.to_thread(containers.remove, self._desired.engine, self._world, self._name, grace=0)
            self._running, self._healthy = None, False
            said = f"ended with {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            self.detail = f"{said}; {self.detail}" if self.detail.startswith("used ") else said
            self._changed()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pumped), 1)
            self._log.say(self.detail)
        finally:
            check.cancel()
            pumped.cancel()

    async def _check(self, running: Running) -> None:
        failures = 0
        healthy_since = 0.0
        while True:
            problem = await self._problem()
            if problem and self._healthy and failures + 1 < _FAILURES:
                failures += 1
                await asyncio.sleep(_STARTING_EVERY)
                continue
            failures = 0
            now = time.monotonic()
            if (problem is None) != self._healthy:
                self._healthy = problem is None
                self._was_healthy = self._was_healthy or self._healthy
                self._log.say("healthy" if self._healthy else f"not healthy: {problem}")
                healthy_since = now
                self._changed()
            if self._healthy and self._low:
                self._low = not launching.prioritise(running.pid, launching.USUAL_NICE)
            if self._healthy and now - healthy_since > _BACKOFF[-1]:
                self.ended_before_healthy = 0
            if not self.detail.startswith("used "):
                self.detail = problem or ""
            await asyncio.sleep(_HEALTHY_EVERY if self._healthy else _STARTING_EVERY)

    async def _problem(self) -> str | None:
        """Why it is not healthy. A worker is, once it has run for a moment."""
        if self.program.kind == "worker":
            await asyncio.sleep(_HEALTHY_EVERY)
            return None
        through_proxy = self._proxy is not None and self._fault == "health"
        port = self._proxy.port if through_proxy and self._proxy else self._health_port or self.port
        path = self.program.health_path
        if path is None:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), _CHECK_SECONDS)
                writer.close()
            except (OSError, TimeoutError):
                return f"nothing listens on port {port}: does it read the variable PORT?"
            return None
        if self._http is None:
            self._http = Http(f"http://127.0.0.1:{port}", attempts=1, timeout=_CHECK_SECONDS)
        try:
            await asyncio.to_thread(self._http.get, path)
        except HttpError as error:
            return f"{path} answers {error.what}" if error.status else f"{path} on port {port}: {error.what}"
        return None

    def _weigh(self, running: Running) -> None:
        used = launching.memory_mib(running.pid)
        if used > self.program.memory_mib:
            self.detail = f"used {used} MiB of memory, more than its {self.program.memory_mib}"
            self.kill()


def _began(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
