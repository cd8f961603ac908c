"""A moto server for all tests of this folder, emptied after each."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.cloudformation.stacks import Bench


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Its address."""
    pytest.importorskip("boto3", reason="boto3 is not installed: pip install 'hug-agents[aws]'")
    server = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    running = server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    running.stop()


@pytest.fixture
def aws(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A client for each service of an account that is empty."""
    import boto3

    monkeypatch.setattr("hug_agents.adapters.cloudformation.client.ATTEMPTS", 1)
    for name, value in {
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)

    def client(service: str) -> Any:
        return boto3.client(service, region_name="eu-west-1")

    yield client
    urllib.request.urlopen(urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST"))


@pytest.fixture
def bench(tmp_path: Path, aws: object) -> Bench:
    return Bench(tmp_path)
