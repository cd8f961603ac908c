"""Where a model and the rules read a request in two ways, a person is asked, with the words of both."""

from __future__ import annotations

import pytest

from hug_agents.agents.budget import Budget
from hug_agents.agents.model import load_model
from hug_agents.agents.prompt_refiner import RefinerResult, refine
from hug_agents.request import Answer, Request
from tests.agents.scripted import Scripted

TEXT = (
    "Deploy payments-api on ECS in eu-west-1 with a canary: 10 then 50 then 100 percent. It listens on port 8080, "
    "health at /healthz. The image is ghcr.io/acme/payments-api:1.4.0. Three replicas. At most 9 replicas. No Redis."
)
NAME = "services.payments-api"


def claim(path: str, value: object, quote: str, **more: object) -> dict[str, object]:
    return {"path": path, "value": value, "quote": quote, **more}


def read(*claims: dict[str, object], text: str = TEXT, answers: tuple[Answer, ...] = ()) -> RefinerResult:
    model = Scripted(script=[{"claims": list(claims)}])
    return refine(Request(text=text, answers=answers), None, model, Budget())


SPOKEN = TEXT.replace("Three replicas. At most 9 replicas.", "Replicas: 3, sometimes 5.")
REPLICAS = f"{NAME}.replicas"
NAMED = claim(f"{NAME}.name", "payments-api", "payments-api")


def test_two_values_with_quotes_become_one_question_that_shows_both() -> None:
    result = read(NAMED, claim(REPLICAS, 5, "Replicas: 3, sometimes 5"), text=SPOKEN)
    assert result.refinement.spec is None and result.refined == ()
    (asked,) = (item for item in result.refinement.questions if item.id == REPLICAS)
    assert asked.options == ("3", "5")
    assert asked.why == "the rules read 3 from 'Replicas: 3', the model 5 from 'Replicas: 3, sometimes 5'"
    assert [(item.value, item.quote in SPOKEN) for item in asked.candidates] == [(3, True), (5, True)]
    assert result.measures.disagreements == 1
    (logged,) = (item for item in result.log if item.kind == "differs")
    assert (logged.path, logged.result) == (REPLICAS, "5") and "the rules read 3" in logged.why


@pytest.mark.parametrize("value", ["3", "5", "7"])
def test_the_answer_settles_it(value: str) -> None:
    said = (NAMED, claim(REPLICAS, 5, "Replicas: 3, sometimes 5"))
    result = read(*said, text=SPOKEN, answers=(Answer(id=REPLICAS, value=value),))
    spec = result.refinement.spec
    assert spec is not None and spec.services[0].replicas == int(value)
    assert spec.evidence_for(REPLICAS).kind == "answer"
    assert result.measures.ambiguities_resolved == 1


def test_a_wish_that_the_words_deny_is_refused() -> None:
    text = TEXT + " Prometheus, no Grafana."
    wanted = claim("toolchain.monitors", ["grafana"], "no Grafana")
    result = read(NAMED, wanted, text=text)
    assert result.measures.claims_refused == 1, "the words do not say it, so nobody is asked"
    assert result.refinement.spec is not None and result.refinement.spec.toolchain.monitors == ("prometheus",)


def test_a_value_without_its_words_is_no_reading() -> None:
    result = read(NAMED, claim(REPLICAS, 12, "Three replicas"))
    assert result.measures.disagreements == 0 and result.measures.claims_refused == 1
    assert result.refinement.spec is not None and result.refinement.spec.services[0].replicas == 3


@pytest.mark.parametrize("left_out", [("toolchain.runtime",), ("strategy.kind", "strategy.steps"), ("environments",)])
def test_what_a_model_leaves_out_changes_nothing(left_out: tuple[str, ...]) -> None:
    offline = refine(Request(text=TEXT), None, load_model("offline"), Budget())
    said = [item.model_dump() for item in offline.reading.claims if not item.path.startswith(left_out)]
    assert len(said) < len(offline.reading.claims)
    result = read(*said)
    assert result.refinement.spec == offline.refinement.spec is not None
    assert result.measures.claims_added == len(offline.reading.claims) - len(said)
    added = [item for item in result.log if item.kind == "added"]
    assert all(item.words in TEXT and item.why == "the rules read it, and the model did not" for item in added)
    assert any("What was changed on the way, and why" in item.text for item in result.refined)


def test_the_rules_alone_agree_with_themselves() -> None:
    result = refine(Request(text=TEXT), None, load_model("offline"), Budget())
    assert (result.measures.disagreements, result.measures.claims_added) == (0, 0)
    assert not [item for item in result.log if item.kind in ("added", "differs")]
