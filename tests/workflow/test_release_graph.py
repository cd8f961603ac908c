"""The graph: what it remembers, how it waits, and how it goes on in another process."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hug_agents.approve.packet import Packet
from hug_agents.errors import UsageError
from hug_agents.plans import Blueprint
from hug_agents.request import Request
from hug_agents.spec import DeploymentSpec
from hug_agents.store import Store
from hug_agents.validate import Finding, GateResult
from hug_agents.validate.gate import Fix
from hug_agents.workflow import Crew, run
from hug_agents.workflow.checkpoints import CheckpointAnswer, shape_of
from tests.governed import Site

CLEAR = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster main, "
    "rolling, health check on /healthz"
)
UNCLEAR = "Deploy hello to the Kubernetes cluster main, rolling, health check on /healthz"


@pytest.fixture
def crew(tmp_path: Path) -> Crew:
    return Crew(store=Store(tmp_path / "store"))


def begin(crew: Crew, text: str = CLEAR, **more: Any) -> run.Position:
    request = crew.store.put_model(Request(text=text))
    return run.start(crew, run.as_input({"request": request, "scope": "bundle", **more}), thread=run.new_thread())


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "perhaps"},
        "yes",
        {"decisions": []},
        {"decisions": [{"type": "approve"}] * 2},
        {"type": "approve", "run": "x"},
        {"type": "edit"},
        {"type": "approve", "edits": {"by": "ana"}},
        {"type": "approve", "comment": "x" * 10_000_001},
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_a_malformed_answer_is_refused(site: Site, answer: object) -> None:
    release = site.start()
    first = run.look(release._crew, release.id)
    with pytest.raises(ValidationError):
        run.resume(release._crew, release.id, answer)
    assert run.look(release._crew, release.id).interrupt == first.interrupt


def test_an_answer_about_another_packet_moves_nothing(site: Site) -> None:
    release = site.start()
    second = run.resume(release._crew, release.id, {"type": "approve", "digest": "sha256:" + "0" * 64})
    assert second.pending["checkpoint"] == "pre_deployment"
    assert "another packet" in second.pending["notice"]


def test_the_payload_is_a_hitl_request_with_the_packet(site: Site) -> None:
    release = site.start()
    payload = run.look(release._crew, release.id).pending
    [action], [config] = payload["action_requests"], payload["review_configs"]
    assert action["name"] == config["action_name"] == "pre_deployment"
    packet = Packet.model_validate(payload["review"])
    assert packet.digest() == payload["packet"] == action["args"]["packet"]
    assert "[ ]" in action["description"]


def test_a_crew_without_an_executor_starts_no_release(crew: Crew, green: object) -> None:
    with pytest.raises(UsageError, match="releases nothing"):
        begin(crew, scope="release")


def test_questions_are_asked_at_once_and_answered_in_another_process(crew: Crew, tmp_path: Path) -> None:
    position = begin(crew, UNCLEAR, scope="bundle")
    assert position.status == "questions"
    asked = {question["id"] for question in position.pending["questions"]}
    assert {"services.hello.image", "services.hello.port"} <= asked
    answers = json.dumps({"services.hello.image": "ghcr.io/acme/hello:1.2.0", "services.hello.port": "8080"})
    code = (
        "import json, sys; from pathlib import Path; from hug_agents import answer; "
        "made = answer(sys.argv[1], json.loads(sys.argv[2]), store=sys.argv[3], gates=()); print(made.spec.services[0].port)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, position.thread, answers, str(crew.store.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "8080", done.stderr


def failed(path: str, value: int) -> tuple[GateResult, ...]:
    finding = Finding(
        gate="stand-in",
        rule="X1",
        severity="error",
        message="too few",
        fix=Fix(path=path, value=value, reason="at least that"),
    )
    return (GateResult(name="stand-in", tool="", status="failed", findings=(finding,)),)


def test_repair_changes_what_nobody_stated(crew: Crew, green: list[tuple[GateResult, ...]]) -> None:
    green.append(failed("drill_every_days", 14))
    position = begin(crew)
    assert (position.status, position.state["repairs"]) == ("ended", 1)
    assert crew.store.get_model(DeploymentSpec, position.digest("spec")).drill_every_days == 14
    assert crew.store.get_model(Blueprint, position.digest("blueprint")).spec.drill_every_days == 14


def test_repair_leaves_what_was_asked_for(crew: Crew, green: list[tuple[GateResult, ...]]) -> None:
    green.append(failed("services.hello.port", 9))
    position = begin(crew)
    assert (position.status, position.state["outcome"], position.state["repairs"]) == ("ended", "gates_failed", 0)


def test_repair_is_bounded(crew: Crew, green: list[tuple[GateResult, ...]]) -> None:
    green.extend(failed("drill_every_days", number) for number in range(11, 31))
    position = begin(crew)
    assert (position.status, position.state["outcome"], position.state["repairs"]) == ("ended", "gates_failed", 3)


def test_a_skipped_required_gate_is_not_a_pass(crew: Crew, green: list[tuple[GateResult, ...]]) -> None:
    green.append((GateResult(name="stand-in", tool="x", status="skipped", reason="x, install with y"),))
    position = begin(crew)
    assert (position.status, position.state["outcome"]) == ("ended", "gates_incomplete")


def test_state_holds_digests_and_never_contents(crew: Crew, green: object) -> None:
    position = begin(crew)
    bundle = crew.store.get_bundle(position.digest("bundle"))
    assert len(json.dumps(position.state)) < 8_000
    stored = b"".join(
        value if isinstance(value, bytes) else str(value).encode()
        for table in ("checkpoints", "writes")
        for row in sqlite3.connect(crew.store.checkpoints).execute(f"SELECT * FROM {table}")
        for value in row
        if value is not None
    )
    assert bundle["docs/runbook.md"].data[:200] not in stored
    assert position.digest("bundle").encode() in stored


def test_a_killed_run_is_taken_up_where_it_stopped(crew: Crew) -> None:
    code = (
        "import os, sys; from pathlib import Path; from hug_agents.store import Store; from hug_agents.request import Request; "
        "from hug_agents.workflow import Crew, nodes, run; "
        "nodes.run_gates = lambda *a, **k: os.kill(os.getpid(), 9); "
        "crew = Crew(store=Store(Path(sys.argv[1]))); "
        "run.start(crew, {'request': crew.store.put_model(Request(text=sys.argv[2])), 'scope': 'bundle'}, thread='killed')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(crew.store.root), CLEAR], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    position = run.look(crew, "killed")
    assert (position.status, bool(position.digest("bundle"))) == ("interrupted", True)
    bundle = position.digest("bundle")
    position = run.resume(Crew(store=crew.store, gates=()), "killed")
    assert (position.status, position.state["verdict"], position.digest("bundle")) == ("ended", "incomplete", bundle)


def test_what_there_is_not(crew: Crew) -> None:
    with pytest.raises(UsageError, match="no run 'nothing'"):
        run.look(crew, "nothing")
    with pytest.raises(UsageError, match="empty"):
        run.start(crew, run.as_input({"text": "  ", "scope": "bundle"}), thread="empty")


def test_decisions_of_other_clients_are_understood() -> None:
    assert CheckpointAnswer.model_validate({"decisions": [{"type": "approve"}]}).type == "approve"
    answer = CheckpointAnswer.model_validate({"decisions": [{"type": "reject", "message": "no"}]})
    assert (answer.type, answer.comment) == ("reject", "no")


def test_a_client_is_told_the_whole_shape_of_an_answer() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(shape_of(CheckpointAnswer))
    schema = adapter.json_schema()
    assert "$ref" not in str(schema)
    assert "fields" in schema["properties"]["edits"]["anyOf"][0]["properties"]
    assert adapter.validate_python({"type": "respond", "message": "later"}).type == "request_changes"
    with pytest.raises(ValidationError):
        adapter.validate_python({"type": "perhaps"})
