"""The `local` target: writes what is wanted, waits until the supervisor has seen it, and says how it went."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import parse_qsl

from hug_agents.adapters.local import lifetime, router
from hug_agents.adapters.local.access_log import with_broken
from hug_agents.adapters.local.drift import differences
from hug_agents.adapters.local.log_file import tail
from hug_agents.adapters.local.orders import alike, wanted
from hug_agents.adapters.local.ports import free_port
from hug_agents.adapters.local.programs import programs_of
from hug_agents.adapters.local.secret_file import secrets_of
from hug_agents.adapters.local.source import lay_out, nothing, take
from hug_agents.adapters.local.state import Desired, Engine, Observed, Version, World, short
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError, UsageError
from hug_agents.execute.faults import FaultKind
from hug_agents.execute.target import (
    Abilities,
    Counters,
    Drift,
    Observation,
    Outcome,
    PlanStale,
    SavedPlan,
    StrategyKind,
    Work,
)
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment
from hug_agents.store import Store, replace

_ENGINES: dict[str, Engine] = {"process": "process", "podman": "podman", "docker": "docker"}
_STRATEGIES: frozenset[StrategyKind] = frozenset(("rolling", "blue_green", "canary"))
_FAULTS: frozenset[FaultKind] = frozenset(("crash", "errors", "latency", "health", "config"))
_POLL = 0.05
_LONGEST_ENSURES = 4


class LocalTarget:
    """Runs the application whose source lies at a path, on this machine."""

    abilities = Abilities(strategies=_STRATEGIES, faults=_FAULTS)

    def __init__(self, rest: str, store: Store) -> None:
        place, _, options = rest.partition("?")
        chosen = dict(parse_qsl(options, keep_blank_values=True))
        unknown = sorted(chosen.keys() - {"engine", "ready"})
        if not place or unknown:
            raise UsageError(
                f"the target local has no option {unknown[0]!r}" if unknown else "the target local needs a source",
                where="target",
                hint="local:PATH, local:PATH?engine=podman, local:PATH?ready=120",
            )
        if os.name != "posix":
            raise UnsupportedError("the target local needs Linux or macOS", where="target")
        engine, ready = chosen.get("engine", "process"), chosen.get("ready", "60")
        if engine not in _ENGINES:
            raise UsageError(f"there is no engine {engine!r}", where="target", hint="process, podman or docker")
        if not ready.isdecimal() or not 1 <= int(ready) <= 3_600:
            raise UsageError(f"ready={ready!r} is no number of seconds", where="target", hint="1 to 3600")
        self._engine: Engine = _ENGINES[engine]
        self._ready = int(ready)
        self._source = Path(place).resolve()
        router.program()
        if self._engine != "process":
            from hug_agents.adapters.local.containers import check

            check(self._engine)
        self._store = store
        self.name = f"local:{self._source}" + (f"?{options}" if options else "")

    # ---- the contract

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Keep the source by digest, find every command and secret, and compare with what runs."""
        spec = blueprint.spec
        world = self._world(blueprint, environment.name)
        programs, left_out = programs_of(blueprint, environment, self._source, self._engine)
        for program in programs:
            secrets_of(program.secrets, environment.name, self._store.root)
        source = take(self._source, self._store) if self._engine == "process" else nothing(self._store)
        now = world.desired()
        there = now.versions if now else ()
        for version in there:
            if version.bundle == bundle.digest() and version.source != source:
                raise UsageError(
                    f"this very bundle runs in {environment.name} with another source",
                    where=str(self._source),
                    hint=f"raise the version of the application (it is {spec.version}): other files, another version",
                )
        others = tuple(item for item in there if item.bundle != bundle.digest())
        if previous and previous.digest() not in {item.bundle for item in there}:
            self._kept(world, previous)
        settings = {
            "source": source,
            "engine": self._engine,
            "folder": str(world.root),
            **{
                f"run-{item.service}"[:40].rstrip("-"): f"{item.replicas} x {' '.join(item.argv)}"[:2_000]
                for item in programs
            },
        }
        if left_out:
            settings["left-out"] = "; ".join(left_out)
        replicas = sum(item.replicas for item in programs)
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=" ".join(sorted(short(item.bundle) for item in others)) or "nothing",
            settings=settings,
            creates=0 if others else replicas,
            updates=replicas if others else 0,
        )

    def apply(self, work: Work) -> Outcome:
        """Want what the order says, and wait until it is seen. Raises PlanStale if a version runs that was not known."""
        self._mine(work)
        world = self._world(work.blueprint, work.order.environment.name)
        now = self._now(world, work)
        if work.order.action == "deploy":
            known = {work.plan.bundle, work.plan.previous}
            strange = [
                item
                for item in now.versions
                if item.bundle not in known and short(item.bundle) not in work.plan.base.split(" ")
            ]
            if strange:
                raise PlanStale(f"{short(strange[0].bundle)} runs there, which the plan did not know")
        return self._carry(world, work, now)

    def rollback(self, work: Work) -> Outcome:
        """The previous version is started if it is gone; it takes the traffic; then the new one goes."""
        self._mine(work)
        world = self._world(work.blueprint, work.order.environment.name)
        return self._carry(world, work, self._now(world, work))

    def observe(self, work: Work) -> Observation:
        """Whether what the order wants is wanted, and seen. A supervisor that is gone is started again."""
        self._mine(work)
        world = self._world(work.blueprint, work.order.environment.name)
        now = world.desired()
        if now is None:
            return Observation(state="not_done", evidence=f"nothing was ever wanted in {world.root.name}")
        goal = self._goal(world, work, now)
        if not alike(goal, now):
            return Observation(state="not_done", evidence=f"wanted there: {_told(now)}; ordered: {_told(goal)}")
        if now.versions:
            lifetime.ensure(world)
        seen = world.observed()
        if seen and seen.generation == now.generation and seen.state == "converged" and _current(now, seen):
            return Observation(state="done", evidence=f"seen: {_told(now)}")
        return Observation(
            state="partial", evidence=f"wanted: {_told(now)}; seen: {seen.state if seen else 'nothing yet'}"
        )

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Processes, shares, source and routes against the bundle that was put there."""
        world = self._world(blueprint, environment.name)
        found = differences(world, bundle.digest() if bundle else None, self._store)
        return Drift(status="drifted" if found else "none", changes=found[:100], evidence=f"folder {world.root}")

    # ---- what it can do besides

    def counters(self, blueprint: Blueprint, environment: Environment) -> tuple[Counters, ...]:
        """What the router has counted of the versions that are wanted or were lately."""
        world = self._world(blueprint, environment.name)
        now, seen = world.desired(), world.observed()
        if now is None or seen is None or not now.versions:
            return ()
        bundles = {item.bundle for item in now.versions} | {item.bundle for item in seen.replicas}
        bundles |= {bundle for weights in seen.weights.values() for bundle in weights}
        names = {router.name_of(service, bundle): (service, bundle) for service in now.ports for bundle in bundles}
        admin = router.Admin(now.admin_port, attempts=3)
        try:
            return with_broken(admin.counters(names), names, world.broken())
        finally:
            admin.close()

    def address(self, work: Work, service: str) -> str:
        """Through the router; before the version takes traffic, an entry of its own that is not counted."""
        world = self._world(work.blueprint, work.order.environment.name)
        now, seen = world.desired(), world.observed()
        bundle = work.order.bundle
        if now is None or seen is None or now.version(bundle) is None or service not in now.ports:
            raise UsageError(f"{service} of {short(bundle)} runs nowhere", where=work.order.environment.name)
        own, fresh = now.ports[service]
        taking = seen.weights.get(service, {}).get(bundle, 0) > 0
        if not taking and now.newest != bundle:
            raise UsageError(f"{service} of {short(bundle)} takes no traffic", where=work.order.environment.name)
        return f"http://127.0.0.1:{own if taking else fresh}"

    def logs(self, work: Work, lines: int = 200) -> str:
        """The last lines of every replica of the version."""
        world = self._world(work.blueprint, work.order.environment.name)
        files = sorted(world.logs.glob(f"*.{short(work.order.bundle)}.*.log"), key=lambda path: path.stat().st_mtime)
        each = max(1, lines // max(1, len(files)))
        said = []
        for path in files:
            service, _, number = path.name.removesuffix(".log").split(".")
            said += [f"{service}.{number} | {line}" for line in tail(path, each)]
        return "\n".join(said[-lines:])

    # ---- how

    def _world(self, blueprint: Blueprint, environment: str) -> World:
        return World(self._store.root, blueprint.spec.application, environment)

    def _mine(self, work: Work) -> None:
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)

    def _now(self, world: World, work: Work) -> Desired:
        """What is wanted now, with a port for every web service; nothing yet is written."""
        world.prepare()
        now = world.desired()
        spec = work.blueprint.spec
        if now is None:
            now = Desired(application=spec.application, environment=world.environment, admin_port=free_port())
        taken = {now.admin_port, *(port for pair in now.ports.values() for port in pair)}
        ports = dict(now.ports)
        for service in spec.web_services:
            if service.name not in ports:
                own = free_port(taken)
                fresh = free_port(taken | {own})
                taken |= {own, fresh}
                ports[service.name] = (own, fresh)
        return now.model_copy(update={"ports": ports, "engine": self._engine, "ready_seconds": self._ready})

    def _version(self, world: World, work: Work) -> Version:
        """The approved version, its source laid out."""
        source = work.plan.settings["source"]
        version = Version(bundle=work.bundle.digest(), label=work.blueprint.spec.version, source=source, programs=())
        folder = world.source(version)
        lay_out(source, self._store, folder)
        environment = next(
            item for item in work.blueprint.spec.environments if item.name == work.order.environment.name
        )
        programs, _ = programs_of(work.blueprint, environment, folder, self._engine)
        made = version.model_copy(update={"programs": programs})
        self._keep(world, made)
        return made

    def _keep(self, world: World, version: Version) -> None:
        """Note how a bundle is run: a rollback after its end needs it."""
        path = world.root / "versions" / f"{short(version.bundle)}.json"
        path.parent.mkdir(exist_ok=True, mode=0o700)
        data = version.model_dump_json(indent=1).encode()
        if not path.exists() or path.read_bytes() != data:
            replace(path, data)

    def _kept(self, world: World, bundle: Bundle) -> Version:
        """How a bundle was run. Raises UsageError if it never was, here."""
        path = world.root / "versions" / f"{short(bundle.digest())}.json"
        if not path.exists():
            raise UsageError(
                f"{short(bundle.digest())} never ran here, so there would be nothing to return to",
                where=str(world.root),
                hint="use the store that it was deployed from",
            )
        return Version.model_validate_json(path.read_bytes())

    def _goal(self, world: World, work: Work, now: Desired) -> Desired:
        here = now.version(work.bundle.digest()) if work.order.action == "rollback" else None
        new = here or self._version(world, work)  # on the way back nothing is made ready that is to go
        old = None
        if work.previous is not None:
            old = now.version(work.previous.digest())
            if old is None:
                old = self._kept(world, work.previous)
                lay_out(old.source, self._store, world.source(old))
        return wanted(work, now, new, old)

    def _carry(self, world: World, work: Work, now: Desired) -> Outcome:
        goal = self._goal(world, work, now)
        written = world.desired()
        seen = world.observed()
        failed = seen and written and seen.generation == written.generation and seen.state == "failed"
        if written is not None and alike(goal, written) and not failed:
            goal = written
        else:
            goal = goal.model_copy(update={"generation": (written.generation if written else 0) + 1})
            world.want(goal)
        for version in goal.versions:  # files of what runs already; moving the traffic does not wait for this
            lay_out(version.source, self._store, world.source(version))
        return self._wait(world, goal)

    def _wait(self, world: World, goal: Desired) -> Outcome:
        """Until the supervisor has seen it, or says that it cannot be."""
        replicas = sum(program.replicas for version in goal.versions for program in version.programs)
        limit = 60 + goal.ready_seconds * (replicas + 2) + (goal.drain_seconds + goal.grace_seconds) * (replicas + 2)
        until = time.monotonic() + limit
        ensured = 0
        check_at = 0.0
        while time.monotonic() < until:
            seen = world.observed()
            if seen and seen.generation == goal.generation:
                if seen.state == "converged" and _current(goal, seen):
                    return Outcome(status="done", detail=_told(goal), outputs=_outputs(goal))
                if seen.state == "failed":
                    return Outcome(status="failed", detail=seen.reason[:9_000])
            if time.monotonic() > check_at:
                check_at = time.monotonic() + 1
                if (goal.versions or not seen or seen.supervisor) and not lifetime.alive(world):
                    ensured += 1
                    if ensured > _LONGEST_ENSURES:
                        break
                    lifetime.ensure(world)
            time.sleep(_POLL)
        said = "\n".join(tail(world.logs / "supervisor.log", 12))
        return Outcome(status="failed", detail=f"the supervisor did not get there: {_told(goal)}\n{said}"[:9_000])


def _current(desired: Desired, seen: Observed) -> bool:
    """Whether who saw it is still there to hold it."""
    if not desired.versions:
        return seen.supervisor == 0
    return seen.supervisor > 0 and lifetime.began(seen.supervisor) == seen.began


def _told(desired: Desired) -> str:
    if not desired.versions:
        return "nothing runs"
    parts = [f"{item.label} ({short(item.bundle)}) {desired.percent(item.bundle)} %" for item in desired.versions]
    fault = f", spoiled by {desired.fault.kind}" if desired.fault else ""
    return ", ".join(parts) + fault


def _outputs(desired: Desired) -> dict[str, str]:
    if not desired.versions:
        return {}
    return {f"url-{service}"[:40].rstrip("-"): f"http://127.0.0.1:{own}" for service, (own, _) in desired.ports.items()}
