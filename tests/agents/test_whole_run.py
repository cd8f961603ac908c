"""A whole run with the answers of a small real language model: from a request to a validated bundle, with amendments.

Recorded (`make record`) and replayed without a network. The model reads, remarks and writes; nothing is told to it, but its
answers are kept short, and when it amends it must write one file at one of the places that its prompt names. A model of
this size writes nothing that the gates let through: it is refused, told why, asked again, given up and reported.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from hug_agents.agents.budget import Budget
from hug_agents.amending.lay import REPORT
from hug_agents.generation import Generation, generate
from hug_agents.prompting import fenced
from hug_agents.validate import run_gates
from hug_agents.workflow import nodes
from tests.agents.cassettes import NOWHERE
from tests.agents.small import Small, small

pytestmark = [pytest.mark.vcr, pytest.mark.block_network, pytest.mark.usefixtures("allow_model_requests")]
REQUEST = (
    "Deploy hello to the Kubernetes cluster main with GitHub Actions and Prometheus, rolling. It listens on port 8080, health "
    f"check on /healthz. The image is ghcr.io/acme/hello:1.2.0@sha256:{'3f' * 32}. Let only the team's own namespace reach it. "
    "Alert us when no request arrived for 15 minutes."
)
GATES = ("policy pack", "well-formed")
"""Those that need no program: what another version of a program says of a proposal would be another prompt."""


class Placed(Small):
    """Writes one file at a place that its prompt names, and nothing else."""

    most: int = 1
    room: dict[str, int] = {"claims": 2, "candidates": 0, "looks": 0, "blocks": 0, "cannot": 0, "content": 160}  # noqa: RUF012

    def _get_request_payload(self, input_: Any, **kwargs: Any) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, **kwargs)
        user = next(str(item.text) for item in input_ if isinstance(item, HumanMessage))
        rows = fenced(user)["requirements"].value() if "requirements" in fenced(user) else ()
        for row in rows:
            defined = payload["response_format"]["json_schema"]["schema"]["$defs"]
            defined["FileDraft"]["properties"]["path"] = {"type": "string", "enum": row["places"]}
            defined["AmendmentDraft"]["properties"]["requirement"] = {"type": "string", "enum": [row["requirement"]]}
        return payload


@pytest.fixture
def vcr_config() -> dict[str, Any]:
    return {"match_on": ["method", "path", "same_json"], "decode_compressed_response": True,
            "allow_playback_repeats": True}  # fmt: skip


@pytest.fixture
def vcr_cassette_dir() -> str:
    return str(Path(__file__).parents[1] / "cassettes")


def whole_run(store: Path) -> Generation:
    """A person says beforehand what such a model always asks; nobody is there to answer more."""
    common: dict[str, Any] = {
        "model": small(os.environ.get("HUG_TEST_MODEL_URL", NOWHERE), Placed),
        "budget": Budget(attempts=2, seconds=7_200),
        "store": store,
        "amend_rounds": 1,
    }
    return generate(REQUEST, answers={"environments.production.role": "production"}, **common)


def test_whole_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vcr: Any) -> None:
    monkeypatch.setattr(
        nodes, "run_gates", lambda *args, **how: run_gates(*args, **{**how, "only": how.get("only") or GATES})
    )
    made = whole_run(tmp_path / "store")
    assert made.verdict == "passed"
    assert {row.agent for row in made.spent} == {"prompt_refiner", "deployment", "devops"}
    assert all(row.output_tokens and not row.estimated_tokens for row in made.spent)
    service = made.spec.services[0]
    assert (service.name, service.port, service.health_path) == ("hello", 8080, "/healthz"), "whatever the model read"
    assert all(row.quote in REQUEST for row in made.spec.evidence if row.kind == "request")

    prompts = [json.loads(item.body)["messages"] for item in vcr.requests]
    assert [(item.requirement, item.agent) for item in made.amendments] == [("R4", "deployment"), ("R5", "devops")]
    for item in made.amendments:
        assert item.state == "unmet" and 1 <= len(item.failed) <= 2, "a gate refused what was written"
        assert all(round.findings for round in item.failed)
        row = next(row for row in made.requirements if row.id == item.requirement)
        assert row.status == "unmet" and "taken out" in row.reason
        assert f"## {item.requirement}: unmet" in made.bundle[REPORT].content
        first, second = (text for text in prompts if text[0]["content"].startswith(f"Prompt {item.agent}/amend"))
        found = json.dumps(item.failed[0].findings[0].message)[1:-1]
        assert found not in first[1]["content"] and found in second[1]["content"], "what a gate found goes back"
    assert not any(entry.author for entry in made.bundle.manifest.entries), "what was refused is not in the bundle"
