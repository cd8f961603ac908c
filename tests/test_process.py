"""Programs that must not be cut off: followed, asked to stop first, left alone when we are killed."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hug_agents.errors import ProcessError
from hug_agents.process import run, stream

POLITE = """
import signal, sys, time
def stop(*_):
    print("asked to stop", flush=True)
    sys.exit(7)
signal.signal(signal.SIGINT, stop)
print("begun", flush=True)
time.sleep(120)
"""
DEAF = POLITE.replace("signal.signal(signal.SIGINT, stop)", "signal.signal(signal.SIGINT, signal.SIG_IGN)")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_come_while_it_runs(tmp_path: Path) -> None:
    go, lines = tmp_path / "go", []

    def seen(line: str) -> None:
        lines.append(line)
        if line == "one":
            go.touch()

    code = f"import pathlib,time\nprint('one', flush=True)\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(.02)\n"
    code += "import sys\nsys.stderr.write('two\\n')\nsys.stdout.write('no end')"
    done = stream(python(code), cwd=tmp_path, timeout=100, output=tmp_path / "out", line=seen, grace=1)
    assert (done.code, lines, done.stopped) == (0, ["one", "two", "no end"], False)
    assert done.stdout == "one\ntwo\nno end"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_out_of_time_it_is_asked_first(tmp_path: Path) -> None:
    lines: list[str] = []
    done = stream(python(POLITE), cwd=tmp_path, timeout=3, output=tmp_path / "out", line=lines.append, grace=60)
    assert (done.stopped, done.code, lines) == (True, 7, ["begun", "asked to stop"])


def test_what_does_not_listen_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="nor when it was asked to"):
        stream(python(DEAF), cwd=tmp_path, timeout=3, output=tmp_path / "out", line=lambda _: None, grace=0.5)


def test_what_it_left_behind_ends_with_it(tmp_path: Path) -> None:
    """A provisioner's child would go on for minutes, and hold the lock that it inherited."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code = f"import subprocess\nsubprocess.Popen(['sleep', '300'], pass_fds=({lock.fileno()},))\n{POLITE}"
        keep = (lock.fileno(),)
        done = stream(
            python(code), cwd=tmp_path, timeout=3, output=tmp_path / "out", line=lambda _: None, grace=60, keep=keep
        )
    assert (done.stopped, done.code) == (True, 7)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_to_end_asks_it_first(tmp_path: Path, number: int) -> None:
    work = POLITE.replace("    sys.exit(7)", "    time.sleep(5)\n    open('end', 'w').close()\n    sys.exit(7)")
    parent = (
        "import sys, pathlib, signal\nfrom hug_agents.cli import Terminated, _terminated\n"
        "from hug_agents.process import stream\n"
        "signal.signal(signal.SIGTERM, _terminated)\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"p = pathlib.Path({str(tmp_path)!r})\n"
        f"stream([sys.executable, '-c', {work!r}], cwd=p, timeout=100, output=p / 'out', line=print, grace=60)\n"
    )
    child = subprocess.Popen(
        python(parent),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    child.send_signal(number)
    assert child.wait(timeout=60) != 0
    assert (tmp_path / "end").exists(), "it took longer than the three seconds that a program is given otherwise"


def test_a_line_that_cannot_be_told_cuts_nothing_off(tmp_path: Path) -> None:
    work = POLITE.replace("    sys.exit(7)", "    time.sleep(5)\n    open('end', 'w').close()\n    sys.exit(7)")

    def full(line: str) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        stream(python(work), cwd=tmp_path, timeout=100, output=tmp_path / "out", line=full, grace=60)
    assert (tmp_path / "end").exists()


def test_killed_it_goes_on_to_its_end(tmp_path: Path) -> None:
    end = tmp_path / "end"
    work = "import time, pathlib\nprint('begun', flush=True)\ntime.sleep(2)\nprint('end', flush=True)\n"
    work += f"pathlib.Path({str(end)!r}).touch()"
    parent = (
        "import sys, pathlib\nfrom hug_agents.process import stream\n"
        f"p = pathlib.Path({str(tmp_path)!r})\n"
        f"stream([sys.executable, '-c', {work!r}], cwd=p, timeout=100, output=p / 'out', line=print, grace=1)\n"
    )
    child = subprocess.Popen(
        python(parent), stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    until = time.monotonic() + 60
    while not end.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert (tmp_path / "out").read_text() == "begun\nend\n", "what it said is found afterwards"


def test_an_open_file_is_inherited_only_when_it_is_named(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as file:
        code = f"import os\ntry:\n    os.fstat({file.fileno()})\n    print('there')\nexcept OSError:\n    print('not there')"
        assert run(python(code), cwd=tmp_path, timeout=60).stdout == "not there\n"
        assert run(python(code), cwd=tmp_path, timeout=60, keep=(file.fileno(),)).stdout == "there\n"


def test_more_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    code = "print('x' * 5_000_000)"
    assert run(python(code), cwd=tmp_path, timeout=60).stdout.endswith("[output cut]")
    assert len(run(python(code), cwd=tmp_path, timeout=60, limit=6_000_000).stdout) == 5_000_001
