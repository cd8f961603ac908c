"""What the documents show is run; what they take from the code is not stale."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    found = []
    for page in PAGES:
        code = [match[2] for match in FENCE.finditer(page.read_text(encoding="utf-8")) if match[1] == language]
        if code:
            found.append(pytest.param(code, id=page.stem))
    return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a reader's: the demo application lies in `payments-api`."""
    shutil.copytree(ROOT / "hug_agents" / "demo" / "payments-api", tmp_path / "payments-api")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code: list[str], desk: Path) -> None:
    script = desk / "example.py"
    script.write_text("\n".join(code), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=desk, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("sh"))
def test_commands_run(code: list[str], desk: Path) -> None:
    """Each line that starts with `hug` is run; `# exit N` behind it is the code that it must end with."""
    lines = "\n".join(code).replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words or words[0] != "hug":
            continue
        expected = re.search(r"# exit (\d)", line)
        command = [str(Path(sys.executable).parent / "hug"), *words[1:]]
        done = subprocess.run(command, cwd=desk, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == int(expected[1] if expected else 0), f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("console"))
def test_what_a_person_types_in_a_terminal(code: list[str], desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `$` line in a real terminal, every question answered with yes; `# exit N` as above."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: install prometheus; without it a gate is skipped and no release starts")
    monkeypatch.setenv("HOME", str(desk))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for line in "\n".join(code).splitlines():
        if line.startswith("$ "):
            expected = re.search(r"# exit (\d)", line)
            status, said = in_a_terminal(line[2:])
            assert status == int(expected[1] if expected else 0), f"{line}\n{said}"


def in_a_terminal(line: str) -> tuple[int, str]:
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("bash", ["bash", "-c", line])
    said, answered = b"", 0
    while True:
        try:
            data = os.read(terminal, 65_536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not data:
            break
        said += data
        if said.count(b"[y/N]") > answered:
            answered += 1
            os.write(terminal, b"y\n")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode(errors="replace")


def test_what_is_generated_is_not_stale() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
