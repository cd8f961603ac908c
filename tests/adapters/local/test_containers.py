"""Replicas as containers, where an engine answers: the same target, the same steps, nothing left behind."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from hug_agents.adapters.local.source import lay_out
from hug_agents.adapters.registry import load_target
from hug_agents.errors import HugError, UsageError
from hug_agents.store import Store
from tests.adapters.local.place import Place, get, load_on, until

BUSYBOX = next((path for path in ("/bin/busybox", "/usr/bin/busybox") if Path(path).exists()), "")
COMMAND = ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]


def podman(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["podman", *words], input=stdin, capture_output=True, check=False, timeout=120)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two images of a small web server, in a storage of their own."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed: install podman, runc, netavark and iptables; containers were not tried")
    if not BUSYBOX or b"ld-linux" in Path(BUSYBOX).read_bytes()[:4096]:
        pytest.skip("a static busybox is not installed: install busybox-static; containers were not tried")
    (tmp_path / "containers.conf").write_text(
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
    )
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/root"\nrunroot = "{tmp_path}/run"\n'
    )
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    names = []
    for version in ("1.0.0", "2.0.0"):
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            tar.add(Path(BUSYBOX).resolve(), "bin/busybox")
            for name, text in (("www/index.html", f"{version} answers"), ("www/healthz", "ok")):
                about = tarfile.TarInfo(name)
                about.size = len(text)
                tar.addfile(about, io.BytesIO(text.encode()))
        names.append(f"localhost/hug-test:{version}")
        done = podman("import", "-", names[-1], stdin=made.getvalue())
        if done.returncode:
            pytest.skip(f"podman does not work here: {done.stderr.decode()[-200:]}")
    tried = podman("run", "--rm", "--memory", "64m", names[0], "/bin/busybox", "true")
    if tried.returncode:
        pytest.skip(f"podman does not work here: {tried.stderr.decode()[-200:]}")
    return names


def containers() -> list[str]:
    return podman("ps", "--all", "--quiet", "--filter", "label=hug.world").stdout.decode().split()


def test_a_canary_of_containers(place: Place, images: list[str]) -> None:
    place.target = place.load("?engine=podman&ready=120")
    with pytest.raises(UsageError, match="has no image"):
        place.release("0.1.0")
    about = {"build": None, "command": COMMAND, "replicas": 1, "resources": {"memory_mib": 64}}
    first = place.release("1.0.0", image=images[0], **about)
    first.roll_out()
    url = first.url()
    assert get(url).startswith("1.0.0")
    second = place.release("2.0.0", "canary", first, image=images[1], **about)
    with load_on(url, threads=1) as load:
        for step in second.blueprint.rollout.steps[:3]:
            if step.action != "analyse":
                assert second.do(step.action, step.weight, step=step.order).status == "done"
        assert len(containers()) == 2
        assert second.do("rollback").status == "done"
    assert load.failures == []
    assert get(url).startswith("1.0.0")
    assert len(containers()) == 1
    seen = place.world().observed()
    assert seen is not None
    os.kill(seen.supervisor, signal.SIGKILL)
    until(lambda: containers() == [])
    assert first.do("promote").status == "done"
    assert get(url).startswith("1.0.0")
    assert first.do("destroy").status == "done"
    assert containers() == []


def test_an_image_needs_no_source(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hug_agents.adapters.local import containers as module

    monkeypatch.setattr(module, "check", lambda engine: None)
    place.target = place.load("?engine=podman")
    monkeypatch.setattr(place, "write", lambda *words: shutil.rmtree(place.source, ignore_errors=True))
    first = place.release("1.0.0", image="localhost/hug-test:1.0.0", build=None, command=COMMAND)
    lay_out(first.saved.settings["source"], place.store, tmp_path / "laid")
    assert list((tmp_path / "laid").iterdir()) == []


def test_an_engine_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hug_agents.adapters.local import containers as module

    monkeypatch.setattr(module, "find", lambda name: None)
    with pytest.raises(HugError, match="docker is not installed"):
        load_target("local:app?engine=docker", Store(tmp_path))
