"""Smoke tests and the analysis of rollouts that come from a file, beside what the words say."""

from __future__ import annotations

from pathlib import Path

import pytest

from hug_agents.cli.generate import read_checks
from hug_agents.errors import UsageError
from hug_agents.generation import generate
from hug_agents.request import Choices

REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster main, "
    "canary 10 then 100 percent, health check on /healthz"
)
FILE = """
analysis:
  interval_seconds: 5
  queries:
    - {name: saturation, promql: 'max(queue_length{version="{{version}}"})', at_most: 100}
smoke_tests:
  - {service: hello, path: /healthz}
  - {service: hello, method: POST, path: /pay, send: '{"amount": 1}', status: 201, contains: paid}
"""


def test_they_come_beside_what_the_words_say(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text(FILE)
    choices = Choices(checks=read_checks(tmp_path / "checks.yaml"))
    spec = generate(REQUEST, choices=choices, gates=(), store=tmp_path / "store").spec
    assert spec.analysis
    assert (spec.analysis.interval_seconds, spec.analysis.queries[0].at_most) == (5, 100)
    assert [test.path for test in spec.smoke_tests] == ["/healthz", "/pay"], "the same test is asked once"
    assert spec.evidence_for("analysis").kind == "option"


def test_without_them_nothing_is_written_about_an_analysis(tmp_path: Path) -> None:
    spec = generate(REQUEST, gates=(), store=tmp_path / "store").spec
    assert spec.analysis is None
    assert "analysis" not in spec.model_dump(mode="json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("analysis: {interval_seconds: 0}", "analysis.interval_seconds"),
        ("analysis: {queries: [{name: q, promql: up}]}", "needs at_most or at_least"),
        ("smoke_tests: [{service: hello, path: no-slash}]", "smoke_tests.0.path"),
        ("analyses: {}", "analyses"),
        ("[1, 2]", "valid dictionary"),
        ("a: [", "checks.yaml:1: not YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "checks.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_checks(tmp_path / "checks.yaml")


def test_queries_without_a_prometheus_are_refused_before_anything_starts(tmp_path: Path, live: object) -> None:
    from tests.live import Live

    assert isinstance(live, Live)
    assert live.site
    (tmp_path / "checks.yaml").write_text(FILE)
    with pytest.raises(UsageError, match="no Prometheus is named"):
        live.site.start(REQUEST, choices=Choices(checks=read_checks(tmp_path / "checks.yaml")))
    assert live.done == []
