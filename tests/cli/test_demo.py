"""The demonstration: the whole story once, and that nothing of it is ever left running."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.state import World
from hug_agents.approve.audit import verify
from hug_agents.approve.ledger import Entry, Ledger
from hug_agents.approve.policy_file import load_policy
from hug_agents.cli.narrator import AtTheTerminal, Narrator
from hug_agents.cli.rollout import RolloutView
from hug_agents.demonstration.reviewing import ByTheBook
from hug_agents.demonstration.site import ENVIRONMENTS, REVIEWERS, Site
from hug_agents.demonstration.story import cause_of, default_acts
from hug_agents.demonstration.summary import Audit, Part, problems_of
from hug_agents.demonstration.traffic import Counted
from hug_agents.demonstration.versions import APPLICATION, BEFORE, FAULTY, GOOD, Version, changes, lay_out
from hug_agents.errors import UsageError
from hug_agents.execute.events import events
from hug_agents.generation import generate
from hug_agents.rollout.deployment import Trouble
from hug_agents.rollout.drill import Phase
from hug_agents.rollout.steps import Step
from hug_agents.rollout.verdict import Check, Verdict
from tests import governed

HUG = str(Path(sys.executable).parent / "hug")
PATIENCE = 900
"""Seconds after which a run on a machine with much else to do counts as stuck."""


def left(folder: Path) -> list[int]:
    """Processes that still run for a demonstration's folder."""
    return [pid for name in ENVIRONMENTS for pid in lifetime.processes(World(folder / "store", APPLICATION, name))]


def entries(folder: Path) -> list[Entry]:
    return list(Ledger(folder / "store" / "ledger.sqlite").stream())


@pytest.mark.slow
def test_the_whole_story(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [HUG, "demo", "--out", str(folder), "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert left(folder) == []
    found = json.loads(done.stdout)
    assert found["status"] == "as told" and found["problems"] == []
    before, good, faulty = found["parts"]
    assert [before["outcome"], good["outcome"], faulty["outcome"]] == ["released", "released", "rolled_back"]
    assert good["traffic"]["sent"] > 0 and good["traffic"]["failed"] == 0
    assert faulty["traffic"]["failed"] > 0 and faulty["after"]["failed"] == 0
    assert "JPY" in faulty["cause"] and "failed" in faulty["trouble"]
    assert faulty["verdicts"][-1] == "bad"
    assert sorted(found["drift"]) == [["production", "none"], ["staging", "none"]]

    listed = entries(folder)
    told = list(events(listed))
    went = [
        (item.release, item.outcome) for item in told if item.name == "deployment_ended" and item.role == "production"
    ]
    assert went == [
        ("payments-1-3-0", "deployed"), ("payments-1-4-0", "deployed"), ("payments-1-5-0", "rolled_back"),
    ]  # fmt: skip
    assert [item.outcome for item in told if item.name == "drill_ended"] == ["passed"] * 3
    assert [item.outcome for item in told if item.name == "rollback_ended"] == ["passed"]
    signed = {item.envelope.document.reviewer for item in listed if item.kind == "decision"}
    assert signed == {item.id for item in REVIEWERS}
    policy = load_policy(folder / "governance.yaml")
    again = verify(Ledger(folder / "store" / "ledger.sqlite"), keys=[key for _, key in policy.keys.values()])
    assert again.signatures == found["audit"]["signatures"] == 18
    for words in ("Pre-Deployment Approval", "Rollback Drill", "not met", "VPN", "inject errors", "KeyError: 'JPY'"):
        assert words in done.stderr, words
    assert "\x1b[" not in done.stderr, "no colour and no cursor where nobody watches"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda item: item.name)
def test_whatever_ends_it_nothing_is_left_running(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "demo"
    running = subprocess.Popen(
        [HUG, "demo", "--out", str(folder)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    staging = World(folder / "store", APPLICATION, "staging")
    try:
        until = time.monotonic() + PATIENCE
        while not _healthy(staging):
            assert running.poll() is None, running.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.2)
        os.kill(running.pid, number)
        said, _ = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number], said
    until = time.monotonic() + 120
    while left(folder) and time.monotonic() < until:
        time.sleep(0.2)
    assert left(folder) == []


def _healthy(world: World) -> bool:
    seen = world.observed()
    return bool(seen and any(item.state == "healthy" for item in seen.replicas))


def test_the_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="not of a demonstration"):
        Site(tmp_path).__enter__()
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_a_site_has_keys_of_its_own_and_is_made_anew(tmp_path: Path) -> None:
    with Site(tmp_path / "demo") as site:
        first = site.key("ana").public
        assert {person.id for person in site.policy.people} == {"ana", "ben", "cho"}
        assert first.id in site.policy.keys
        with pytest.raises(UsageError, match="another demonstration"):
            Site(tmp_path / "demo").__enter__()
    with Site(tmp_path / "demo") as site:
        assert site.key("ana").public != first
        assert site.address() is None


@pytest.mark.parametrize("version", [BEFORE, GOOD, FAULTY], ids=lambda item: item.number)
def test_every_version_runs_and_only_one_cannot_take_yen(version: Version, tmp_path: Path) -> None:
    lay_out(version, tmp_path / "app")
    assert f'version = "{version.number}"' in (tmp_path / "app" / "pyproject.toml").read_text()
    code = (
        "import sys; from app.payments import NewPayment, Payments\n"
        "Payments().authorise(NewPayment(amount=1250, currency=sys.argv[1], reference='a'))"
    )
    codes = [
        subprocess.run(
            [sys.executable, "-c", code, currency], cwd=tmp_path / "app", check=False, capture_output=True
        ).returncode
        for currency in ("EUR", "JPY")
    ]
    assert codes == ([0, 1] if version is FAULTY else [0, 0])


def test_the_fault_is_hidden_from_the_tests_of_its_author(tmp_path: Path) -> None:
    lay_out(FAULTY, tmp_path / "app")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "app",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert any("MINOR_DIGITS" in line for line in changes(GOOD, FAULTY))


@pytest.mark.parametrize("monitored", [True, False])
def test_one_sentence_cannot_be_met_and_without_promtool_no_monitoring_is_asked_for(
    monitored: bool, tmp_path: Path
) -> None:
    lay_out(GOOD, tmp_path / "app")
    request = default_acts(monitored=monitored)[1].request
    made = generate(request, repo=tmp_path / "app", model="offline", gates=(), store=tmp_path / "store")
    assert bool(made.spec.toolchain.monitors) == monitored
    assert [item.text for item in made.requirements if item.status != "met"] == ["Set up a VPN to the office."]
    assert made.spec.strategy.keep_old_seconds == 10 and made.spec.version == GOOD.number


@pytest.mark.parametrize("width", [80, 120])
def test_what_was_understood_can_be_told_apart_in_any_width(width: int, tmp_path: Path) -> None:
    lay_out(GOOD, tmp_path / "app")
    act = default_acts(monitored=True)[1]
    made = generate(act.request, repo=tmp_path / "app", model="offline", gates=(), store=tmp_path / "store")
    out = Console(width=width, file=io.StringIO(), record=True)
    tell = Narrator(out, None, lambda: None)
    tell("act", act)
    tell("generated", made)
    table = out.export_text().partition("words")[2].partition("  and ")[0].splitlines()
    values = [line.split()[0] for line in table if line.strip() and line[0] != " "]
    assert len(values) == len(set(values)) == 8
    assert any(value.endswith("build.stack.framework") for value in values)
    assert any(line.rstrip().endswith("os.envir…") for line in table), "what is cut says so"


def test_what_did_not_go_as_told_is_said() -> None:
    before = Part(release="a", version="1.3.0", outcome="released")
    good = Part(release="b", version="1.4.0", outcome="released", traffic=Counted(sent=10, seconds=1))
    faulty = Part(release="c", version="1.5.0", outcome="rolled_back", after=Counted(sent=5, seconds=1))
    audit = Audit(entries=1, signatures=1, head="1 sha256:0")
    assert problems_of(before, good, faulty, audit) == ()
    failing = good.model_copy(update={"traffic": Counted(sent=10, failed=2, seconds=1)})
    assert "2 of 10 requests failed" in problems_of(before, failing, faulty, audit)[0]
    assert problems_of(before, good.model_copy(update={"traffic": None}), faulty, audit)
    assert problems_of(before, good, faulty.model_copy(update={"outcome": "released"}), audit)
    assert problems_of(before, good, None, None)[-1] == "the ledger was not verified"
    still = faulty.model_copy(update={"after": Counted(sent=5, failed=1, seconds=1)})
    assert "still failed" in problems_of(before, good, still, audit)[0]
    no = {"outcome": "rejected", "traffic": None}
    assert problems_of(before, good.model_copy(update=no), None, audit, decided=True) == (), "who may decide may say no"
    assert problems_of(before, good, faulty.model_copy(update=no), audit, decided=True) == ()
    assert problems_of(before, failing, faulty.model_copy(update=no), audit, decided=True)
    assert len(problems_of(before, good.model_copy(update=no), None, audit)) == 2


def test_the_cause_is_the_last_exception_of_a_log() -> None:
    log = "api.1 | ValueError: first\napi.1 |   File x\napi.1 | KeyError: 'JPY'\napi.1 | INFO: more: words"
    assert cause_of(log) == "KeyError: 'JPY'"
    assert cause_of("api.1 | all is well") == ""


def verdict(outcome: str, failed: float) -> Verdict:
    check = Check(
        name="error rate of api",
        outcome=outcome,
        reason="api: many failed",
        candidate=failed,
        baseline=0.0,
        requests=120,
    )
    return Verdict(outcome=outcome, candidate="sha256:" + "1" * 64, baseline="sha256:" + "2" * 64, checks=(check,))


@pytest.mark.parametrize("width", [80, 120])
def test_a_rollout_on_a_screen(width: int) -> None:
    out, seen = Console(width=width, record=True, file=open(os.devnull, "w")), []  # noqa: SIM115, PTH123
    view = RolloutView(out, seen.append, beside=lambda: "customers: 100/s")
    step = Step(action="shift", step=2, weight=10, hold_seconds=10, watched=True)
    view("effect", "production: deploy 0 %")
    view("effect", "production: shift 10 %")
    view("look", ("production", step, verdict("good", 0.0)))
    view("look", ("production", step, verdict("bad", 0.25)))
    view("trouble", Trouble(reason="api: many failed", step=2))
    view("effect", "production: roll back")
    view.end()
    lines = out.export_text(clear=False).splitlines()
    assert [line[2] for line in lines if line[:3].strip() in ("✓", "✗")] == ["✓", "✗", "✗", "✓"]
    assert "bad: 120 requests, failed 25.00 % (old 0.00 %)" in "\n".join(lines)
    assert max(map(len, lines)) <= width
    out.print(seen[-2])
    live = out.export_text()
    assert "new 10 %" in live and "looks ●●" in live and "customers: 100/s" in live
    assert max(map(len, live.splitlines())) <= width


def test_a_drill_is_told_by_its_phases_not_by_what_they_do() -> None:
    out = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    view = RolloutView(out)
    told = (
        ("drill", "staging: this version"),
        ("effect", "staging: deploy 0 %"),
        ("phase", Phase(name="this version", outcome="done", seconds=1)),
        ("drill", "staging: compare with before"),
        ("phase", Phase(name="compare with before", outcome="different", seconds=1, detail="a file differs")),
        ("ask", "x"),
    )
    for stage, detail in told:
        view(stage, detail)
    lines = [line.strip() for line in out.export_text().splitlines()]
    assert [line.partition("  ")[0] for line in lines] == [
        "✓ drill in staging: this version",
        "✗ drill in staging: compare with before",
    ]
    assert "a file differs" in lines[1]


def test_a_person_looks_and_then_decides(tmp_path: Path) -> None:
    release = governed.Site(tmp_path).start()
    review = release.review()
    reviewer = REVIEWERS[0]
    asking = AtTheTerminal(Console(file=open(os.devnull, "w")), None)  # noqa: SIM115, PTH123
    with CliRunner().isolation(input="look\na\n\nperhaps\nrej\nnot today\n"):
        assert asking.decide(reviewer, reviewer.role, review) == ByTheBook().decide(reviewer, reviewer.role, review)
        assert asking.decide(reviewer, reviewer.role, review) == ("reject", "not today")
