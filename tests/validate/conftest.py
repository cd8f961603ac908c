"""What the tests of the gates share: a bundle of a few files."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.validate import GateResult, run_gates
from tests.examples import minimal


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    """A blueprint for gates that only look at files."""
    return plan(minimal())


def bundle_of(files: Mapping[str, str], system: str = "test") -> Bundle:
    """A bundle of these files. A script is executable."""
    return Bundle(
        "sha256:" + "0" * 64,
        [
            Artifact(path=path, content=content, system=system, executable=path.endswith(".sh"))
            for path, content in files.items()
        ],
    )


def run_one(gate: str, bundle: Bundle, blueprint: Blueprint) -> GateResult:
    """The result of one gate; a tool that is not here skips the test, by its name."""
    results = run_gates(bundle, blueprint, only=[gate])
    assert len(results) == 1, f"{gate} does not apply to {[item.path for item in bundle]}"
    if results[0].status == "skipped":
        pytest.skip(results[0].reason)
    return results[0]
