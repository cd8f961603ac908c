"""What a model asks and needs no answer is passed over with the reason; what the request leaves open is asked."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.agents.budget import Budget
from hug_agents.agents.model import load_model
from hug_agents.agents.prompt_refiner import RefinerResult, refine
from hug_agents.request import Choices, Request
from tests.agents.scripted import Scripted

TEXT = (
    "Deploy shop-api on ECS in eu-west-1, rolling. It listens on port 8080, health at /healthz. "
    "The image is ghcr.io/acme/shop-api:1.4.0."
)


def asking(
    path: str, text: str = "Which one?", more: str = "", candidates: tuple[dict[str, Any], ...] = (), **how: Any
) -> RefinerResult:
    said = {"questions": [{"id": path, "text": text, "candidates": list(candidates), **how}]}
    return refine(Request(text=f"{TEXT} {more}".strip()), None, Scripted(script=[said]), Budget())


def asked(result: RefinerResult) -> set[str]:
    return {question.id for question in result.refinement.questions}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("environments.production.role", "no words of the request speak of it"),
        ("environments.staging.role", "no words of the request speak of it"),
        ("services.shop-api.cpu_millicores", "no words of the request speak of it"),
        ("owner", "no words of the request speak of it"),
        ("windows", "no words of the request speak of it"),
        ("dependencies.redis.kind", "no words of the request speak of it"),
        ("environments.production.region", "the request states it: 'eu-west-1'"),
        ("services.*.port", "the request states it: 'listens on port 8080'"),
        ("strategy.kind", "the request states it: 'rolling'"),
    ],
)
def test_what_is_settled_or_never_spoken_of_is_not_asked(path: str, why: str) -> None:
    result = asking(path, "What is it?")
    offline = refine(Request(text=TEXT), None, load_model("offline"), Budget())
    assert result.refinement.spec == offline.refinement.spec is not None
    (row,) = (item for item in result.log if item.kind == "not_asked")
    assert (row.path, row.words) == (path, "What is it?") and row.why == why
    noted = [note for note in result.refinement.notes if "the model also asks" in note]
    assert [path in note for note in noted] == ([True] if why.startswith("no words") else [])
    assert "What is it?" not in " ".join(result.refinement.notes), "the model's words are not signed by anybody"


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("services.shop-api.replicas", "It needs one more replica than it has today."),
        ("services.shop-api.memory_mib", "Give it twice the memory of the old one."),
        ("services.shop-api.cpu_millicores", "CPU as in the wiki."),
        ("windows", "Never change production when the shop is busy."),
        ("owner", "The usual team looks after it."),
        ("environments.production.role", "Whether production follows is still open."),
        ("dependencies.redis.kind", "We talked about redis."),
        ("objectives.availability", "Availability as for the other shop."),
        ("services.shop-api.replicas", "Wir brauchen viele davon, wie immer."),
        ("services.shop-api.memory_mib", "Beaucoup de mémoire, plus que pour la production."),
    ],
)
def test_words_that_nothing_read_keep_their_question(path: str, more: str) -> None:
    assert path in asked(asking(path, more=more))


def test_a_question_that_repeats_unread_words_is_asked() -> None:
    more = "Give it plenty of juice at Christmas."
    path = "services.shop-api.cpu_millicores"
    assert path in asked(asking(path, "How much is it?", more, why='it says "plenty of juice at Christmas"'))
    assert path not in asked(asking(path, "How much is it?", more, why="it is always good to know"))


def test_two_values_that_the_request_has_words_for_are_asked() -> None:
    def said(value: int, quote: str) -> dict[str, Any]:
        return {"path": "services.*.port", "value": value, "quote": quote, "source": "request", "negated": False}

    both = (said(8080, "port 8080"), said(9090, "port 9090"))
    assert asked(asking("services.*.port", more="Another listens on port 9090.", candidates=both))
    assert not asked(asking("services.*.port", candidates=both)), "the second is made up"


def test_what_another_environment_is_told_may_be_meant_for_this_one() -> None:
    more = "Staging has the domain staging.acme.example."
    assert "environments.production.domain" in asked(asking("environments.production.domain", more=more))


def test_an_option_settles_a_question() -> None:
    said = {"questions": [{"id": "toolchain.iac", "text": "Which?"}]}
    request = Request(text=f"{TEXT} Infrastructure as code as usual.", choices=Choices(iac="terraform"))
    result = refine(request, None, Scripted(script=[said]), Budget())
    assert result.refinement.spec is not None
    assert [item.why for item in result.log if item.kind == "not_asked"] == ["an option states it"]


def test_what_is_missing_and_matters_is_asked_whatever_the_model_asks() -> None:
    said = {"questions": [{"id": "services.shop-api.image", "text": "Which image?"}]}
    request = Request(text=TEXT.partition(" The image")[0])
    result = refine(request, None, Scripted(script=[said]), Budget())
    assert "services.shop-api.image" in asked(result)
    assert not [item for item in result.log if item.kind == "not_asked"]


@pytest.mark.parametrize(("quote", "blocks"), [("four copies, please", False), ("listens on port 8080", True)])
def test_a_value_whose_words_stand_nowhere_is_refused_and_not_asked_about(quote: str, blocks: bool) -> None:
    path = "services.shop-api.replicas"
    said = {"claims": [{"path": path, "value": 4, "quote": quote, "source": "request", "negated": False}]}
    result = refine(Request(text=TEXT), None, Scripted(script=[said]), Budget())
    assert (path in asked(result)) == blocks, "words that are there may be explained by a person"
    assert result.measures.claims_refused == 1
    assert any(item.kind == "refused" and item.path == path for item in result.log)
