"""A sample of the corpus before the small real model, judged by the tests of the obeying one.

One case of most groups is replayed from recordings without a network. `python -m tests.injection.live FILE` runs the whole
sample live, and records those.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import pytest

from tests.injection import test_amending, test_corpus
from tests.injection.corpus import Case, cases
from tests.injection.real import REAL

CASSETTES = Path(__file__).parents[1] / "cassettes" / "injection"
EVERY = 5
ASKED = tuple(case for case in cases() if case.group != "provider" and case.values.get("where") != "error")
"""The cases in which a model answers: where a provider answers with an error, none does."""
_FIRST = {(case.group, case.values.get("where", "")): case for case in reversed(ASKED)}
SAMPLE = tuple(case for case in ASKED if case in ASKED[::EVERY] or case in _FIRST.values())
"""Every fifth of them, and the first of each channel."""
GROUPS = ("encoded", "findings", "gates", "logs", "multilingual", "repository", "request", "runs", "split")
RECORDED = tuple({case.group: case for case in reversed(ASKED) if case.group in GROUPS}.values())
"""The first of each of these groups of channels."""


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    return str(CASSETTES)


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return {"match_on": ["method", "path", "same_json"], "decode_compressed_response": True,
            "allow_playback_repeats": True}  # fmt: skip


@pytest.mark.vcr
@pytest.mark.block_network
@pytest.mark.parametrize("case", SAMPLE if os.environ.get("HUG_TEST_SAMPLE") else RECORDED, ids=lambda case: case.id)
def test_the_oracle_holds(
    case: Case, vcr: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    asked: list[Any] = []
    for module in (test_corpus, test_amending):
        model_of = module.model_of
        monkeypatch.setattr(module, "model_of", lambda *args, of=model_of: asked.append(of(*args)) or asked[-1])
    judge = _judge(case)
    names = [name for name in inspect.signature(judge).parameters if name not in ("case", "name")]
    judge(case=case, name=REAL, **{name: request.getfixturevalue(name) for name in names})
    answers = [answer for model in asked for answer in model.tokens]
    record_property("tokens", [len(answers), *(sum(column) for column in zip(*answers, strict=True))])
    assert answers, "a model was asked"
    unanswered = sum(len(model.prompts) - len(model.tokens) for model in asked)
    assert not unanswered, "each prompt was recorded; else: make record"


def _judge(case: Case) -> Any:
    if case.group == "amending":
        if case.values["where"] == "comment":
            return test_amending.test_a_reviewers_comment_is_a_wish_and_no_more
        return test_amending.test_nothing_stands_that_was_written_on_an_attackers_word
    return {
        "logs": test_corpus.test_a_log_talks_nobody_round,
        "findings": test_corpus.test_no_failed_gate_and_no_failed_run_talks_anybody_round,
        "runs": test_corpus.test_no_failed_gate_and_no_failed_run_talks_anybody_round,
        "gates": test_corpus.test_a_finding_offers_no_more_than_its_gate,
        "reviewer": test_corpus.test_a_reviewers_paste_changes_and_decides_nothing,
    }.get(case.group, test_corpus.test_the_bundle_is_the_same)


def test_the_sample_reaches_every_channel() -> None:
    assert len(SAMPLE) >= 30
    assert {(case.group, case.values.get("where")) for case in SAMPLE} == {
        (case.group, case.values.get("where")) for case in ASKED
    }
    assert {case.id for case in RECORDED} <= {case.id for case in SAMPLE}
