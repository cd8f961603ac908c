"""The command line: one message and one exit code for every way to go wrong, one JSON object for programs."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hug_agents.cli import main
from hug_agents.output import MANIFEST

CLEAR = "Deploy hello from ghcr.io/acme/hello:1.2.0 on port 8080 to the Kubernetes cluster main, rolling, health check on /healthz"
UNCLEAR = "Deploy hello to the Kubernetes cluster main, health check on /healthz"


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def hug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ran:
        with pytest.raises(SystemExit) as leaving:
            main(list(words))
        captured = capsys.readouterr()
        return Ran(int(leaving.value.code or 0), captured.out, captured.err)

    return run


def test_one_json_object_holds_everything(hug: Any, tmp_path: Path) -> None:
    ran = hug("generate", CLEAR, "--gate", "well-formed", "--json")
    assert ran.code == 0, ran.err
    made = ran.json
    assert made["status"] == "done" and made["verdict"] == "incomplete", "one gate of many is not a pass"
    assert made["spec"]["services"][0]["port"] == 8080
    assert {item["path"] for item in made["spec"]["evidence"]} >= {"services.hello.port", "services.hello.image"}
    assert made["questions"] == [] and made["requirements"][0]["status"] == "met"
    assert made["gates"][0]["name"] == "well-formed" and made["gates"][0]["status"] == "passed"
    assert (made["model"], made["tokens"]) == ("offline", {"input": 0, "cached": 0, "output": 0})
    assert made["seconds"] > 0 and all("sha256:" in prompt for prompt in made["prompts"])
    for file in made["files"]:
        import hashlib

        assert hashlib.sha256((tmp_path / "hug-release" / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    manifest = json.loads((tmp_path / "hug-release" / MANIFEST).read_text())
    assert len(manifest["entries"]) == len(made["files"])


def test_for_people_it_says_what_was_understood_and_what_not(hug: Any) -> None:
    ran = hug("generate", CLEAR + ". Set up a VPN to the office.", "--gate", "none")
    assert ran.code == 0
    assert "services.hello.port" in ran.out and "8080" in ran.out
    assert "UNMET" in ran.out and "VPN" in ran.out
    assert "not a pass" in ran.out


def test_questions_then_answers_by_flag_and_by_file(hug: Any, tmp_path: Path) -> None:
    ran = hug("generate", UNCLEAR, "--gate", "none")
    assert ran.code == 4
    assert "services.hello.port" in ran.err and "hug generate --resume" in ran.err
    ran = hug("generate", UNCLEAR, "--gate", "none", "--json")
    assert ran.code == 4 and ran.json["status"] == "questions"
    asked = {question["id"] for question in ran.json["questions"]}
    (tmp_path / "answers.yaml").write_text("services.hello.image: ghcr.io/acme/hello:1.2.0\n")
    assert "services.hello.image" in asked
    words = ["--answers", "answers.yaml", "--answer", "services.hello.port=8080", "--gate", "none", "--json"]
    ran = hug("generate", "--resume", ran.json["run"], *words)
    assert ran.code == 0, ran.err
    assert ran.json["spec"]["services"][0]["port"] == 8080
    evidence = {item["path"]: item["kind"] for item in ran.json["spec"]["evidence"]}
    assert evidence["services.hello.port"] == "answer"


def test_an_unusable_answer_is_asked_again(hug: Any) -> None:
    run = hug("generate", UNCLEAR, "--gate", "none", "--json").json["run"]
    words = ["--answer", "services.hello.port=ninety thousand", "--answer", "services.hello.image=ghcr.io/acme/hello:1"]
    ran = hug("generate", "--resume", run, *words, "--gate", "none", "--json")
    assert ran.code == 4
    assert [question["id"] for question in ran.json["questions"]] == ["services.hello.port"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["generate"], "say what to deploy"),
        (["generate", "   "], "the request is empty"),
        (["generate", "deploy\x00 hello"], "control characters"),
        (["generate", "deploy hello " * 2000], "10,000 characters"),
        (["generate", CLEAR, "--answer", "services.hello.port=80\x1b[31m"], "an answer cannot be used"),
        (["generate", "x", "--resume", "run-nothing"], "no run 'run-nothing'"),
        (["generate", CLEAR, "--repo", "nowhere"], "nowhere"),
        (["generate", CLEAR, "--answers", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (["generate", CLEAR, "--answers", "broken.yaml"], "broken.yaml:2: not YAML"),
        (["generate", CLEAR, "--checks", "broken.yaml"], "broken.yaml:2: not YAML"),
        (["generate", CLEAR, "--gate", "none", "--out", "/proc/hug-release"], "/proc/hug-release: cannot be written"),
        (["drift"], "nothing was put anywhere yet"),
        (["generate", CLEAR, "--answer", "no-equals-sign"], "write it as ID=VALUE"),
        (["generate", CLEAR, "--iac", "chef", "--gate", "none"], "chef is not a system for iac"),
        (["generate", CLEAR, "--ci", "Not An Id"], "not the id of a system"),
        (["generate", CLEAR, "--gate", "no-such-gate"], "no-such-gate"),
        (["generate", CLEAR, "--model", "nobody:nothing", "--gate", "none"], "nobody"),
        (["generate", CLEAR, "--store", "a-file"], "a-file"),
        (["nonsense"], "No such command"),
        (["generate", CLEAR, "--nonsense"], "No such option"),
    ],
)
def test_what_cannot_be_used_is_one_message(hug: Any, tmp_path: Path, words: list[str], says: str) -> None:
    (tmp_path / "a-file").write_text("x")
    (tmp_path / "broken.yaml").write_text("a: [b\n")
    ran = hug(*words)
    assert ran.code in (1, 2), ran.out + ran.err
    assert says in ran.err and "Traceback" not in ran.err
    assert not (tmp_path / "hug-release").exists()
    ran = hug(*words, "--json")
    said = ran.json["error"]
    assert ran.json["status"] == "error" and says in f"{said['where']}: {said['what']} {said['next']}"
    assert said["kind"] != "HugError", "a kind that says nothing"


def test_nothing_that_is_not_ours_is_overwritten(hug: Any, tmp_path: Path) -> None:
    out = tmp_path / "hug-release"
    out.mkdir()
    (out / "spec.json").write_text("mine")
    ran = hug("generate", CLEAR, "--gate", "none")
    assert ran.code == 2 and "spec.json" in ran.err
    assert [path.name for path in out.iterdir()] == ["spec.json"] and (out / "spec.json").read_text() == "mine"


def test_a_failed_gate_exits_3_and_keeps_the_files(hug: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hug_agents.validate import Finding, GateResult
    from hug_agents.workflow import nodes

    finding = Finding(
        gate="g", rule="X1", severity="error", message="no", file="deploy/deploy.sh", line=3, remedy="do this"
    )
    failed = (GateResult(name="g", tool="", status="failed", findings=(finding,)),)
    monkeypatch.setattr(nodes, "run_gates", lambda *_, **__: failed)
    ran = hug("generate", CLEAR)
    assert ran.code == 3
    assert "deploy/deploy.sh:3" in ran.out and "do this" in ran.out
    assert (tmp_path / "hug-release" / "deploy" / "deploy.sh").exists()


def test_standard_input_with_the_line_ends_of_any_system(hug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeff" + CLEAR.replace(", ", ".\r\n")))
    assert hug("generate", "-", "--gate", "none", "--json").code == 0


def test_systems_lists_all_nineteen(hug: Any) -> None:
    ran = hug("systems", "--json")
    assert len(ran.json["systems"]) == 19
    assert {item["family"] for item in ran.json["systems"]} == {
        "infrastructure", "pipelines", "orchestration", "monitoring", "rollback", "repositories",
    }  # fmt: skip
    assert "Argo Rollouts" in hug("systems").out


def test_doctor_says_what_is_here(hug: Any) -> None:
    ran = hug("doctor", "--json")
    assert {"terraform", "promtool", "zizmor"} <= {tool["program"] for tool in ran.json["tools"]}
    assert ran.code == (0 if all(tool["found"] for tool in ran.json["tools"]) else 1)
    missing = [tool for tool in ran.json["tools"] if not tool["found"]]
    assert all(tool["install"] and tool["absence"] for tool in missing)


def test_help_does_not_load_what_is_heavy() -> None:
    import subprocess
    import sys

    code = "import sys\nfrom hug_agents.cli import cli\ntry:\n    cli(['generate', '--help'])\nexcept SystemExit:\n    pass\n"
    code += "print([name for name in sys.modules if name.split('.')[0] in ('langgraph', 'langchain_core', 'openai')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_was_noted_on_the_way_is_told_to_people_to_programs_and_to_approvers(hug: Any, tmp_path: Path) -> None:
    """A part of the repository that is left out, a value that gave way: known, so it is said."""
    app = tmp_path / "shop"
    app.mkdir()
    (app / "Procfile").write_text("web: gunicorn app:app -b 0.0.0.0:8000\nworker: celery -A app worker\n")
    (app / "requirements.txt").write_text("flask==3.0.3\ngunicorn==22.0.0\n")
    (app / "app.py").write_text(
        'import os\nfrom flask import Flask\napp = Flask(__name__)\nKEY = os.environ["SHOP_KEY"]\n'
    )
    words = ("generate", "Deploy shop to Kubernetes, rolling", "--repo", str(app), "--gate", "none")
    programs = hug(*words, "--out", str(tmp_path / "one"), "--json")
    assert programs.code == 0, programs.out + programs.err
    notes = " ".join(programs.json["notes"])
    assert "worker (Procfile:2)" in notes and "SHOP_KEY" in notes
    people = " ".join(hug(*words, "--out", str(tmp_path / "two")).out.split())
    assert "NOTED the repository also runs worker (Procfile:2)" in people
    plan = (tmp_path / "one" / "docs" / "deployment-plan.md").read_text()
    assert "the repository also runs worker" in plan


def test_an_error_has_no_colour_where_nobody_wants_any(monkeypatch: pytest.MonkeyPatch) -> None:
    from hug_agents.cli.console import complain
    from hug_agents.errors import UsageError

    def said() -> str:
        terminal = io.StringIO()
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr("sys.stderr", terminal)
        complain(UsageError("it is wrong"))
        return terminal.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    assert "31m" in said()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in said()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert said() == "hug: it is wrong\n"
