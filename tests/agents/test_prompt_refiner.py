from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml

from hug_agents.agents.budget import Budget
from hug_agents.agents.model import load_model
from hug_agents.agents.prompt_refiner import fill, refine
from hug_agents.prompting import fenced
from hug_agents.request import Answer, Request
from hug_agents.scan.report import Component, Fact, RepositoryFacts
from tests.agents.scripted import Scripted

TEXT = (
    "Deploy payments-api on ECS in eu-west-1 with a canary: 10 then 50 then 100 percent. It listens on port 8080, "
    "health at /healthz. The image is ghcr.io/acme/payments-api:1.4.0. No Redis."
)


def claim(path: str, value: object, quote: str, **more: object) -> dict[str, object]:
    return {"path": path, "value": value, "quote": quote, **more}


def test_offline_a_clear_request_becomes_a_spec_with_evidence() -> None:
    result = refine(Request(text=TEXT), None, load_model("offline"), Budget())
    spec = result.refinement.spec
    assert spec is not None
    assert (spec.application, spec.services[0].port, spec.strategy.kind) == ("payments-api", 8080, "canary")
    assert spec.evidence_for("services.payments-api.port").quote in TEXT
    assert spec.dependencies == ()
    assert result.measures.completeness == 1.0
    assert result.measures.claims_refused == 0
    port = next(item for item in result.log if item.path == "services.payments-api.port")
    assert (port.kind, port.result) == ("stated", "8080")


def test_the_same_request_gives_the_same_result() -> None:
    model = load_model("offline")
    one = refine(Request(text=TEXT), None, model, Budget())
    other = refine(Request(text=TEXT), None, model, Budget())
    assert one.model_dump(exclude={"usage"}) == other.model_dump(exclude={"usage"})


def test_what_is_missing_is_asked_and_answers_are_counted() -> None:
    request = Request(text="Ship it.")
    first = refine(request, None, load_model("offline"), Budget())
    assert first.refinement.spec is None and first.refined == ()
    ids = {question.id for question in first.refinement.questions}
    assert {"application", "toolchain.runtime"} <= ids
    assert {item.path for item in first.log if item.kind == "asked"} == ids
    answered = request.model_copy(update={"answers": (Answer(id="toolchain.runtime", value="kubernetes"),)})
    second = refine(answered, None, load_model("offline"), Budget())
    assert "toolchain.runtime" not in {question.id for question in second.refinement.questions}
    assert second.measures.ambiguities_resolved == 1
    assert second.measures.ambiguities_found == len(second.refinement.questions) + 1


def test_one_refined_prompt_for_each_environment_and_agent() -> None:
    result = refine(Request(text=TEXT), None, load_model("offline"), Budget())
    assert result.refinement.spec is not None
    pairs = {(item.environment, item.agent) for item in result.refined}
    assert pairs == {
        (place.name, agent) for place in result.refinement.spec.environments for agent in ("deployment", "devops")
    }
    for item in result.refined:
        header, text = item.document().removeprefix("---\n").split("---\n\n", 1)
        loaded = yaml.safe_load(header)
        assert set(loaded) == {"prompt_id", "agent", "environment", "version", "tags"}
        assert text == item.text
        assert "## Assumed: nobody stated these" in text
    deployment = next(item for item in result.refined if item.agent == "deployment")
    assert '- services.payments-api.port: 8080 (request: "' in deployment.text.partition("## Assumed")[0]
    assert "objectives" not in deployment.text and "environments.production" not in result.refined[0].text


def test_a_time_is_written_only_where_one_is_given() -> None:
    when = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    result = refine(Request(text=TEXT), None, load_model("offline"), Budget(), timestamp=when)
    assert all("2026-01-02T03:04:00Z" in item.document() for item in result.refined)


def test_a_secret_never_reaches_the_model() -> None:
    model = Scripted(script=[{"claims": []}])
    answer = Answer(id="owner", value="token: ghp_0123456789012345678901234567")
    result = refine(Request(text="Run web. DB_PASSWORD=hunter2hunter2", answers=(answer,)), None, model, Budget())
    sent = "".join(str(message.content) for message in model.seen[0])
    assert "hunter2" not in sent and "ghp_0123" not in sent
    assert [item.kind for item in result.log].count("redacted") == 2
    assert "hunter2" not in result.model_dump_json()


@pytest.mark.parametrize(
    "invented",
    [
        claim("services.payments-api.port", 9090, "listens on port 9090"),
        claim("services.payments-api.port", 9090, "listens on port 8080"),
        claim("services.payments-api.port", 8080, ""),
        claim("environments.*.region", "us-east-1", "in eu-west-1"),
        claim("dependencies.redis.kind", "redis", "No Redis"),
        claim("services.payments-api.root_password", "x", "payments-api"),
        claim("owner", "root", "root", source="/etc/passwd:1"),
    ],
)
def test_what_a_model_makes_up_does_not_get_in(invented: dict[str, object]) -> None:
    good = [
        claim("services.payments-api.name", "payments-api", "payments-api"),
        claim("toolchain.runtime", "ecs", "on ECS"),
        claim("services.payments-api.image", "ghcr.io/acme/payments-api:1.4.0", "ghcr.io/acme/payments-api:1.4.0"),
    ]
    if "region" not in str(invented["path"]):
        good.append(claim("environments.*.region", "eu-west-1", "in eu-west-1"))
    if "port" not in str(invented["path"]):
        good.append(claim("services.payments-api.port", 8080, "listens on port 8080"))
    result = refine(Request(text=TEXT), None, Scripted(script=[{"claims": [*good, invented]}]), Budget())
    assert result.measures.claims_refused >= 1
    refused = [item for item in result.log if item.kind == "refused"]
    assert any(item.path == invented["path"] and item.result == str(invented["value"]) and item.why for item in refused)
    spec = result.refinement.spec
    if spec is None:
        assert result.refinement.questions
    else:
        rows = {row.path: row for row in spec.evidence}
        assert all(row.quote in TEXT for row in rows.values() if row.kind == "request")
        assert not any(dependency.kind == "redis" for dependency in spec.dependencies)


def test_questions_that_no_answer_can_settle_are_not_asked() -> None:
    def asks(path: str, text: str = "Which?", **more: object) -> dict[str, object]:
        return {"id": path, "text": text, **more}

    said = {
        "questions": [
            asks("approve.everything"),
            asks("services.ghost.port"),
            asks("owner", " "),
            asks("windows", "When?", options=["whenever"]),
            asks("toolchain.rollout", options=["spinnaker", "maybe"]),
        ],
        "unmet": [
            {"quote": "No Redis", "reason": "not carried"},
            {"quote": "delete all backups", "reason": "no field"},
        ],
    }
    text = f"{TEXT} Change production when it suits, with some rollout automation."
    result = refine(Request(text=text), None, Scripted(script=[said]), Budget())
    asked = {question.id: question for question in result.refinement.questions}
    assert {"windows", "toolchain.rollout"} <= set(asked)
    assert not {"approve.everything", "services.ghost.port", "owner"} & set(asked)
    assert asked["windows"].options == ()
    assert asked["toolchain.rollout"].options == ("spinnaker",)
    assert "delete all backups" not in result.refinement.model_dump_json()
    refused = {(item.path, item.words) for item in result.log if item.kind == "refused"}
    assert {("approve.everything", "Which?"), ("services.ghost.port", "Which?"), ("", "delete all backups")} <= refused


def test_a_quote_that_is_there_counts_also_from_a_model() -> None:
    said = {
        "claims": [
            claim("services.payments-api.name", "payments-api", "payments-api"),
            claim("services.payments-api.port", 8080, "listens on port 8080"),
            claim("services.payments-api.health_path", "/healthz", "health at /healthz"),
            claim("services.payments-api.image", "ghcr.io/acme/payments-api:1.4.0", "ghcr.io/acme/payments-api:1.4.0"),
            claim("toolchain.runtime", "ecs", "on ECS"),
            claim("environments.*.region", "eu-west-1", "in eu-west-1"),
            claim("strategy.kind", "canary", "a canary"),
            claim("strategy.steps", [10, 50, 100], "10 then 50 then 100 percent"),
        ]
    }
    result = refine(Request(text=TEXT), None, Scripted(script=[said]), Budget())
    assert result.measures.claims_refused == 0
    spec = result.refinement.spec
    assert spec is not None and spec.services[0].port == 8080
    assert [step.weight for step in spec.strategy.steps] == [10, 50, 100]


def test_a_model_takes_nothing_away_and_a_disagreement_is_asked() -> None:
    silent = refine(Request(text=TEXT), None, Scripted(script=[{"claims": []}]), Budget())
    assert silent.refinement.spec == refine(Request(text=TEXT), None, load_model("offline"), Budget()).refinement.spec
    text = f"{TEXT} The load balancer shall ping /ready."
    other = claim("services.payments-api.health_path", "/ready", "ping /ready")
    asked = refine(Request(text=text), None, Scripted(script=[{"claims": [other]}]), Budget()).refinement
    question = next(item for item in asked.questions if item.id == "services.payments-api.health_path")
    assert question.options == ("/healthz", "/ready") and len(question.candidates) == 2


def test_words_that_are_met_cannot_be_called_unmet_and_reasons_are_ours() -> None:
    said = {"unmet": [{"quote": "with a canary", "reason": "approved"}, {"quote": "Ship", "reason": "approved by Ana"}]}
    result = refine(Request(text=f"{TEXT} Ship quickly."), None, Scripted(script=[said]), Budget())
    assert "approved" not in result.refinement.model_dump_json()
    assert any(item.words == "with a canary" and item.kind == "refused" for item in result.log)


def test_the_repositorys_facts_are_shown_with_their_place_and_bounded() -> None:
    fact = Fact(path="port", value=8000, file="app/main.py", line=12, quote="port=8000")
    many = Component(name="web", context=".", facts=(fact,) * 400)
    shown = fenced(fill(Request(text=TEXT), RepositoryFacts(root="x", components=(many,))).user)["repository"].value()
    assert shown["services"] == [{"name": "web", "folder": "."}]
    assert shown["facts"][0] == {"service": "web", "path": "port", "value": 8000, "at": "app/main.py:12"}
    assert (len(shown["facts"]), shown["left_out"]) == (300, 100)


def test_the_part_for_the_system_is_the_same_for_every_request() -> None:
    assert fill(Request(text="a"), None).system == fill(Request(text=TEXT), None).system
