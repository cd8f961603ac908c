"""A small real application, its specs in several versions, and a local target to put them through."""

from __future__ import annotations

import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any

import hug_agents
from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.state import World
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Artifact, Bundle
from hug_agents.execute.target import Order, Outcome, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.spec import Build, DeploymentSpec, Environment, Service, Strategy
from hug_agents.store import Store

APP = """
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORD = "{word}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1.5)
        answer = (WORD + " " + os.environ["VERSION"] + " " + os.environ["ENVIRONMENT"] + " " + str(os.getpid())).encode()
        self.send_response(500 if "{broken}" == "errors" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *about):
        if self.path != "/healthz":
            print("asked for", self.path, flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


print("secret is", os.environ.get("API_KEY", "none"), flush=True)
if "{broken}" == "leak":
    import subprocess
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if "{broken}" == "start":
    print("cannot find my database", flush=True)
    sys.exit(3)
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CUT = """

class Cut:
    \"\"\"Half of the answers break off in the middle, but those that probes ask for.\"\"\"

    def __init__(self, app):
        self.app = app
        self.asked = 0

    async def __call__(self, scope, receive, send):
        self.asked += scope["type"] == "http" and scope["path"] != "/healthz"

        async def half(message):
            body = message.get("body", b"")
            if not body or scope["path"] == "/healthz" or self.asked % 2:
                return await send(message)
            await send({**message, "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionError("broken off")

        await self.app(scope, receive, half)


app.add_middleware(Cut)
"""
WORKER = """
import os, time
print("working on", os.environ["VERSION"], flush=True)
while True:
    time.sleep(0.2)
"""


def spec_of(
    version: str, kind: str = "rolling", *, replicas: int = 2, worker: bool = False, **more: Any
) -> DeploymentSpec:
    """One web service, by default rolling with two replicas."""
    steps = ({"weight": 20, "hold_seconds": 0}, {"weight": 100, "hold_seconds": 0}) if kind == "canary" else ()
    strategy = {"kind": kind, "steps": steps, "max_surge_percent": 50, **more.pop("strategy", {})}
    web = {"name": "web", "build": Build(), "port": 8080, "health_path": "/healthz", "command": ("python", "app.py")}
    services = [Service.model_validate({**web, "replicas": replicas, **more})]
    if worker:
        services.append(
            Service(name="mailer", kind="worker", build=Build(), command=("python", "worker.py"), replicas=1)
        )
    return DeploymentSpec(
        application="shop",
        version=version,
        services=tuple(services),
        environments=(Environment(name="staging", role="staging"), Environment(name="production", role="production")),
        strategy=Strategy.model_validate(strategy),
    )


@dataclass
class Release:
    """One version on its way: its spec, its bundle, its saved plan."""

    place: Place
    spec: DeploymentSpec
    previous: Release | None
    environment: Environment
    number: int
    saved: SavedPlan = field(init=False)

    def __post_init__(self) -> None:
        self.saved = self.place.target.plan(self.bundle, self.blueprint, self.environment, self.before)

    @property
    def blueprint(self) -> Blueprint:
        return plan(self.spec)

    @property
    def bundle(self) -> Bundle:
        note = Artifact(path="version.txt", content=self.spec.version + "\n", system="test")
        return Bundle(self.spec.digest(), [note])

    @property
    def before(self) -> Bundle | None:
        return self.previous.bundle if self.previous else None

    def work(self, action: str, weight: int = 100, **more: Any) -> Work:
        values = {
            "release": f"r{self.number}",
            "environment": self.saved.environment,
            "action": action,
            "weight": weight,
            "bundle": self.saved.bundle,
            "plan": self.saved.digest(),
            **more,
        }
        return Work(
            order=Order.model_validate(values),
            plan=self.saved,
            blueprint=self.blueprint,
            bundle=self.bundle,
            previous=self.before,
        )

    def do(self, action: str, weight: int = 100, **more: Any) -> Outcome:
        work = self.work(action, weight, **more)
        target = self.place.target
        return target.rollback(work) if action == "rollback" else target.apply(work)

    def roll_out(self) -> None:
        """Every step of its strategy, without the holds."""
        for step in self.blueprint.rollout.steps:
            if step.action != "analyse":
                done = self.do(step.action, step.weight, step=step.order)
                assert done.status == "done", done.detail

    def url(self) -> str:
        return self.place.target.address(self.work("deploy"), "web")  # type: ignore[no-any-return]


@dataclass
class Place:
    """A folder with an application, a store, and the target."""

    root: Path
    target: Any = None
    releases: int = 0

    def __post_init__(self) -> None:
        self.source.mkdir(parents=True)
        self.write("one")
        self.store = Store(self.root / "store")
        self.target = self.load()

    def load(self, options: str = "?ready=45") -> Any:
        return load_target(f"local:{self.source}{options}", self.store)

    @property
    def source(self) -> Path:
        return self.root / "app"

    def write(self, word: str, broken: str = "") -> None:
        (self.source / "app.py").write_text(APP.replace("{word}", word).replace("{broken}", broken))
        (self.source / "worker.py").write_text(WORKER)

    def release(
        self,
        version: str,
        kind: str = "rolling",
        previous: Release | None = None,
        *,
        where: str = "staging",
        **more: Any,
    ) -> Release:
        """A version with the word of its own number."""
        broken = more.pop("broken", "")
        self.write(version, broken)
        spec = spec_of(version, kind, **more)
        environment = next(item for item in spec.environments if item.name == where)
        self.releases += 1
        return Release(self, spec, previous, environment, self.releases)

    def world(self, environment: str = "staging") -> World:
        return World(self.store.root, "shop", environment)

    def clean(self) -> list[str]:
        """End everything; what was left running although it should not have been."""
        left = []
        for environment in ("staging", "production"):
            world = self.world(environment)
            if world.root.exists():
                lifetime.stop(world)
                left += processes_of(world)
        return left


class Demo(Place):
    """The shipped demo application in the place of the small one; `broken`: `cut`, as above."""

    def write(self, word: str, broken: str = "") -> None:
        copytree(Path(hug_agents.__file__).parent / "demo" / "payments-api", self.source, dirs_exist_ok=True)
        (self.source / "VERSION").write_text(word)
        if broken == "cut":
            with (self.source / "app" / "main.py").open("a") as file:
                file.write(CUT)


def processes_of(world: World) -> list[str]:
    """Command lines of every process that has to do with a world: by its mark, and by its folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    named = [line for line in listed if str(world.root) in line]
    return named + [line for line in listed if line.split()[0] in {str(pid) for pid in lifetime.processes(world)}]


def get(url: str, timeout: float = 10) -> str:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return str(answer.read().decode())


def words(url: str, times: int = 40) -> Counter[str]:
    """Who answered how often."""
    return Counter(get(url).split()[0] for _ in range(times))


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


@dataclass
class Load:
    """What a steady stream of requests met."""

    failures: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


@contextmanager
def load_on(url: str, threads: int = 3) -> Iterator[Load]:
    """Requests without a pause, one connection each, until the block ends."""
    load, over = Load(), threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                load.answers[get(url).split()[0]] += 1
            except (OSError, urllib.error.URLError) as error:
                load.failures.append(f"{time.strftime('%X')} {error}")
            time.sleep(0.005)

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield load
    finally:
        over.set()
        for worker in workers:
            worker.join()
