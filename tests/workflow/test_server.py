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
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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
        env=kept | {"HUG_AGENTS_HOME": str(folder / "home")},
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
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


@pytest.mark.slow
def test_one_run_through_an_interrupt(server: str) -> None:
    from langgraph_sdk import get_client

    async def drive() -> None:
        client = get_client(url=server)
        thread = await client.threads.create()
        config = {"thread_id": thread["thread_id"], "assistant_id": "release"}
        await client.runs.wait(**config, input={"text": REQUEST})
        waiting = await client.threads.search(status="interrupted")
        assert [item["thread_id"] for item in waiting] == [thread["thread_id"]]
        state = await client.threads.get_state(thread["thread_id"])
        [pending] = state["interrupts"]
        assert pending["value"]["checkpoint"] == "pre_deployment", state["values"]
        assert pending["value"]["action_requests"][0]["args"]["bundle"] == state["values"]["bundle"]
        assert len(str(state["values"])) < 20_000, "state holds digests, never contents"

        await client.runs.wait(**config, command={"resume": {pending["id"]: {"type": "perhaps"}}}, raise_error=False)
        state = await client.threads.get_state(thread["thread_id"])
        assert state["interrupts"][0]["value"]["checkpoint"] == "pre_deployment", "a malformed answer moves nothing"

        for expected in ("staging_validation", "rollback_drill", "production_go_no_go", None):
            [pending] = state["interrupts"]
            answer = {"decisions": [{"type": "approve"}]}
            await client.runs.wait(**config, command={"resume": {pending["id"]: answer}})
            state = await client.threads.get_state(thread["thread_id"])
            assert [item["value"]["checkpoint"] for item in state["interrupts"]] == ([expected] if expected else [])
        assert state["values"]["outcome"] == "approved"

    asyncio.run(drive())
