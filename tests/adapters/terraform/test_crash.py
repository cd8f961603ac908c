"""Killed, interrupted, out of time, locked: what is there afterwards, and what is said about it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hug_agents.bundle import Bundle
from hug_agents.errors import EnvironmentBusy, ProcessError
from hug_agents.execute.target import PlanStale, Work
from tests.adapters.terraform.roots import BLUEPRINT, PLAIN, STAGING, Bench, eventually, needs_terraform, root, words

pytestmark = [
    needs_terraform,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="/proc is needed to find what was started"),
]


class Backend(ThreadingHTTPServer):
    """A state over HTTP. While `broken`, it takes none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.state = b""
        self.broken = False

    @property
    def root(self) -> Bundle:
        """A root whose state is here."""
        address = f"http://127.0.0.1:{self.server_port}/state"
        return root(
            f'terraform {{\n  backend "http" {{\n    address   = "{address}"\n    retry_max = 0\n  }}\n}}\n{PLAIN}'
        )


class Answers(BaseHTTPRequestHandler):
    server: Backend

    def do_GET(self) -> None:
        self._answer(200 if self.server.state else 404, self.server.state)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.broken:
            self.server.state = body
        self._answer(500 if self.server.broken else 200)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


CHILD = """
import sys
from pathlib import Path
from hug_agents.execute.target import SavedPlan
from tests.adapters.terraform.roots import Bench
bench = Bench(Path(sys.argv[1]))
bundle = bench.store.get_bundle(sys.argv[2])
saved = bench.store.get_model(SavedPlan, sys.argv[3])
print(bench.target.apply(bench.work(saved, bundle)).status, flush=True)
"""


def waiting(signs: Path) -> Bundle:
    """A root whose second resource is made once the file `go` is there."""
    return root(
        'resource "terraform_data" "first" {\n  input = 1\n}\n'
        'resource "terraform_data" "slow" {\n  depends_on = [terraform_data.first]\n'
        '  provisioner "local-exec" {\n'
        f'    command = "echo made >> {signs}/made; while [ ! -e {signs}/go ]; do sleep 0.1; done"\n  }}\n}}\n'
    )


def at_work(place: Path) -> list[int]:
    """The processes that stand in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink().is_relative_to(place) and "State:\tZ" not in (entry / "status").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def quiet(place: Path) -> bool:
    """Nobody is at work in a folder, and nobody who is about to end holds its lock any more."""
    with (place / "lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return not at_work(place)


class Stage:
    """An apply by another process, caught in the middle."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder, "lock_seconds = 0\n")
        self.signs = folder / "signs"
        self.signs.mkdir()
        self.bundle = waiting(self.signs)
        self.saved = self.bench.plan(self.bundle)
        digest = self.bench.store.put_model(self.saved)
        self.child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), self.bundle.digest(), digest],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: (self.signs / "made").exists() or self.child.poll() is not None)
        assert self.child.poll() is None, self.child.communicate()

    @property
    def job(self) -> Work:
        return self.bench.work(self.saved, self.bundle)

    def go(self) -> None:
        (self.signs / "go").touch()

    def made(self) -> int:
        return (self.signs / "made").read_text().count("made")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    value = Stage(tmp_path)
    yield value
    value.go()
    value.child.kill()
    value.child.communicate()
    for pid in at_work(value.bench.place):
        os.kill(pid, signal.SIGKILL)


def test_killed_while_terraform_lives_on(stage: Stage) -> None:
    stage.child.kill()
    stage.child.communicate()
    assert at_work(stage.bench.place), "a Terraform that works is not cut off"
    for ask in (stage.bench.target.observe, stage.bench.target.apply):
        with pytest.raises(EnvironmentBusy, match="a process is at work in staging"):
            ask(stage.job)
    assert stage.bench.target.drift(stage.bundle, BLUEPRINT, STAGING).status == "unknown"
    stage.go()
    eventually(lambda: quiet(stage.bench.place))
    seen = stage.bench.target.observe(stage.job)
    assert seen.state == "done", seen.evidence
    assert stage.made() == 1, "nothing was done twice"
    assert stage.bench.target.drift(stage.bundle, BLUEPRINT, STAGING).status == "none"


def test_killed_with_its_terraform(stage: Stage) -> None:
    stage.child.kill()
    stage.child.communicate()
    for pid in at_work(stage.bench.place):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: quiet(stage.bench.place))
    seen = stage.bench.target.observe(stage.job)
    assert seen.state == "unknown", seen.evidence
    assert "the creation of terraform_data.slow was begun" in seen.evidence
    with pytest.raises(PlanStale):
        stage.bench.target.apply(stage.job)
    for said in (stage.bench.place / "runs").glob("*.jsonl"):
        said.unlink()  # what a person says instead of it has its own tests
    assert stage.bench.target.observe(stage.job).state == "partial"
    with pytest.raises(PlanStale):
        stage.bench.target.apply(stage.job)
    stage.go()
    fresh = stage.bench.plan(stage.bundle)
    assert fresh.creates == 1, "the first was recorded"
    assert stage.bench.target.apply(stage.bench.work(fresh, stage.bundle)).status == "done"


def test_interrupted(stage: Stage) -> None:
    stage.child.send_signal(signal.SIGINT)
    _, said = stage.child.communicate(timeout=100)
    assert "KeyboardInterrupt" in said
    eventually(lambda: quiet(stage.bench.place), 10)
    log = stage.bench.target.logs(stage.job)
    assert "Interrupt received" in log
    assert "Two interrupts" not in log, "Terraform ended by itself"
    seen = stage.bench.target.observe(stage.job)
    assert seen.state == "partial", seen.evidence
    assert "terraform_data.slow" in seen.evidence


def test_killed_before_it_changed_anything(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bundle = words("one")
    saved = bench.plan(bundle)
    job = bench.work(saved, bundle)
    run = bench.place / "runs" / f"{job.order.key.removeprefix('sha256:')}.jsonl"
    run.write_text('{"@level":"info","@message":"Terraform","type":"version"}\n')
    assert bench.target.observe(job).state == "not_done"
    assert bench.target.apply(job).status == "done"
    assert not run.exists()


def test_what_was_made_and_never_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bundle = words("one")
    job = bench.work(bench.plan(bundle), bundle)
    run = bench.place / "runs" / f"{job.order.key.removeprefix('sha256:')}.jsonl"
    hook = {"resource": {"addr": "terraform_data.greeting"}, "action": "create"}
    rows = [{"type": kind, "hook": hook} for kind in ("apply_start", "apply_complete")]
    run.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seen = bench.target.observe(job)
    assert seen.state == "unknown", "the state was lost with the process; making it again would make it twice"
    rows[1]["type"] = "apply_errored"
    run.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert bench.target.observe(job).state == "partial"


def test_out_of_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "apply_seconds = 2\n")
    signs = tmp_path / "signs"
    signs.mkdir()
    bundle = waiting(signs)
    outcome = bench.target.apply(bench.work(bench.plan(bundle), bundle))
    assert outcome.status == "failed"
    assert "stopped after 2 s" in outcome.detail
    eventually(lambda: quiet(bench.place), 10)  # it hears of the signal itself; its last child ends a moment later
    assert (
        "Interrupt received" in bench.target.logs(bench.work(bench.plan(bundle), bundle))
        or signs.joinpath("made").exists()
    )


HOLDER = """
import fcntl, sys
with open(sys.argv[1], "r+") as state:
    fcntl.lockf(state, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_held_state_lock(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "lock_seconds = 0\n")
    bench.deploy(words("one"))
    bundle = words("two")
    job = bench.work(bench.plan(bundle), bundle)
    state = bench.place / "terraform.tfstate"
    before = state.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for attempt in (
            lambda: bench.plan(bundle),
            lambda: bench.target.apply(job),
            lambda: bench.target.observe(job),
        ):
            with pytest.raises(EnvironmentBusy, match="state of staging is locked by another"):
                attempt()
        assert bench.target.drift(words("one"), BLUEPRINT, STAGING).status == "unknown"
        holder.communicate("")
    assert state.read_bytes() == before
    assert bench.target.observe(job).state == "not_done"
    assert bench.target.apply(job).status == "done"


def test_a_state_that_its_backend_does_not_take(tmp_path: Path, backend: Backend) -> None:
    """What was made is known by this file alone: it outlives the next look, and is written before anything else."""
    bench = Bench(tmp_path)
    job = bench.work(bench.plan(backend.root), backend.root)
    backend.broken = True
    with pytest.raises(ProcessError, match="the state of what was done could not be written"):
        bench.target.apply(job)
    kept = bench.place / "errored.tfstate"
    assert kept.stat().st_mode & 0o777 == 0o600
    seen = bench.target.observe(job)
    assert (seen.state, "is still refused" in seen.evidence) == ("unknown", True)
    assert bench.target.drift(backend.root, BLUEPRINT, STAGING).status == "unknown"
    backend.broken = False
    seen = bench.target.observe(job)
    assert (seen.state, "1 of 1 changes ended" in seen.evidence) == ("done", True)
    assert not kept.exists()
    assert bench.target.drift(backend.root, BLUEPRINT, STAGING).status == "none"


def test_a_state_that_was_left_by_a_terraform_that_outlived_us(tmp_path: Path, backend: Backend) -> None:
    bench = Bench(tmp_path)
    job = bench.work(bench.plan(backend.root), backend.root)
    bench.target.apply(job)
    made, backend.state = backend.state, b""
    below = bench.place / "work" / "infrastructure" / "terraform" / "environments" / "staging"
    (below / "errored.tfstate").write_bytes(made)
    assert bench.target.observe(job).state == "done"
    newer = {**json.loads(made), "serial": json.loads(made)["serial"] + 7}
    backend.state = json.dumps(newer).encode()
    (below / "errored.tfstate").write_bytes(made)
    seen = bench.target.drift(backend.root, BLUEPRINT, STAGING)
    assert (seen.status, "is still refused" in seen.evidence) == ("unknown", True)
    assert json.loads(backend.state)["serial"] == newer["serial"], "a newer state is not overwritten"
    assert (bench.place / "errored.tfstate").read_bytes() == made


def test_what_a_stopped_provisioner_started_ends_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "apply_seconds = 3\n")
    bundle = root(
        'resource "terraform_data" "slow" {\n  provisioner "local-exec" {\n    command = "sleep 300; true"\n  }\n}\n'
    )
    job = bench.work(bench.plan(bundle), bundle)
    outcome = bench.target.apply(job)
    assert (outcome.status, outcome.detail[:15]) == ("failed", "stopped after 3")
    assert bench.target.observe(job).state == "partial", "nobody holds the folder any more"
