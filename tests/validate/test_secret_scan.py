"""What the combinations of systems write, in one scan: a name or a reference is never taken for a secret."""

from __future__ import annotations

from itertools import islice

import pytest

from hug_agents.bundle import Artifact, Bundle
from hug_agents.combinations import sensible
from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.render import render
from tests.examples import ecs_canary
from tests.validate.conftest import run_one


@pytest.mark.slow
def test_no_combination_writes_what_looks_like_a_secret() -> None:
    blueprint = plan(ecs_canary())
    different: dict[tuple[str, str], Artifact] = {}
    tried = 0
    for toolchain in islice(sensible(), 0, None, 23):
        try:
            bundle = render(plan(ecs_canary().model_copy(update={"toolchain": toolchain})))
        except UnsupportedError:
            continue
        tried += 1
        for item in bundle:
            different.setdefault((item.path, item.content), item)
    every = (
        item.model_copy(update={"path": f"{number}/{item.path}"})
        for number, item in enumerate(different.values())
        if not item.path.startswith("docs/")
    )
    result = run_one("secret scan", Bundle(blueprint.spec.digest(), every), blueprint)
    assert tried > 40
    assert not [f"{item.file}:{item.line} {item.message}" for item in result.findings]
