"""Secrets, limits, logs, workers, and the demo application as it ships."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from shutil import copytree

import psutil
import pytest

from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.log_file import LOG_BYTES, LogFile, tail
from hug_agents.errors import UsageError
from hug_agents.process import start
from hug_agents.spec import SecretRef
from tests.adapters.local.place import Place, get, load_on, until, words
from tests.adapters.local.test_programs import DEMO

SECRET = "correct-horse-battery"
API_KEY = SecretRef(name="API_KEY", key="shop/api-key")


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "secrets.env"
    file.write_text(f"# ours\nshop/api-key=not-this\nstaging/shop/api-key='{SECRET}'\n")
    file.chmod(0o600)
    monkeypatch.setenv("HUG_AGENTS_LOCAL_SECRETS", str(file))
    return file


def test_a_secret_reaches_the_process_and_nothing_else(place: Place, secrets: Path) -> None:
    first = place.release("1.0.0", secrets=(API_KEY,))
    first.roll_out()
    assert "secret is ***" in place.target.logs(first.work("deploy"))
    seen = place.world().observed()
    assert seen is not None
    environ = Path(f"/proc/{seen.replicas[0].pid}/environ").read_text()
    assert f"API_KEY={SECRET}" in environ
    for path in place.store.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in first.saved.model_dump_json()


def test_secrets_that_are_missing_or_lie_open(place: Place, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SecretRef(name="DB", key="shop/db")
    with pytest.raises(UsageError, match=r"no value for the secret DB \(key shop/db\)"):
        place.release("1.0.0", secrets=(API_KEY, other))
    secrets.chmod(0o644)
    with pytest.raises(UsageError, match="others can read"):
        place.release("1.0.0", secrets=(API_KEY,))
    inside = place.store.root / "secrets.env"
    inside.write_text("shop/api-key=x\n")
    monkeypatch.setenv("HUG_AGENTS_LOCAL_SECRETS", str(inside))
    with pytest.raises(UsageError, match="lies in the store"):
        place.release("1.0.0", secrets=(API_KEY,))


def test_memory_beyond_the_limit_ends_a_replica(place: Place) -> None:
    first = place.release("1.0.0", replicas=1, resources={"memory_mib": 64})
    place.source.joinpath("greedy.py").write_text("import app_data\n")
    first.roll_out()
    greedy = place.release(
        "2.0.0", "canary", first, replicas=1, resources={"memory_mib": 64},
        command=("python", "-c", "held = bytearray(150 << 20); import time; time.sleep(1000)"),
    )  # fmt: skip
    failed = greedy.do("deploy", 0)
    assert failed.status == "failed"
    assert "more than its 64" in place.target.logs(greedy.work("deploy"))
    assert words(first.url()) == {"1.0.0": 40}


def test_limits_hold_in_the_program(tmp_path: Path) -> None:
    limits = {"RLIMIT_NOFILE": 256, "RLIMIT_CORE": 0}
    code = (
        "import os, resource as r; print(r.getrlimit(r.RLIMIT_NOFILE)[0], r.getrlimit(r.RLIMIT_CORE)[0], "
        "os.nice(0), os.getpgid(0) == os.getpid())"
    )
    before = os.nice(0)
    running = start([sys.executable, "-c", code], cwd=tmp_path, env={"PATH": os.defpath}, limits=limits, nice=3)
    said = running.output.read().decode().split()
    until(lambda: running.code() == 0)
    assert said == ["256", "0", str(before + 3), "True"]


def test_a_worker_is_replaced_when_all_traffic_moved(place: Place) -> None:
    first = place.release("1.0.0", worker=True)
    first.roll_out()
    second = place.release("2.0.0", "canary", first, worker=True)

    def workers() -> list[str]:
        seen = place.world().observed()
        return [item.bundle for item in seen.replicas if item.service == "mailer"] if seen else []

    for action, weight in (("deploy", 0), ("shift", 20)):
        assert second.do(action, weight).status == "done"
        assert workers() == [first.saved.bundle]
    assert second.do("shift", 100).status == "done"
    assert workers() == [second.saved.bundle]
    assert "mailer" in place.target.logs(second.work("deploy"))
    assert second.do("rollback").status == "done"
    assert workers() == [first.saved.bundle]


def test_a_log_is_bounded_and_masked(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log", (SECRET,))
    line = b"x" * 200 + b"\n"
    for _ in range(3 * LOG_BYTES // len(line)):
        log.write(line)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2.5 * LOG_BYTES
    for piece in ("token=", SECRET[:7], SECRET[7:], "\nnext\n"):
        log.write(piece.encode())
    log.write(b"y" * 16_380 + SECRET.encode() + b"z" * 20_000 + b"\n")
    text = "\n".join(path.read_text() for path in tmp_path.iterdir())
    assert SECRET not in text
    assert tail(log.path, 5)[0] == "token=***" or "token=***" in text


def test_an_added_web_service_and_one_that_goes(place: Place) -> None:
    from hug_agents.spec import Build, Service

    first = place.release("1.0.0")
    first.roll_out()
    url = first.url()
    second = place.release("2.0.0", "blue_green", first)
    api = Service(
        name="api", build=Build(), port=9090, health_path="/healthz", command=("python", "app.py"), replicas=1
    )
    second.spec = second.spec.model_copy(update={"services": (*second.spec.services, api)})
    second.__post_init__()
    second.roll_out()
    assert get(place.target.address(second.work("deploy"), "api")).startswith("2.0.0")
    assert second.do("rollback").status == "done"
    assert words(url) == {"1.0.0": 40}
    assert place.target.drift(first.bundle, first.blueprint, first.environment).changes == ()


def test_the_demo_application(place: Place) -> None:
    copytree(DEMO, place.source, dirs_exist_ok=True)
    (place.source / "app.py").unlink()
    write = place.write
    place.write = lambda word, broken="": (place.source / "VERSION").write_text(word)  # type: ignore[assignment, method-assign]
    first = place.release("1.4.0", command=(), replicas=2)
    first.roll_out()
    url = first.url()
    assert json.loads(get(f"{url}/healthz")) == {"status": "ok", "version": "1.4.0"}
    body = json.dumps({"amount": 1250, "currency": "EUR", "reference": "order-17"}).encode()
    request = urllib.request.Request(f"{url}/payments", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    second = place.release("1.5.0", "canary", first, command=(), replicas=2)
    with load_on(f"{url}/healthz") as load:
        second.roll_out()
    assert load.failures == []
    assert json.loads(get(f"{url}/healthz"))["version"] == "1.5.0"
    assert write is not None


def test_the_command_line(place: Place) -> None:
    def hug(*words: str) -> str:
        command = [str(Path(sys.executable).parent / "hug"), "local", *words, "--store", str(place.store.root)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "nothing" in hug("status")
    first = place.release("1.0.0")
    first.roll_out()
    get(f"{first.url()}/hello")
    rows = json.loads(hug("status", "--json"))["replicas"]
    assert [(row["version"], row["share"], row["state"]) for row in rows] == [("1.0.0", 100, "healthy")] * 2
    shown = hug("status")
    assert first.url() in shown and "shop in staging" in shown
    assert max(len(line) for line in shown.splitlines()) <= 60, "nothing is cut on a narrow terminal"
    assert "asked for /hello" in hug("logs", "shop", "staging")
    assert json.loads(hug("stop", "--json"))["stopped"] == ["shop.staging"]
    assert "nothing" in hug("status")
    assert first.do("promote").status == "done", "what was deployed is brought back by the next order"
    assert stat.S_IMODE(place.world().root.stat().st_mode) == 0o700


def test_what_a_replica_starts_in_a_session_of_its_own_ends_with_it(place: Place) -> None:
    def left() -> int:
        names = (" ".join(psutil.Process(pid).cmdline()) for pid in lifetime.processes(place.world()))
        return sum("time.sleep(600)" in name for name in names)

    first = place.release("1.0.0", broken="leak")
    first.roll_out()
    assert left() == 2
    second = place.release("2.0.0", "canary", first)
    second.roll_out()
    assert left() == 0, "the old version is gone, with all that it started"


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel does not schedule by session")
def test_who_starts_beside_others_that_serve_gives_way_until_it_is_healthy(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    second = place.release("2.0.0", "canary", first)
    low, over = set(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            low.update(int(item.name) for item in Path("/proc").glob("[1-9]*") if "nice 10" in _autogroup(item.name))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert second.do("deploy", 0).status == "done"
    finally:
        over.set()
        watcher.join()
    seen = place.world().observed()
    assert seen is not None
    mine = {item.pid for item in seen.replicas if item.bundle == second.saved.bundle}
    served = {item.pid for item in seen.replicas} - mine
    assert low & mine and not low & served, "the new ones, as far as a look caught them, and none of those that served"
    until(lambda: all(_autogroup(pid).endswith(" 0") for pid in mine if pid), 10)


def _autogroup(pid: int | str) -> str:
    try:
        return Path(f"/proc/{pid}/autogroup").read_text().strip()
    except OSError:
        return ""
