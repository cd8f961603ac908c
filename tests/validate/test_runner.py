"""The runner: what is run, what is left out, what counts as a pass, and that nothing stays behind."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest

from hug_agents.bundle import Artifact, Bundle
from hug_agents.errors import ProcessError, UsageError
from hug_agents.plans import Blueprint
from hug_agents.validate import Finding, Fix, Gate, GateResult, Skip, Workspace, fixes, run_gates, verdict
from hug_agents.validate import registry as registry_module
from hug_agents.validate.gate import Memo, Severity, clean
from hug_agents.validate.registry import gates
from tests.validate.conftest import bundle_of

FILES = {"a.txt": "a\n", "b/c.sh": "#!/bin/sh\n"}


class Own(Gate):
    """A gate for tests: looks at every file and does what `act` says."""

    name = "own"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle)

    def act(self, workspace: Workspace) -> tuple[Finding, ...]:
        return ()

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        return self.act(workspace)


def own(title: str, act: object, **changes: object) -> Gate:
    kind = type(title, (Own,), {"name": title, "act": act, **changes})
    return kind()  # type: ignore[no-any-return]


def result(status: str, *found: Finding, required: bool = True) -> GateResult:
    return GateResult.model_validate(
        {"name": "x", "tool": "x", "status": status, "findings": found, "required": required}
    )


def test_findings_are_sorted_and_belong_to_the_owner_of_the_file(blueprint: Blueprint) -> None:
    def act(gate: Gate, _: Workspace) -> tuple[Finding, ...]:
        rows: tuple[tuple[Severity, str, int], ...] = (
            ("info", "a", 1),
            ("error", "b", 2),
            ("error", "b", 1),
            ("error", "a", 9),
        )
        return tuple(gate.finding("r", "m", severity=severity, file=file, line=line) for severity, file, line in rows)

    bundle = Bundle("sha256:0", [Artifact(path="a", content="", system="s", owner="devops")])
    (answer,) = run_gates(bundle, blueprint, gates=[own("sorted", act)])
    places = [(item.severity, item.file, item.line) for item in answer.findings]
    assert places == [("error", "a", 9), ("error", "b", 1), ("error", "b", 2), ("info", "a", 1)]
    assert [item.owner for item in answer.findings] == ["devops", "deployment", "deployment", "devops"]
    assert answer.status == "failed"
    assert answer.files == 1


def test_warnings_alone_do_not_fail(blueprint: Blueprint) -> None:
    gate = own("warned", lambda self, _: (self.finding("r", "m", severity="warning"),))
    (answer,) = run_gates(bundle_of(FILES), blueprint, gates=[gate])
    assert answer.status == "passed"
    assert len(answer.findings) == 1


def _raises(error: Exception) -> object:
    def act(gate: Gate, workspace: Workspace) -> tuple[Finding, ...]:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ProcessError("it broke"), "error", "it broke"),
        (Skip("no provider here"), "skipped", "no provider here"),
        (KeyError("k"), "error", "KeyError: 'k'"),
        (ProcessError("colour \x1b[31m"), "error", "colour [31m"),
    ],
)
def test_a_gate_that_cannot_answer_never_passes(
    error: Exception, status: str, reason: str, blueprint: Blueprint
) -> None:
    fine = own("fine", lambda *_: ())
    answers = run_gates(bundle_of(FILES), blueprint, gates=[own("broken", _raises(error)), fine])
    assert [(item.name, item.status) for item in answers] == [("broken", status), ("fine", "passed")]
    assert answers[0].reason == reason
    assert verdict(answers) == "incomplete"


def test_a_missing_program_is_named_with_its_installation(blueprint: Blueprint) -> None:
    gate = own("tooled", lambda *_: (), tool="no-such-program", install="pip install it")
    (answer,) = run_gates(bundle_of(FILES), blueprint, gates=[gate])
    assert (answer.status, answer.reason) == ("skipped", "no-such-program, install with pip install it")


def test_gates_that_do_not_apply_are_left_out(blueprint: Blueprint) -> None:
    gate = own("never", _raises(AssertionError()), files=lambda self, bundle: ())
    assert run_gates(bundle_of(FILES), blueprint, gates=[gate]) == ()
    names = {item.name for item in run_gates(bundle_of({"a.yaml": "a: 1\n"}), blueprint)}
    assert names == {"well-formed", "secret scan", "policy pack", "coherence"}


def test_only_takes_known_names(blueprint: Blueprint) -> None:
    with pytest.raises(UsageError, match="no such gate: nonsense"):
        run_gates(bundle_of(FILES), blueprint, only=["nonsense"])


def test_gates_run_side_by_side_and_tell_of_themselves_here(blueprint: Blueprint) -> None:
    both = threading.Barrier(2, timeout=10)
    here, threads, told = threading.get_ident(), set[int](), list[str]()

    def meet(gate: Gate, _: Workspace) -> tuple[Finding, ...]:
        both.wait()  # one after the other would never meet
        threads.add(threading.get_ident())
        return ()

    def progress(answer: GateResult) -> None:
        assert threading.get_ident() == here
        told.append(answer.name)

    answers = run_gates(bundle_of(FILES), blueprint, gates=[own("one", meet), own("two", meet)], progress=progress)
    assert [item.status for item in answers] == ["passed", "passed"]
    assert [item.name for item in answers] == ["one", "two"]
    assert sorted(told) == ["one", "two"]
    assert len(threads) == 2


def test_a_gate_that_writes_has_its_own_copy(blueprint: Blueprint) -> None:
    written = threading.Event()

    def write(gate: Gate, workspace: Workspace) -> tuple[Finding, ...]:
        (workspace.root / "a.txt").write_text("changed")
        written.set()
        return ()

    def read(gate: Gate, workspace: Workspace) -> tuple[Finding, ...]:
        assert written.wait(10)
        assert (workspace.root / "a.txt").read_text() == "a\n"
        assert (workspace.root / "b/c.sh").stat().st_mode & 0o100
        assert list(workspace.scratch.iterdir()) == []
        return ()

    answers = run_gates(bundle_of(FILES), blueprint, gates=[own("writes", write, writes=True), own("reads", read)])
    assert [item.status for item in answers] == ["passed", "passed"]


def test_nothing_stays_behind(blueprint: Blueprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def messy(gate: Gate, workspace: Workspace) -> tuple[Finding, ...]:
        folder = workspace.scratch / "locked"
        folder.mkdir()
        (folder / "file").write_text("x")
        folder.chmod(0o500)
        raise ProcessError("and it broke")

    run_gates(bundle_of(FILES), blueprint, gates=[own("messy", messy)])
    assert list(tmp_path.iterdir()) == []

    def stop(_: GateResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_gates(bundle_of(FILES), blueprint, gates=[own("fine", lambda *_: ())], progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_shared_work_is_done_once() -> None:
    memo, done = Memo(), list[int]()

    def make() -> int:
        time.sleep(0.05)
        done.append(1)
        return 7

    threads = [threading.Thread(target=lambda: memo.once("k", make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (memo.once("k", make), done) == (7, [1])


def test_verdict() -> None:
    assert verdict([]) == "passed"
    assert verdict([result("passed")]) == "passed"
    assert verdict([result("passed"), result("skipped")]) == "incomplete"
    assert verdict([result("passed"), result("error")]) == "incomplete"
    assert verdict([result("skipped", required=False)]) == "passed"
    assert verdict([result("skipped"), result("failed", required=False)]) == "failed"


def test_fixes_are_one_a_path_the_worst_first() -> None:
    def finding(severity: Severity, path: str, value: int) -> Finding:
        fix = Fix(path=path, value=value, reason="r")
        return Finding(gate="g", rule="r", severity=severity, message="m", fix=fix)

    plain = Finding(gate="g", rule="r", severity="error", message="m")
    found = fixes([result("passed", finding("warning", "a", 1), plain), result("failed", finding("error", "a", 2))])
    assert [(fix.path, fix.value) for fix in found] == [("a", 2)]


def test_what_tools_write_is_cleaned() -> None:
    assert clean("a\x00\x1b[0m\r\nb \x7f") == "a[0m\nb"
    assert len(clean("x" * 9_999)) == 2_000


class _Point:
    def __init__(self, value: str, found: object) -> None:
        self.value, self.found = value, found

    def load(self) -> object:
        return self.found


class Third(Own):
    """What a third party would write."""

    name: ClassVar[str] = "third"


class Impostor(Own):
    """A gate that takes one of our names."""

    name: ClassVar[str] = "policy pack"


def test_others_can_add_a_gate_and_not_replace_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(found: object) -> None:
        monkeypatch.setattr(registry_module, "entry_points", lambda group: [_Point("their.module:Gate", found)])
        gates.cache_clear()

    try:
        points(Third)
        assert "third" in {gate.name for gate in gates()}
        points(Impostor)
        with pytest.raises(UsageError, match=r"their\.module:Gate"):
            gates()
        points(dict)
        with pytest.raises(UsageError, match=r"their\.module:Gate"):
            gates()
    finally:
        monkeypatch.undo()
        gates.cache_clear()
