"""The scorer itself: each way to be wrong is told apart from the others."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.evaluate.facts import score_facts
from hug_agents.evaluate.person import answers
from hug_agents.evaluate.reading import RequestScore
from hug_agents.evaluate.report import Report
from hug_agents.evaluate.score import FieldScore, matches, score_fields, score_questions
from hug_agents.evaluate.suite import RepositoryCase, RequestCase
from hug_agents.evaluate.values import values
from hug_agents.reading.claims import Question
from hug_agents.scan import Component, Fact, RepositoryFacts
from hug_agents.spec import DeploymentSpec, Evidence

TEXT = "Put api on Kubernetes, image acme/api:1, port 8080, 3 replicas."
CASE = RequestCase(
    id="case",
    request=TEXT,
    expect={
        "services.api.image": "acme/api:1",
        "services.api.port": 8080,
        "services.api.replicas": 3,
        "toolchain.runtime": "kubernetes",
    },
)
QUOTES = {
    "services.api.image": "acme/api:1",
    "services.api.port": "port 8080",
    "services.api.replicas": "3 replicas",
    "toolchain.runtime": "Kubernetes",
}


def spec(quotes: dict[str, str] | None = None, kind: str = "request", **service: Any) -> DeploymentSpec:
    """The spec of TEXT, with this evidence, and what of its service is otherwise."""
    rows = QUOTES if quotes is None else quotes
    return DeploymentSpec.model_validate(
        {
            "application": "api",
            "services": [{"name": "api", "image": "acme/api:1", "port": 8080, "replicas": 3, **service}],
            "environments": [{"name": "production", "role": "production"}],
            "toolchain": {"runtime": "kubernetes", "iac": None},
            "evidence": [Evidence(path=path, kind=kind, quote=rows[path]) for path in sorted(rows)],  # type: ignore[arg-type]
        }
    )


def of(scores: tuple[FieldScore, ...], path: str) -> FieldScore:
    (found,) = [score for score in scores if score.path == path]
    return found


def test_all_right() -> None:
    scores = score_fields(CASE, spec())
    assert [score.outcome for score in scores] == ["right"] * 4
    assert not any(score.wrong_with_evidence for score in scores)


def test_a_wrong_value_with_a_quote_is_wrong_with_evidence() -> None:
    score = of(score_fields(CASE, spec(port=3)), "services.api.port")
    assert (score.outcome, score.expected, score.found, score.wrong_with_evidence) == ("wrong", 8080, 3.0, True)


def test_a_wrong_default_is_missing_and_not_wrong() -> None:
    quotes = {path: quote for path, quote in QUOTES.items() if path != "services.api.replicas"}
    score = of(score_fields(CASE, spec(quotes, replicas=2)), "services.api.replicas")
    assert (score.outcome, score.wrong_with_evidence) == ("missing", False)


def test_nothing_made_is_all_missing() -> None:
    assert {score.outcome for score in score_fields(CASE, None)} == {"missing"}


def test_what_had_to_be_asked_though_stated_is_missing() -> None:
    scores = score_fields(CASE, spec({"services.api.port": "8080"}, kind="answer"))
    assert of(scores, "services.api.port").outcome == "missing"


def test_an_invented_value_is_told_with_its_words() -> None:
    score = of(
        score_fields(CASE, spec({**QUOTES, "services.api.health_path": "api"}, health_path="/api")),
        "services.api.health_path",
    )
    assert (score.outcome, score.wrong_with_evidence, score.quote) == ("invented", True, "api")


def test_forged_evidence_is_wrong_even_where_the_value_is_right() -> None:
    quotes = {**QUOTES, "services.api.port": "it serves port 8080"}
    score = of(score_fields(CASE, spec(quotes)), "services.api.port")
    assert (score.outcome, score.forged, score.wrong_with_evidence) == ("right", True, True)
    report = Report(suite="s", arm="a", model="m", requests=(_scored(score_fields(CASE, spec(quotes))),))
    figures = report.figures()
    assert (figures["fields right"].count, figures["wrong with evidence"].count) == (3, 1)


def test_an_invented_service_and_environment_are_found() -> None:
    made = spec()
    other = made.model_dump() | {
        "services": [*made.services, {"name": "ghost", "image": "acme/ghost:1", "kind": "worker"}],
        "environments": [*made.environments, {"name": "moon", "role": "staging"}],
    }
    found = {item.path: item.outcome for item in score_fields(CASE, DeploymentSpec.model_validate(other))}
    assert found["services.ghost"] == found["environments.moon"] == "invented"


def test_questions_too_many_and_too_few() -> None:
    case = CASE.model_copy(
        update={"ask": {"services.api.port|services.*.port": "1", "environments.*.region": "eu-west-1"}}
    )
    asked = score_questions(case, ["services.api.port", "strategy.kind"])
    assert asked.right == ("services.api.port|services.*.port",)
    assert asked.missing == ("environments.*.region",)
    assert asked.extra == ("strategy.kind",)


@pytest.mark.parametrize(
    ("pattern", "path", "yes"),
    [
        ("environments.*.region", "environments.staging.region", True),
        ("environments.*.region", "environments.a.b.region", False),
        ("a.b|c.d", "c.d", True),
        ("a.b", "aXb", False),
    ],
)
def test_patterns(pattern: str, path: str, yes: bool) -> None:
    assert matches(pattern, path) is yes


def test_either_of_two_values_is_right_and_a_third_is_not() -> None:
    case = RequestCase(id="c", request=TEXT, expect={"services.api.memory_mib": "488|512"})
    path = "services.api.resources.memory_mib"
    right = spec({path: "api"}, resources={"memory_mib": 488})
    wrong = spec({path: "api"}, resources={"memory_mib": 500})
    assert [item.outcome for item in score_fields(case, right)] == ["right"]
    assert [item.outcome for item in score_fields(case, wrong)] == ["wrong"]


def test_nothing_wanted_is_a_value_too() -> None:
    case = RequestCase(id="c", request=TEXT, expect={**CASE.expect, "toolchain.iac": None})
    assert of(score_fields(case, spec()), "toolchain.iac").outcome == "right"


def test_the_person_answers_from_the_case_then_from_the_words_then_with_an_option() -> None:
    case = CASE.model_copy(update={"ask": {"environments.*.region": "eu-west-1"}})
    asked = ("environments.*.region", "services.api.port", "strategy.kind", "owner")
    questions = [Question(id=id, text="?", options=("rolling",) if id == "strategy.kind" else ()) for id in asked]
    assert [item.value for item in answers(case, questions)] == ["eu-west-1", "8080", "rolling"]


def test_a_scan_is_scored_on_what_it_finds_misses_and_makes_up() -> None:
    def fact(path: str, value: Any) -> Fact:
        return Fact(path=path, value=value, file="a", line=1, quote="q")

    case = RepositoryCase(id="r", components={"api": {"port": [8080], "language": ["go"]}})
    scanned = RepositoryFacts(
        root="r",
        components=(
            Component(name="api", context=".", facts=(fact("port", 8080), fact("port", 9), fact("module", "./x"))),
            Component(name="ghost", context="g"),
        ),
    )
    score = score_facts(case, scanned)
    assert score.found == ("api.port = 8080",)
    assert score.missing == ("api.language = go",)
    assert score.wrong == ("api.port = 9", "ghost: a component that is none")


def test_a_spec_as_a_table_keeps_the_evidence_of_each_value() -> None:
    table = values(spec())
    assert table["services.api.port"].evidence.quote == "port 8080"
    assert table["strategy.kind"].evidence.kind == "default"
    assert list(table) == sorted(table)


def _scored(fields: tuple[FieldScore, ...]) -> RequestScore:
    return RequestScore(case="c", fields=fields, questions=score_questions(CASE, ()), made=True)
