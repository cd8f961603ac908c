"""`langgraph dev` serves the graph without a key: one run through an interrupt, driven with the SDK."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.approve.decision import Decision
from hug_agents.approve.envelope import Signable, seal
from hug_agents.approve.packet import Packet
from tests.approve.office import KEYS, ROLES, policy

ROOT = Path(__file__).parents[2]
FOLDERS: dict[str, Path] = {}
REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster main, "
    "rolling, health check on /healthz"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = Path(sys.executable).parent / "langgraph"
    if not program.exists():
        pytest.skip("langgraph is not installed: install with pip install 'langgraph-cli[inmem]'")
    folder = tmp_path_factory.mktemp("server")
    for name in ("langgraph.json", "graphs"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    (folder / "governance.yaml").write_text(yaml.safe_dump(policy().model_dump(mode="json", by_alias=True)))
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost")
    subprocess.run([*git, "init", "-q", "-b", "main", folder / "infra"], check=True)
    subprocess.run([*git, "-C", folder / "infra", "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "served"\nversion = "0"\n')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in ("PATH", "HOME", "LANG", "HUG_AGENTS_TERRAFORM_MIRROR")
    }
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [program, "dev", "--no-browser", "--no-reload", "--port", str(port)],
        cwd=folder,
        env=kept
        | {"HUG_AGENTS_HOME": str(folder / "home"), "HUG_AGENTS_POLICY": str(folder / "governance.yaml")}
        | {"HUG_AGENTS_TARGET": f"write:{folder / 'infra'}"},
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        import httpx

        for _ in range(240):
            assert process.poll() is None, (folder / "log").read_text()[-3000:]
            try:
                if httpx.get(f"{url}/ok", timeout=1).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.5)
        else:
            pytest.fail((folder / "log").read_text()[-3000:])
        FOLDERS[url] = folder
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def orders(server: str) -> list[str]:
    """What was carried out, by the commits of the target."""
    return subprocess.run(
        ["git", "log", "--all", "--format=%(trailers:key=Hug-Order,valueonly)"],
        cwd=Path(FOLDERS[server], "infra"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


@pytest.mark.slow
def test_one_run_through_an_interrupt(server: str) -> None:
    from langgraph_sdk import get_client

    async def drive() -> None:
        client = get_client(url=server)
        thread = await client.threads.create()
        config = {"thread_id": thread["thread_id"], "assistant_id": "release"}
        await client.runs.wait(**config, input={"text": REQUEST, "requester": "kim"})
        waiting = await client.threads.search(status="interrupted")
        assert [item["thread_id"] for item in waiting] == [thread["thread_id"]]
        state = await client.threads.get_state(thread["thread_id"])
        [pending] = state["interrupts"]
        assert pending["value"]["checkpoint"] == "pre_deployment", state["values"]
        assert pending["value"]["action_requests"][0]["args"]["packet"] == state["values"]["packet"]
        assert len(str(state["values"])) < 20_000, "state holds digests, never contents"

        async def answer(value: dict[str, Any]) -> Any:
            now = await client.threads.get_state(thread["thread_id"])
            [asked] = now["interrupts"]
            await client.runs.wait(**config, command={"resume": {asked["id"]: value}}, raise_error=False)
            return await client.threads.get_state(thread["thread_id"])

        async def sign(name: str) -> dict[str, Any]:
            now = await client.threads.get_state(thread["thread_id"])
            packet = Packet.model_validate(now["interrupts"][0]["value"]["review"])
            role = next(item for item in ROLES[name] if item in policy().checkpoints[packet.checkpoint].roles)
            values = {"verdict": "approve", "reviewer": name, "role": role, "release": packet.release}
            values |= {"checkpoint": packet.checkpoint, "environment": packet.environment.name}
            values |= {"packet": packet.digest(), **Signable.stamp(datetime.now(UTC), timedelta(hours=8))}
            return seal(Decision.model_validate(values), KEYS[name]).as_json()

        def waits_at(state: Any) -> list[str]:
            return [item["value"]["checkpoint"] for item in state["interrupts"]]

        assert waits_at(await answer({"type": "perhaps"})) == ["pre_deployment"], "a malformed answer moves nothing"
        state = await answer({"decisions": [{"type": "approve"}]})
        assert waits_at(state) == ["pre_deployment"], "an unsigned answer decides nothing"
        assert "without a signature" in state["interrupts"][0]["value"]["notice"]
        state = await answer({"type": "approve", "envelope": await sign("ana")})
        state = await answer({"type": "approve", "envelope": await sign("ana")})
        assert "first decision stands" in state["interrupts"][0]["value"]["notice"]
        for name, expected in (
            ("ben", ["staging_validation"]),
            ("cho", ["rollback_drill"]),
            ("cho", ["production_go_no_go"]),
            ("ana", ["production_go_no_go"]),
            ("cho", []),
        ):
            state = await answer({"decisions": [{"type": "approve", "envelope": await sign(name)}]})
            assert waits_at(state) == expected, state["interrupts"]
        assert state["values"]["outcome"] == "released"

        before = orders(server)
        assert len(before) == len(set(before)) >= 4
        await client.runs.wait(**config, command={"goto": "roll_out"}, raise_error=False)
        assert orders(server) == before, "a goto afterwards does nothing twice"

    asyncio.run(drive())
