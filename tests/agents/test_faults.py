"""A server that misbehaves in every way that we know of: recovered, or one clear error; in time; and no run is lost."""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hug_agents.agents.budget import Budget, Event
from hug_agents.errors import BudgetExceeded, ModelError
from hug_agents.generation import Generation, answer, generate
from tests.agents.faulty.__main__ import BEGIN, END, PAGE, check, row
from tests.agents.faulty.driving import REQUEST, ask, begun, hug
from tests.agents.faulty.faults import FAULTS, Fault
from tests.agents.faulty.server import Exchange, Server

pytestmark = pytest.mark.usefixtures("allow_model_requests")
IDS = [fault.id for fault in FAULTS]
BY_ID = {fault.id: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    return generate(REQUEST, gates=(), store=tmp_path_factory.mktemp("good")).bundle.digest()


def made(server: Any, store: Path, seconds: float, *, stream: bool, **more: Any) -> Generation:
    heard = (lambda stage, detail: None) if stream else None
    budget = Budget(seconds=seconds)
    options = {"model": "openai:test", "base_url": server.url, "gates": (), "budget": budget, "progress": heard}
    return generate(REQUEST, store=store, **{**options, **more})


@pytest.mark.parametrize(
    ("times", "stream"), [(1, True), (10**9, True), (10**9, False)], ids=["once", "always", "always, whole"]
)
@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_recovered_or_one_clear_error(fault: Fault, times: int, stream: bool, tmp_path: Path, good: str) -> None:
    seconds = 3.0 if fault.hangs else 30.0
    expected = fault.once if times == 1 else fault.always
    started = time.monotonic()
    with fault.server(times, seconds) as server:
        if expected == "recovered":
            assert made(server, tmp_path, seconds, stream=stream).bundle.digest() == good
            return
        with pytest.raises(ModelError) as caught:
            made(server, tmp_path, seconds, stream=stream)
    error = caught.value
    assert type(error).__name__ == expected
    assert fault.says in error.what
    assert time.monotonic() - started < seconds + 2
    assert error.what.isprintable() and len(error.what) < 1_000 and "sk-proj" not in str(error)
    assert error.spent.agent == "prompt_refiner" and error.spent.requests >= 1
    assert answer(error.run, model="offline", gates=(), store=tmp_path).bundle.digest() == good


@pytest.mark.parametrize("name", ["header-drip"])  # all of them: the nightly test below
def test_on_the_command_line_nothing_is_lost(name: str, tmp_path: Path, good: str) -> None:
    fault = BY_ID[name]
    with fault.server(10**9) as server:
        ran = ask(tmp_path, server.url, fault.seconds)
    assert (ran.code, ran.end) == (1, fault.always), ran.err
    assert ran.err.startswith("hug: prompt_refiner: ") and "the run is kept: run-" in ran.err
    assert fault.says in ran.json["error"]["what"]
    check(ran, fault, tmp_path, good)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda item: item.name)
def test_who_stops_a_run_is_told_what_to_resume(number: signal.Signals, tmp_path: Path, good: str) -> None:
    asked = threading.Event()

    def silent(exchange: Exchange) -> None:
        asked.set()
        exchange.drip(lambda: None)

    with Server(silent) as server:
        words = (REQUEST, "--model", "openai:test", "--base-url", server.url)
        with begun(tmp_path, *words) as running:
            assert asked.wait(60)
            running.send_signal(number)
            _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and "Traceback" not in err
    run = re.search(r"the run is kept: (run-\w+)", err)
    assert run, err
    assert hug(tmp_path, "--resume", run[1], "--model", "offline").json["manifest_digest"] == good


def test_a_run_goes_on_with_another_model(tmp_path: Path, good: str) -> None:
    with Server(BY_ID["500"].reply) as server:
        ran = ask(tmp_path, server.url, 30.0)
    run = ran.json["error"]["run"]
    with Server() as other:
        on = hug(tmp_path, "--resume", run, "--model", "openai:other", "--base-url", other.url)
    assert on.json["manifest_digest"] == good
    assert [item["agent"] for item in on.json["agents"]] == ["prompt_refiner", "deployment", "devops"]
    assert len(other.served) == 3


def test_what_one_agent_finished_is_kept_when_the_other_fails(tmp_path: Path, good: str) -> None:
    seen = threading.Event()

    def devops_fails(exchange: Exchange) -> None:
        right = exchange.right()
        if "You are the DevOps agent" not in exchange.body["messages"][0]["content"]:
            exchange.say(right)
            return
        time.sleep(1.0)  # the other agent is done by then
        seen.set()
        exchange.fail(401, "no")

    with Server(devops_fails) as server, pytest.raises(ModelError, match=r"devops|refused the credentials") as caught:
        made(server, tmp_path, 30.0, stream=False)
    assert seen.is_set() and caught.value.spent.agent == "devops"
    with Server() as other:
        going = answer(
            caught.value.run, model="openai:test", base_url=other.url, gates=(), store=tmp_path, progress=print
        )
    assert [served.agent for served in other.served] == ["devops"], "the deployment agent is not asked again"
    assert going.bundle.digest() == good
    assert [item.agent for item in going.spent] == ["prompt_refiner", "deployment", "devops"]


def test_a_late_stream_is_ended_and_not_left_running(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Server(BY_ID["drip"].reply) as server, pytest.raises(BudgetExceeded):
        made(server, tmp_path, 0.6, stream=True)
        deadline = time.monotonic() + 5
    deadline = time.monotonic() + 5
    while late := [item for item in set(threading.enumerate()) - before if item.name == "hug-model"]:
        assert time.monotonic() < deadline, late
        time.sleep(0.05)


def test_the_table_of_the_docs_says_what_must_be() -> None:
    rows = [re.split(r" \| ", line.strip("|\n ")) for line in table()]
    assert [cells[0] for cells in rows] == [fault.what for fault in FAULTS]
    for fault, cells in zip(FAULTS, rows, strict=True):
        ends = [end if end == "recovered" else f"error: {end}" for end in (fault.once, fault.always)]
        assert [cells[1], cells[5]] == ends, fault.id


def table() -> list[str]:
    text = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


@pytest.mark.nightly
@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_the_table_is_made_again(fault: Fault, good: str) -> None:
    cells = re.split(r" \| ", row(fault, good).strip("|\n "))
    assert [cells[1], cells[5]] == [said_of(fault.once), said_of(fault.always)]


def said_of(end: str) -> str:
    return end if end == "recovered" else f"error: {end}"


def test_events_tell_what_is_said_while_it_is_said(tmp_path: Path) -> None:
    events: list[tuple[str, Any]] = []
    with Server() as server:
        made(server, tmp_path, 30.0, stream=True, progress=lambda stage, detail: events.append((stage, detail)))
    told = [detail for stage, detail in events if stage == "model"]
    assert all(isinstance(event, Event) for event in told)
    for agent in ("prompt_refiner", "deployment", "devops"):
        mine = [event for event in told if event.agent == agent]
        assert mine[0].kind == "attempt" and mine[-1].kind == "answer"
        text = "".join(event.text for event in mine)
        assert text.startswith("{") and text.endswith("}")
        assert max(event.characters for event in mine) == len(text)
    assert server.served[0].body["stream"] is True
    assert server.served[0].body["stream_options"] == {"include_usage": True}


def test_nobody_listens_and_nothing_is_streamed(tmp_path: Path) -> None:
    with Server() as server:
        made(server, tmp_path, 30.0, stream=False)
    assert not any(served.body.get("stream") for served in server.served)
