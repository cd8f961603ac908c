"""Seconds from the first bad answer of a faulty version to the last, while a governed release takes it to production.

The whole of it is real: people's keys, ledger, executor, analysis, and the target `local` with processes behind Traefik. A
version is good in staging and spoils answers in production alone. Only the gates are left out.

    python -m benchmarks recovery          one run a kind
    python -m benchmarks.recovery 20       so many runs, over the kinds in turn
    python -m benchmarks.recovery 4 hang   of these kinds only
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import power
from benchmarks.measure import Figure
from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.state import World
from hug_agents.bundle import Artifact, Bundle
from hug_agents.release import Release
from hug_agents.rollout.deployment import Trouble
from hug_agents.rollout.limits import tests_of
from hug_agents.rollout.looks import level
from hug_agents.spec import Analysis, DeploymentSpec
from hug_agents.store import Store
from hug_agents.validate import GateResult
from hug_agents.workflow import nodes
from tests.adapters.local.place import spec_of
from tests.governed import Site

INTERVAL = 2
"""Seconds between two looks."""
ALLOWED = INTERVAL + 2
HOLD = 20
WEIGHTS = (10, 50, 100)
RATE = 240
"""Requests a second."""
KINDS = ("errors-50", "errors-10", "errors-5", "hang", "crash", "latency-x5", "cut", "stall")
SETTLED = 3
"""Seconds of good answers after a release, before it is called over."""
APP = """
import os, random, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND = "{kind}" if os.environ["ENVIRONMENT"] == "production" else "good"
USUAL = 0.02
asked = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global asked
        health = self.path == "/healthz"
        bad = False
        if not health:
            asked += 1
            if KIND == "crash" and asked > 20:
                os._exit(1)
            if KIND == "hang" and random.random() < 0.5:
                time.sleep(60)
            bad = KIND.startswith("errors-") and random.random() < int(KIND[7:]) / 100
            time.sleep(USUAL * (5 if KIND == "latency-x5" else 1))
        half = KIND in ("cut", "stall") and not health and random.random() < 0.5
        self.send_response(500 if bad else 200)
        if half or (KIND == "latency-x5" and not health):
            self.send_header("Spoiled", "1")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"o" if half else b"ok\\n")
        if half:
            self.close_connection = True
            if KIND == "stall":
                time.sleep(60)

    def log_message(self, *about):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass
class Run:
    """One faulty version: moments in seconds since the epoch."""

    kind: str
    outcome: str = ""
    reason: str = ""
    moments: dict[str, float] = field(default_factory=dict)
    trail: list[tuple[float, str]] = field(default_factory=list)
    answers: int = 0
    bad: list[float] = field(default_factory=list)
    strays: int = 0
    """Not answered in time, and not by the faulty version: the machine is busy."""

    def tell(self, stage: str, detail: Any) -> None:
        """What the release says while it goes on."""
        self.trail.append((time.time(), f"{stage} {detail if isinstance(detail, str) else ''}".strip()))
        if stage == "trouble" and isinstance(detail, Trouble):
            self.moments.setdefault("noticed", time.time())
            self.reason = detail.reason

    @property
    def seconds(self) -> float:
        """First bad answer to last."""
        return self.bad[-1] - self.bad[0] if self.bad else 0.0

    @property
    def until_noticed(self) -> float:
        """First bad answer to the word that the rollout must not go on."""
        return self.moments.get("noticed", math.nan) - self.bad[0] if self.bad else math.nan

    @property
    def until_ended(self) -> float:
        """First bad answer to the end of the release: rolled back, verified, explained."""
        return self.moments["ended"] - self.bad[0] if self.bad else math.nan


class Shop(Site):
    """A site with the real clock and the real target."""

    @property
    def common(self) -> dict[str, Any]:
        return {"store": self.store, "policy": self.policy_file}

    @property
    def source(self) -> Path:
        return self.root / "app"

    def release(self, kind: str, number: int, **more: Any) -> Release:
        """Start the release of a version that is spoilt in this way."""
        self.source.mkdir(exist_ok=True)
        (self.source / "app.py").write_text(APP.replace("{kind}", kind))
        spec = _spec(number)
        Store(self.store).put_model(spec)
        bundle = Bundle(spec.digest(), [Artifact(path="version.txt", content=spec.version + "\n", system="test")])
        return self.start(bundle, target=f"local:{self.source}", model="offline", **more)

    def clean(self) -> None:
        """End everything."""
        for environment in ("staging", "production"):
            world = World(self.store, "shop", environment)
            if world.root.exists():
                lifetime.stop(world)

    @property
    def url(self) -> str:
        """Where production answers."""
        desired = World(self.store, "shop", "production").desired()
        assert desired is not None
        return f"http://127.0.0.1:{desired.ports['web'][0]}"


def figures(runs: int = len(KINDS), kinds: tuple[str, ...] = KINDS) -> Iterator[Figure]:
    """The 95th percentile of all runs against one interval and 2 s."""
    done = measured(runs, kinds)
    print(table(done), file=sys.stderr)
    print(f"\n{power.said(0.05, WEIGHTS[0] / 100, RATE, _level(), ALLOWED)}", file=sys.stderr)
    missed = [run.kind for run in done if run.outcome != "rolled_back"]
    yield Figure("faulty versions not rolled back", len(missed), 0, ", ".join(missed))
    seconds = sorted(run.seconds for run in done)
    p95 = seconds[math.ceil(0.95 * len(seconds)) - 1]
    within = sum(item <= ALLOWED for item in seconds)
    detail = f"{within} of {len(done)} runs within {ALLOWED} s; median {statistics.median(seconds):.2f} s"
    yield Figure("first bad answer to last, 95th percentile, s", p95, ALLOWED, detail)


def measured(runs: int, kinds: tuple[str, ...]) -> list[Run]:
    """So many faulty versions, one after the other, over the kinds in turn, each against the same good one."""
    gates = nodes.run_gates  # type: ignore[attr-defined]
    nodes.run_gates = lambda *_, **__: (GateResult(name="left out", tool="", status="passed"),)  # type: ignore[attr-defined]
    try:
        with tempfile.TemporaryDirectory() as name:
            shop = Shop(Path(name) / "site")
            try:
                good = shop.release("good", 0)
                # It is compared with nothing, so it is judged by little: what matters is what comes after it.
                shop.until(good, "production_go_no_go")
                with _asking_soon(shop, Path(name) / "load-0"):
                    assert shop.approve(good).outcome == "released", good.status()
                return [_one(shop, kinds[number % len(kinds)], number + 1, Path(name)) for number in range(runs)]
            finally:
                shop.clean()
    finally:
        nodes.run_gates = gates  # type: ignore[attr-defined]


def _one(shop: Shop, kind: str, number: int, folder: Path) -> Run:
    run = Run(kind)
    release = shop.release(kind, number, progress=run.tell)
    shop.until(release, "production_go_no_go")
    log = folder / f"load-{number}"
    with _asking(shop.url, log):
        status = shop.approve(release)
        run.moments["ended"] = time.time()
        time.sleep(SETTLED)
    world = World(shop.store, "shop", "production")
    for what, path in (("wanted", world.root / "desired.json"), ("routes", world.routes)):
        run.trail.append((path.stat().st_mtime, f"{path.name} was written"))
        run.moments[what] = path.stat().st_mtime
    run.outcome = status.outcome or f"{status.stage}: {status.notice}"
    for line in log.read_text().splitlines():
        at, said, _ = line.split(" ")
        run.answers += 1
        # Who hangs says nothing, and where an answer breaks off the router hands on not even its head.
        silent = {"hang": "1", "cut": "0"}.get(kind)
        if said.startswith("5") or said.endswith("!") or said == silent:
            run.bad.append(float(at))
        elif said != "200":
            run.strays += 1
    run.bad.sort()
    print(_row(run), file=sys.stderr, flush=True)
    for moment, what in sorted(run.trail) if run.bad else ():
        if moment > run.bad[0] - 5:
            print(f"{moment - run.bad[0]:8.2f} {what}", file=sys.stderr)
    return run


def _spec(number: int) -> DeploymentSpec:
    steps = [{"weight": weight, "hold_seconds": HOLD if number else 1} for weight in WEIGHTS]
    strategy = {"steps": steps, "keep_old_seconds": 0}
    spec = spec_of(f"1.{number}.0", "canary", replicas=2, strategy=strategy)
    return spec.model_copy(update={"analysis": Analysis(interval_seconds=INTERVAL, min_requests=20)})


def _level() -> float:
    spec = _spec(1)
    return level(spec, tests_of(spec), 1, 1)


@contextmanager
def _asking(url: str, log: Path) -> Iterator[None]:
    """A client for as long as the block takes."""
    argv = [sys.executable, "-m", "benchmarks.load", url, str(RATE), str(log)]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        client.communicate()


@contextmanager
def _asking_soon(shop: Shop, log: Path) -> Iterator[None]:
    """The same before there is anything that answers: from when its port is known."""
    import threading

    over = threading.Event()

    def ask() -> None:
        world = World(shop.store, "shop", "production")
        while not over.is_set() and world.desired() is None:
            time.sleep(0.1)
        if not over.is_set():
            with _asking(shop.url, log):
                over.wait()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _row(run: Run) -> str:
    values = (run.seconds, run.until_noticed, run.seconds - run.until_noticed, run.until_ended)
    numbers = "".join(f"{value:>10.2f}" for value in values)
    return f"{run.kind:<12}{run.answers:>9,}{len(run.bad):>7}{run.strays:>7}{numbers}  {run.outcome}: {run.reason[:90]}"


def table(runs: list[Run]) -> str:
    """Every run, by kind."""
    heads = ("first-last", "noticed", "then back", "all over")
    head = f"{'':<12}{'answers':>9}{'bad':>7}{'strays':>7}" + "".join(f"{item:>10}" for item in heads)
    return "\n".join(["", head, *(_row(run) for run in sorted(runs, key=lambda run: KINDS.index(run.kind)))])


if __name__ == "__main__":
    chosen = tuple(sys.argv[2:]) or KINDS
    for figure in figures(int(sys.argv[1]) if len(sys.argv) > 1 else len(chosen), chosen):
        print(figure, flush=True)
