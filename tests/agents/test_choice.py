"""One model for all agents, or each its own; what is missing is said before any of them is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.agents.budget import Usage, totals
from hug_agents.agents.choice import by_agent, described, read_words
from hug_agents.cli import main
from hug_agents.errors import UsageError
from hug_agents.generation import generate
from hug_agents.store import Store
from hug_agents.workflow import Crew
from tests.agents.faulty.driving import REQUEST
from tests.agents.faulty.server import Server
from tests.agents.scripted import Scripted


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "offline"),
        ("openai:x", "openai:x"),
        ("bedrock:arn=1:model", "bedrock:arn=1:model"),
        ("prompt_refiner=openai:x offline", "prompt_refiner=openai:x, deployment=offline, devops=offline"),
        ({"devops": "a:b"}, "prompt_refiner=offline, deployment=offline, devops=a:b"),
        ({"devops": "a:b", "default": "c:d"}, "prompt_refiner=c:d, deployment=c:d, devops=a:b"),
        (Scripted(script=[]), "Scripted"),
    ],
)
def test_a_choice_is_spread_over_the_agents(choice: Any, expected: str) -> None:
    assert described(by_agent(choice, "offline", "model")) == expected


def test_words_of_the_command_line() -> None:
    assert read_words(["devops=openai:x", "offline"], "--model") == {"devops": "openai:x", "default": "offline"}
    assert read_words(["http://h/?a=b"], "--base-url") == {"default": "http://h/?a=b"}
    with pytest.raises(UsageError, match="there is no agent 'janitor'"):
        read_words(["janitor=openai:x"], "--model")
    with pytest.raises(UsageError, match="devops is given twice"):
        read_words(["devops=a:b", "devops=c:d"], "--model")


def test_an_address_that_nobody_uses_is_refused(tmp_path: Path) -> None:
    for model in ("offline", Scripted(script=[])):
        with pytest.raises(UsageError, match="base_url goes with a model's name"):
            Crew(store=Store(tmp_path), model=model, base_url="http://h/v1").models  # noqa: B018 - the access raises


def test_what_is_missing_is_said_before_anything_is_spent(tmp_path: Path, allow_model_requests: None) -> None:
    with Server() as server, pytest.raises(UsageError, match="pip install") as caught:
        models = {"default": "openai:x", "devops": "nobody:x"}
        generate(REQUEST, gates=(), store=tmp_path, model=models, base_url=server.url)
    assert "langchain-nobody" in str(caught.value) and server.served == []


def test_each_agent_asks_its_own(tmp_path: Path, allow_model_requests: None) -> None:
    with Server() as one, Server() as other:
        made = generate(
            REQUEST,
            gates=(),
            store=tmp_path,
            model={"prompt_refiner": "openai:reader", "devops": "openai:operator"},
            base_url={"default": one.url, "devops": other.url},
        )
    assert [served.agent for served in one.served] == ["prompt_refiner"]
    assert [served.body["model"] for served in other.served] == ["operator"]
    assert [(row.agent, row.model) for row in made.spent] == [
        ("prompt_refiner", "reader"),
        ("deployment", "offline"),
        ("devops", "operator"),
    ]
    assert made.model == "prompt_refiner=openai:reader, deployment=offline, devops=openai:operator"
    assert made.to_json()["agents"][0]["output_tokens"] == made.spent[0].output_tokens > 10
    html = made._repr_html_()
    assert "<h4>Models</h4>" in html and f"<td style='text-align:left'>{made.spent[0].input_tokens}</td>" in html


def test_the_command_line_shows_what_each_agent_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], allow_model_requests: None
) -> None:
    monkeypatch.chdir(tmp_path)
    with Server() as server, pytest.raises(SystemExit) as leaving:
        words = ["--model", "devops=openai:m", "--base-url", server.url, "--budget", "attempts=2"]
        main(["generate", REQUEST, "--gate", "none", *words])
    shown = capsys.readouterr().out
    assert leaving.value.code == 0
    row = next(line.split() for line in shown.splitlines() if line.split()[:2] == ["devops", "m"])
    assert row[2:4] == ["1", "0"] and int(row[4].replace(",", "")) > 500 and int(row[6]) > 10


@pytest.mark.parametrize("word", ["seconds=0", "seconds=inf", "tokens=many", "minutes=3", "attempts"])
def test_a_budget_that_cannot_be_used(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main(["generate", REQUEST, "--budget", word, "--json"])
    assert leaving.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "--budget"


def test_rows_are_summed_by_agent_and_model() -> None:
    one = Usage(agent="devops", model="m", input_tokens=3, cached_tokens=1, requests=1, seconds=0.5)
    asked_nobody = Usage(agent="deployment")
    rows = totals([one, asked_nobody, one, one.model_copy(update={"model": "n"})])
    assert [(row.model, row.input_tokens, row.cached_tokens, row.requests, row.seconds) for row in rows] == [
        ("m", 6, 2, 2, 1.0),
        ("n", 3, 1, 1, 0.5),
    ]
