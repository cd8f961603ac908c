"""An emulated Jenkins and an emulated CircleCI, and a store that knows the bundles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hug_agents.process import find
from hug_agents.store import Store
from tests.adapters.pipelines.desk import Ci, bundle
from tests.ci.circleci import CircleCI
from tests.ci.jenkins import Jenkins
from tests.ci.world import World


@pytest.fixture(params=["jenkins", "circleci"])
def ci(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ci]:
    """Each system in turn; at the end its description may have nothing against what was said."""
    for program in ("git", "jq"):
        if find(program) is None:
            pytest.skip(f"{program} is not installed: install with apt-get install {program}")
    emulator = (Jenkins if request.param == "jenkins" else CircleCI)(World(tmp_path))
    yield emulator
    for name in ("rollout", "rollback"):
        emulator.world.flag(f"wait-{name}", on=False)
    emulator.approve()
    emulator.close()
    assert emulator.violations == []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    for system in ("jenkins", "circleci"):
        for version in ("1.0.0", "2.0.0"):
            found.put_bundle(bundle(system, version))
    return found
