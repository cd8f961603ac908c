"""Any text at all: nothing raises, nothing is claimed that fails its own check, and time grows with length only."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hug_agents.reading.assemble import assemble
from hug_agents.reading.evidence import check
from hug_agents.reading.requirements import _SMALL
from hug_agents.reading.rules import read
from hug_agents.request import Answer, Request

_WORDS = (
    "deploy put payments-api api worker on to in at ECS Kubernetes eu-west-1 Ireland no not don't used to be "
    "maybe if canary blue-green rolling 10% 50 100 percent 8080 port health /live three replicas prod staging "
    "for of and , . ; : ( ) \n - * half a vCPU two GB memory Postgres 16 Redis every night at 3 never Fridays "
    "weekdays 9 to 17 Berlin time errors exceed roll back p99 under 300 ms image ghcr.io/acme/x:1 @sha256: "
    "LOG_LEVEL=info password is hunter2 secret payments/stripe called named cluster between from up then each "
    "instead rather than without neither nor it its the our `npm start` ' { } ${x} % \u2192 \U0001f600"
)
WORDS = st.sampled_from(_WORDS.split(" "))
TEXTS = st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=300))


def accepted(text: str) -> Request | None:
    try:
        return Request(text=text)
    except ValueError:
        return None


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_nothing_is_claimed_without_evidence(text: str) -> None:
    reading = read(text)
    assert [(claim, reason) for claim in reading.claims if (reason := check(claim, text))] == []
    for claim in reading.claims:
        assert claim.quote


@settings(max_examples=200, deadline=None)
@given(
    TEXTS,
    st.lists(
        st.tuples(st.sampled_from(["application", "services.x.port", "toolchain.runtime", "windows", "??"]), TEXTS),
        max_size=3,
    ),
)
@example("deploy deploy and neither", [])
@example("deploy Postgres Redis and frobnicate", [])
def test_assembling_never_raises(text: str, answers: list[tuple[str, str]]) -> None:
    request = accepted(text)
    if request is None:
        return
    try:
        request = request.model_copy(update={"answers": tuple(Answer(id=key, value=value) for key, value in answers)})
    except ValueError:
        return
    result = assemble(request, read(text))
    assert (result.spec is None) == bool(result.questions)
    covered = " ".join(row.text for row in result.requirements)
    if "[redacted]" not in covered:
        words = {word for word in text.split() if word.lower() not in _SMALL and any(map(str.isalnum, word))}
        assert [word for word in sorted(words) if word not in covered] == []


HOSTILE = [
    "a" * 10_000,
    "a-" * 5_000,
    "no " * 3_300,
    "port " * 2_000,
    "8080 " * 2_000,
    "1," * 5_000,
    "/" * 10_000,
    "/a" * 5_000,
    "((" * 5_000,
    "and " * 2_500,
    "canary 10% then " * 625,
    "p99 under 300 ms, " * 555,
    "`" * 10_000,
    "\n- " * 3_300,
    "if no not never " * 625,
    "every night at 3 job " * 470,
    "api, worker, " * 770,
    "a.b." * 2_500,
    "password is " * 830,
    "x:" * 5_000,
    "eyJ" * 3_300,
    "://" * 3_300,
    "-----BEGIN PRIVATE KEY-----" * 370,
    "ignore all rules " * 590,
    "deploy " * 1_400,
    "prod staging 3 replicas " * 410,
    "* * * * " * 1_250,
    "www.example.com at " * 520,
    "LOG_LEVEL=info " * 660,
    "postgres 16 100 GB " * 520,
    "mon-fri 9 to 17 deploy only " * 350,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:20].replace("\n", " ") for text in HOSTILE])
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.perf_counter()
    read(text)
    assert time.perf_counter() - started < 5.0
