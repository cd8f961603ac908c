"""The description of Spinnaker sees what it is there for."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.described import problems
from tests.render.rollback.test_spinnaker import SPECS, pipeline
from tests.spinnaker.description import PIPELINE, TRIGGER, judged

TRIGGERED = {
    "type": "manual",
    "correlationId": "a",
    "artifacts": [{"type": "docker/image", "name": "a", "reference": "b"}],
}


@pytest.mark.parametrize("name", SPECS)
def test_what_is_rendered_is_a_pipeline(name: str) -> None:
    for kind in ("deploy-production", "rollback-production"):
        assert problems(PIPELINE, pipeline(SPECS[name], kind)) == []


def _changed(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**deepcopy(value), **changes}


def test_a_misspelt_key_is_seen_however_deep_it_lies() -> None:
    good = pipeline(SPECS["canary"], "deploy-production")
    stages = deepcopy(good["stages"])
    stages[0]["requisiteStageRefIds"] = [1]
    expected = [{**good["expectedArtifacts"][0], "useDefaultArtefact": False}]
    for wrong in (
        _changed(good, limitConcurent=True),
        _changed(good, stages=stages),
        _changed(good, expectedArtifacts=expected),
        _changed(good, parameterConfig=[{"name": "a", "require": True}]),
    ):
        assert problems(PIPELINE, wrong)
    assert problems(TRIGGER, TRIGGERED) == []
    assert problems(TRIGGER, _changed(TRIGGERED, correlation="a"))
    assert problems(TRIGGER, _changed(TRIGGERED, artifacts=[{"type": "docker/image", "digest": "b"}]))


def test_a_call_that_is_not_described_is_seen() -> None:
    assert judged("POST", "/pipelines/shop/Deploy", {}, TRIGGERED, 202, {"ref": "/pipelines/1"}) == []
    assert judged("POST", "/pipelines/shop/Deploy", {}, TRIGGERED, 200, {"ref": "/pipelines/1"})
    assert judged("GET", "/applications/shop/pipelines", {"limits": "3"}, None, 200, [])
    assert judged("PATCH", "/pipelines/1/stages/2", {}, {"judgmentStatus": "continue"}, 200, {})
    assert judged("PUT", "/pipelines/1/cancel", {"reason": "x"}, None, 200, {})
