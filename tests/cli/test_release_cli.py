"""The governed release at the command line: keys, policy, decisions, audit, as a person or a script types them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hug_agents.approve.keys import KeyRing
from hug_agents.cli import main
from hug_agents.validate import Finding, GateResult
from tests.governed import REQUEST


@pytest.fixture
def hug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], green: object) -> Any:
    """Run `hug` in an empty folder; returns its exit code and output. Keys of each person lie in one ring."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUG_AGENTS_KEYS", str(tmp_path / "keys"))
    for name in ("HUG_AGENTS_HOME", "HUG_AGENTS_POLICY", "HUG_AGENTS_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(list(words))
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return call


def as_json(answer: tuple[int, str]) -> Any:
    return json.loads(answer[1][answer[1].index("{") : answer[1].rindex("}") + 1])


@pytest.fixture
def office(hug: Any, tmp_path: Path) -> Any:
    for name in ("ana", "ben", "cho"):
        assert hug("keys", "new", name)[0] == 0
    people = ("ana|Ana Ruiz|ops|ana", "ben|Ben Okoye|sec|ben", "cho|Cho Min-jun|sre|cho")
    assert hug("policy", "init", *(word for item in people for word in ("--person", item)))[0] == 0
    subprocess.run(["git", "init", "-q", str(tmp_path / "infra")], check=True)
    return hug


class TestKeys:
    def test_new_list_and_import(self, hug: Any, tmp_path: Path) -> None:
        code, out = hug("keys", "new", "ana")
        assert (code, "ssh-ed25519 AAAA" in out, "- id: ana" in out) == (0, True, True)
        assert stat.S_IMODE((tmp_path / "keys" / "ana").stat().st_mode) == 0o600
        code, out = hug("keys", "new", "ana")
        assert (code, "is there already" in out) == (2, True)
        code, out = hug("keys", "import", "bob", str(tmp_path / "keys" / "ana.pub"))
        assert code == 0
        listed = as_json(hug("keys", "list", "--json"))["keys"]
        assert [(item["name"], item["private"]) for item in listed] == [("ana", True), ("bob", False)]
        assert hug("keys", "list")[1].count(listed[0]["line"]) == 2, "each line whole, so that it can be copied"
        (tmp_path / "keys" / "ana").chmod(0o644)
        assert "others may read it" in " ".join(hug("keys", "list")[1].split())
        assert hug("keys", "new", "../x")[0] == 2

    def test_a_passphrase(self, hug: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HUG_AGENTS_PASSPHRASE", "long and secret")
        assert hug("keys", "new", "ana")[0] == 0
        assert KeyRing(tmp_path / "keys").load("ana", b"long and secret")
        assert "long and secret" not in (tmp_path / "keys" / "ana").read_text()
        monkeypatch.delenv("HUG_AGENTS_PASSPHRASE")
        code, out = hug("keys", "import", "again", str(tmp_path / "keys" / "ana"))
        assert (code, "needs its passphrase" in out, "HUG_AGENTS_PASSPHRASE" in out) == (2, True, True)

    def test_a_key_of_openssh(self, hug: Any, tmp_path: Path) -> None:
        if not Path("/usr/bin/ssh-keygen").exists():
            pytest.skip("ssh-keygen is not installed: install openssh-client")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")], check=True)
        assert hug("keys", "import", "ana", str(tmp_path / "id"))[0] == 0


class TestPolicy:
    def test_check_names_line_and_field(self, office: Any, tmp_path: Path) -> None:
        code, out = office("policy", "check")
        assert (code, "ok: governance.yaml, version 1, team, people: 3" in out) == (0, True)
        assert "any other" in office("policy", "show")[1]
        path = tmp_path / "governance.yaml"
        path.write_text(path.read_text().replace("quorum: 2 ", "quorum: two ", 1))
        code, out = office("policy", "check")
        assert (code, "governance.yaml:" in out, "checkpoints.pre_deployment.quorum" in out) == (2, True, True)
        assert as_json(office("policy", "check", "--json"))["status"] == "unusable"
        assert office("policy", "init")[0] == 2, "never over a file that is there"

    def test_what_nobody_can_meet(self, hug: Any) -> None:
        assert hug("policy", "init")[0] == 0
        code, out = hug("policy", "check")
        assert (code, "nobody holds Operations Engineer" in out) == (1, True)

    def test_solo_is_said_aloud(self, hug: Any) -> None:
        hug("keys", "new", "ana")
        assert hug("policy", "init", "--solo", "--person", "ana|Ana|ops,sre,sec|ana")[0] == 0
        assert "SOLO MODE: Ana signs in every role" in hug("policy", "check")[1]

    @pytest.mark.parametrize(
        "person", ["ana", "ana|Ana|boss|ana", "ana|Ana|ops|nokey", "ana|Ana|ops|ssh-ed25519 AAAA", "A|Ana|ops|ana"]
    )
    def test_a_person_who_cannot_be_added(self, hug: Any, tmp_path: Path, person: str) -> None:
        hug("keys", "new", "ana")
        assert hug("policy", "init", "--person", person)[0] == 2
        assert not (tmp_path / "governance.yaml").exists()

    def test_schema(self, hug: Any) -> None:
        import jsonschema

        jsonschema.Draft202012Validator.check_schema(json.loads(hug("policy", "schema")[1]))


def decide(hug: Any, release: str, who: str, verdict: str = "approve", **more: str) -> tuple[int, str]:
    waiting = as_json(hug("inbox", "--json"))["waiting"]
    packet = next(item["packet"] for item in waiting if item["release"] == release)
    words = [word for key, value in more.items() for word in (f"--{key}", value)]
    return hug("decide", release, verdict, "--key", who, "--packet", packet, *words)


def test_a_release_by_three_people(office: Any, tmp_path: Path) -> None:
    hug = office
    code, out = hug("release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-1")
    assert (code, "waits for the signature of an Operations Engineer (ana)" in out) == (5, True)
    assert [item["checkpoint"] for item in as_json(hug("inbox", "--as", "ben", "--json"))["waiting"]] == [
        "pre_deployment"
    ]
    assert as_json(hug("inbox", "--as", "cho", "--json"))["waiting"] == []

    code, out = hug("decide", "pay-1", "approve", "--key", "ana")
    assert (code, "name the packet that was reviewed" in out) == (2, True)
    code, out = hug("decide", "pay-1", "approve", "--key", "ana", "--packet", "sha256:" + "0" * 64)
    assert (code, "no such packet" in out) == (1, True)
    code, out = decide(hug, "pay-1", "cho")
    assert (code, "does not ask for a Site Reliability Engineer" in out) == (1, True)
    code, out = decide(hug, "pay-1", "ben", **{"as": "ana"})
    assert (code, "not one of ana's" in out) == (1, True)
    assert decide(hug, "pay-1", "ana", comment="fine")[0] == 5
    assert hug("release", "resume", "pay-1")[0] == 5
    code, out = decide(hug, "pay-1", "ben")
    assert (code, "next: hug release resume pay-1" in out) == (0, True)

    code, out = hug("release", "resume", "pay-1")
    assert (code, "✓ Pre-Deployment Approval" in out, "deploy/staging is at" in out) == (5, True, True)
    review = hug("release", "show", "pay-1", "--review")[1]
    assert "## Checklist: Staging Validation" in review
    for who in ("cho", "cho", "ana"):
        decide(hug, "pay-1", who)
        hug("release", "resume", "pay-1")
    assert as_json(hug("drill", "pay-1", "--json"))["drill"]["phases"][-1]["name"] == "deploy again"
    code, out = hug("drill", "pay-1", "--max-age", "1")
    assert (code, ", not 1 h ago: nothing was begun" in out) == (0, True)
    assert as_json(hug("drill", "pay-1", "--max-age", "24", "--json"))["max_age_hours"] == 24
    assert hug("drill", "--due", "--as", "kim", "--max-age", "24")[0] == 2
    code, out = hug("drill", "pay-1", "--fault", "crash")
    assert (code, "has injected nothing, and not crash" in out) == (2, True), (
        "what was not rehearsed is not shown as if"
    )
    envelope = hug("decide", "pay-1", "approve", "--key", "cho", "--print", "--packet", waiting(hug))[1]
    (tmp_path / "signed.json").write_text(envelope)
    assert hug("decide", "pay-1", "--envelope", "signed.json")[0] == 0
    assert hug("decide", "pay-1", "--envelope", "signed.json")[0] == 1
    code, out = hug("release", "resume", "pay-1")
    assert (code, "released" in out) == (0, True)
    last = ["git", "-C", "infra", "log", "-1", "deploy/production"]
    log = subprocess.run(last, capture_output=True, text=True, check=True)
    assert "Signed-off-by: ana" in log.stdout
    assert "pay-1" in hug("release", "list")[1]
    assert as_json(hug("release", "list", "--open", "--json"))["releases"] == []


def waiting(hug: Any) -> str:
    return str(as_json(hug("inbox", "--json"))["waiting"][0]["packet"])


class TestAudit:
    @pytest.fixture
    def begun(self, office: Any) -> Any:
        office("release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-1")
        decide(office, "pay-1", "ana", comment="fine\u202e")
        return office

    def test_verify_export_and_anchor(self, begun: Any, tmp_path: Path) -> None:
        code, out = begun("audit", "verify")
        assert (code, "signatures 1" in out) == (0, True)
        head = begun("audit", "anchor", "--file", "anchors")[1].strip()
        who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run(["git", "-C", "infra", *who, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
        assert begun("audit", "anchor", "--git-note", "infra")[1].strip() == head
        assert begun("audit", "verify", "--git-note", "infra", "--anchors", "anchors", "--anchor", head)[0] == 0
        assert begun("audit", "export", "ledger.jsonl")[0] == 0
        assert begun("audit", "verify", "ledger.jsonl")[0] == 2, "keys have to be named"
        assert begun("audit", "verify", "ledger.jsonl", "--keys", "governance.yaml")[0] == 0
        code, out = begun("audit", "verify", "ledger.jsonl", "--keys", "keys/cho.pub")
        assert (code, "not trusted here" in out) == (1, True)
        text = (tmp_path / "ledger.jsonl").read_text()
        (tmp_path / "ledger.jsonl").write_text(text.replace('"release":"pay-1"', '"release":"pay-2"', 1))
        code, out = begun("audit", "verify", "ledger.jsonl", "--keys", "governance.yaml")
        assert (code, "entry 1:" in out) == (1, True)

    def test_show_writes_out_what_cannot_be_seen(self, begun: Any) -> None:
        out = begun("audit", "show")[1]
        assert "\u202e" not in out
        assert "u202e" in out
        assert as_json(begun("audit", "show", "--release", "pay-1", "--limit", "1", "--json"))["entries"][0]["who"] == (
            "ana (Operations Engineer)"
        )

    def test_no_ledger(self, hug: Any) -> None:
        assert hug("audit", "verify")[0] == 2


def test_edit_waive_and_cancel(office: Any, tmp_path: Path) -> None:
    hug = office
    hug("release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-1")
    before = waiting(hug)
    (tmp_path / "runbook.md").write_text("# Ours\n")
    code, _ = hug("release", "edit", "pay-1", "--as", "ana", "--set", "services.hello.replicas=4", "--file",
                  "docs/runbook.md=runbook.md", "--comment", "better")  # fmt: skip
    assert (code, waiting(hug) == before) == (5, False)
    assert hug("release", "edit", "pay-1", "--as", "ana")[0] == 2
    assert hug("release", "edit", "pay-1", "--as", "ana", "--set", "nothing")[0] == 2
    assert hug("release", "waive", "pay-1") == (0, "")
    assert hug("release", "waive", "pay-1", "abc", "--key", "ben", "--reason", "x")[0] == 2
    code, out = hug("decide", "pay-1", "approve", "--key", "ana", "--packet", before)
    assert (code, "another packet waits now" in out) == (1, True)
    assert decide(hug, "pay-1", "ben", "reject", comment="no")[0] == 0
    code, out = hug("release", "resume", "pay-1")
    assert (code, "rejected by ben: no" in out) == (1, True)
    hug("release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-2")
    assert "cancelled: enough" in hug("release", "cancel", "pay-2", "--reason", "enough")[1]
    assert "cancelled: enough" in hug("release", "show", "pay-2")[1]
    asked = "Deploy hello to the cluster main. hello serves on port 8080, and on port 9090. Health check on /healthz."
    code, out = hug("release", "start", asked, "--as", "kim", "--target", "write:infra", "--id", "pay-3")
    assert (code, "the request says 'on port 9090'" in out, "e.g. 8080 | 9090" in out) == (4, True, True), out
    hug("release", "cancel", "pay-3", "--reason", "enough")
    assert hug("inbox") == (0, "nothing waits\n")
    for words in (
        ("show", "nothing"),
        ("start", "--as", "x", "--target", "y"),
        ("start", "x", "--as", "kim", "--target", "nowhere"),
    ):
        assert hug("release", *words)[0] == 2


def test_why_gates_keep_it_back(office: Any, green: list[Any]) -> None:
    hug = office
    found = Finding(gate="stand-in", rule="X1", severity="error", message="open\u202e to all", file="main.tf", line=3,
                    remedy="Name the addresses.")  # fmt: skip
    green.append((GateResult(name="stand-in", tool="", status="failed", findings=(found,)),))
    said = (
        "DevOps agent, gates: stand-in: A gate objects to what was asked for",
        "stand-in X1 main.tf:3: open",
        "recommends: amend (offline rules, no language model).",
    )
    started = hug("release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-1")
    for code, out in (started, hug("release", "show", "pay-1")):
        one_line = " ".join(out.split())
        assert (code, [words in one_line for words in said], "\u202e" in out) == (5, [True] * 3, False), out
    shown = as_json(hug("release", "show", "pay-1", "--json"))
    assert (shown["stage"], shown["diagnosis"]["recommendation"], shown["diagnosis"]["by"]) == (
        "blocked",
        "amend",
        "offline",
    )


@pytest.mark.slow
def test_sigterm_leaves_it_resumable(office: Any, tmp_path: Path) -> None:
    """Killed while the real gates run: the release is there, and goes on."""
    program = Path(sys.executable).parent / "hug"
    process = subprocess.Popen(
        [program, "release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-1"],
        cwd=tmp_path,
        env=os.environ | {"HUG_AGENTS_HOME": str(tmp_path / ".hug")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _ in range(1200):  # on a busy machine the store's files are there long before the release is in them
        if process.poll() is not None or "pay-1" in office("release", "list", "--json")[1]:
            break
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert b"what was finished is kept" in told
    code, out = office("release", "resume", "pay-1")
    assert (code, "Pre-Deployment Approval  (staging)" in out) == (5, True)


def test_a_rollback_asks_where_it_can_be_seen(office: Any, tmp_path: Path) -> None:
    """On a terminal: a question below a live line would be written over, and whoever is on call would wait for nothing."""
    import pty

    office("release", "start", REQUEST, "--as", "kim", "--target", "write:infra", "--id", "pay-1")
    main_end, other_end = pty.openpty()
    words = ["rollback", "pay-1", "--key", "cho", "--reason", "twice"]
    command = [sys.executable, "-c", "from hug_agents.cli import main; main()", *words]
    with subprocess.Popen(command, stdin=other_end, stdout=other_end, stderr=other_end, cwd=tmp_path) as running:
        os.close(other_end)
        shown = b""
        try:
            while b"roll back pay-1 as cho?" not in shown and len(shown) < 5000:  # a spinner is never silent
                shown += os.read(main_end, 1000)
            assert b"roll back pay-1 as cho?" in shown and b"starting" not in shown
            os.write(main_end, b"n\n")
            assert running.wait(timeout=60) == 1
        finally:
            running.kill()
            os.close(main_end)


def test_the_lines_of_a_log_stand_under_what_they_are_of(capsys: pytest.CaptureFixture[str]) -> None:
    from hug_agents.cli.common import print_status
    from hug_agents.status import Status

    notice = "staging: hello 1.2.0 does not get healthy\nits last lines:\nKeyError: 'DATABASE_URL'"
    print_status(
        Status(
            id="hello-1",
            application="hello",
            requester="kim",
            target="local:hello",
            begun="2026-11-29T17:00:00Z",
            stage="ended",
            outcome="rolled_back",
            notice=notice,
        )
    )
    assert f"  {notice.replace(chr(10), chr(10) + '    ')}\n" in capsys.readouterr().out
