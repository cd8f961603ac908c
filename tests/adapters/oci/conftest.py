"""One real registry for the tests of this folder, with passwords; each test works in repositories of its own."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hug_agents.adapters.oci.client import Registry
from tests.adapters.oci.server import WHO, configuration, htpasswd, running

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    with running(folder, configuration(folder, htpasswd=htpasswd(folder))) as address:
        yield address


@pytest.fixture
def registry(host: str) -> Iterator[Registry]:
    made = Registry(host, WHO, attempts=2)
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    """A repository that no other test knows."""
    return f"team{next(_NUMBERS)}/shop/api"


@pytest.fixture
def signed_in(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says who signs in, as docker writes it."""
    word = base64.b64encode(f"{WHO.user}:{WHO.password}".encode()).decode()
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"auths": {host: {"auth": word}}}), encoding="utf-8")
    monkeypatch.setenv("HUG_AGENTS_REGISTRY_AUTH", str(file))
    return file
