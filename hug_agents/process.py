"""The one way to run a program: a list of arguments, never a shell; a time limit; output bounded; nothing left running."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess  # noqa: TID251 - this is the one place
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from hug_agents.errors import ProcessError
from hug_agents.settings import Settings
from hug_agents.spec import Model

OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes kept of each of a program's two outputs; the rest is dropped and said."""


class Completed(Model):
    """What a program did."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float
    stopped: bool = False
    """Its time was over; it was asked to stop, and ended by itself."""

    @property
    def output(self) -> str:
        """Both outputs, standard error last."""
        return "\n".join(part for part in (self.stdout.strip(), self.stderr.strip()) if part)


@cache
def find(program: str) -> str | None:
    """The absolute path of a program: beside this Python first (its virtual environment), then on PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program, path=os.pathsep.join([beside, Settings.load().path]))


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    timeout: float,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    limit: int = OUTPUT_LIMIT,
    keep: tuple[int, ...] = (),
) -> Completed:
    """Run a program to its end and return its code and output; a non-zero code is not an error here.

    `env` is laid over a short, fixed environment (Settings.tool_environment): the caller's secrets are not passed on.
    Raises ProcessError if it is not installed, cannot start, or runs past `timeout` seconds (it is then ended with all
    its children). `limit`: bytes kept of each output. `keep`: open files that it inherits, e.g. a lock.
    """
    program, environment = _program(argv[0]), _environment(env)
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                pass_fds=keep,
            )
        except OSError as error:
            raise ProcessError(f"{argv[0]} could not be started: {error}") from error
        try:
            process.communicate(stdin.encode() if stdin else None, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{argv[0]} did not end within {timeout:g} s and was stopped") from None
        finally:
            _end(process)
        return Completed(
            argv=tuple(argv),
            code=process.returncode,
            stdout=_read(out, limit),
            stderr=_read(err, limit),
            seconds=time.monotonic() - started,
        )


def stream(
    argv: Sequence[str],
    *,
    cwd: Path,
    timeout: float,
    output: Path,
    line: Callable[[str], None],
    grace: float,
    env: Mapping[str, str] | None = None,
    keep: tuple[int, ...] = (),
    limit: int = OUTPUT_LIMIT,
) -> Completed:
    """Run a program that must not be cut off: each line of its output goes to `line` while it runs.

    Both its outputs go into the new file `output`, for our eyes only: not a pipe, so that it runs on to its end if this
    process is killed, and what it said is found there. When its time is over, or this process is to end (Ctrl-C, SIGTERM) or
    cannot tell a line, it gets SIGINT and `grace` seconds, then SIGTERM, then SIGKILL; what it had started ends with it.
    Returns with `stopped` if it ended within the grace; else raises ProcessError as `run` does.
    """
    program, environment = _program(argv[0]), _environment(env)
    started = time.monotonic()
    output.unlink(missing_ok=True)
    with open(output, "xb", opener=_private) as out, output.open("rb") as told:
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=keep,
            )
        except OSError as error:
            raise ProcessError(f"{argv[0]} could not be started: {error}") from error
        lines = _Lines(told, line)
        stopped = asked = False
        try:
            if not _ends(process, timeout, lines):
                asked = True
                process.send_signal(signal.SIGINT)
                stopped = _ends(process, grace, lines)
                if not stopped:
                    raise ProcessError(f"{argv[0]} did not end within {timeout:g} s, nor when it was asked to")
        except ProcessError:
            raise
        except BaseException as error:  # Ctrl-C, SIGTERM, or a line that could not be told: it is asked, and waited for
            asked = True
            process.send_signal(signal.SIGINT)
            _ends(process, grace, None if isinstance(error, Exception) else lines)
            raise
        finally:
            _end(process)
            if asked:
                _end_group(process.pid)
            lines.read(last=True)
        return Completed(
            argv=tuple(argv),
            code=process.returncode,
            stdout=_read(told, limit),
            stderr="",
            seconds=time.monotonic() - started,
            stopped=stopped,
        )


class Running:
    """A program that runs on, in a process group of its own. Whoever starts one ends it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def output(self) -> IO[bytes]:
        """What it writes, standard error too; has to be read, or it will wait."""
        stream = self._process.stdout
        assert stream is not None
        return stream

    def code(self) -> int | None:
        """The code that it ended with, negative for a signal; None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal to it and its children; harmless when they have ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limits: Mapping[str, int] | None = None,
    nice: int = 0,
    with_parent: int = signal.SIGKILL,
) -> Running:
    """Start a program that runs on, with exactly this environment.

    It is found on `env`'s PATH. On Linux it is sent `with_parent` when this process ends, however that ends. `limits` are
    names of `resource.RLIMIT_*`. Raises ProcessError if it is not there or cannot be started.
    """
    program = shutil.which(argv[0] if "/" not in argv[0] else str(cwd / argv[0]), path=env.get("PATH", os.defpath))
    if program is None:
        raise ProcessError(f"{argv[0]} is not installed", where=str(cwd))
    options = {"parent": os.getpid(), "with_parent": int(with_parent), "limits": dict(limits or {}), "nice": nice}
    try:
        process = subprocess.Popen(
            [*_LAUNCHER, json.dumps(options), program, *argv[1:]],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessError(f"{argv[0]} could not be started: {error}") from error
    return Running(process)


def start_detached(argv: Sequence[str], *, cwd: Path, output: Path, env: Mapping[str, str] | None = None) -> None:
    """Start a program that outlives this one, in a session of its own, and writes to the file `output`.

    The environment is as in `run`. Raises ProcessError if it is not installed or cannot be started.
    """
    program = _program(argv[0])
    options = json.dumps({"detach": str(output)})
    done = run([*_LAUNCHER, options, program, *argv[1:]], cwd=cwd, timeout=60, env=env)
    if done.code != 0:
        raise ProcessError(f"{argv[0]} could not be started: {done.output[:300]}")


_LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).parent / "launcher.py"))


class _Lines:
    """Hands on what was added to a file, whole lines at a time."""

    def __init__(self, file: IO[bytes], line: Callable[[str], None]) -> None:
        self._file = file
        self._line = line
        self._rest = b""

    def read(self, *, last: bool = False) -> None:
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        if last and self._rest:
            whole, self._rest = [*whole, self._rest], b""
        for item in whole:
            self._line(item.decode("utf-8", "replace"))


def _ends(process: subprocess.Popen[bytes], seconds: float, lines: _Lines | None) -> bool:
    """Whether it ends in this time; its lines are handed on meanwhile."""
    until = time.monotonic() + seconds
    while True:
        if lines:
            lines.read()
        try:
            process.wait(timeout=max(0.0, min(_LOOK, until - time.monotonic())))
        except subprocess.TimeoutExpired:
            if time.monotonic() < until:
                continue
            return False
        return True


_LOOK = 0.05
"""Seconds between two looks at what a program has written."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _program(name: str) -> str:
    program = find(name)
    if program is None:
        raise ProcessError(f"{name} is not installed")
    return program


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    environment = {**Settings.load().tool_environment, **(env or {})}
    beside = str(Path(sys.executable).parent)
    return {**environment, "PATH": os.pathsep.join([beside, environment.get("PATH", os.defpath)])}


def _read(stream: IO[bytes], limit: int) -> str:
    stream.seek(0)
    data = stream.read(limit + 1)
    text = data[:limit].decode("utf-8", "replace")
    return text + "\n[output cut]" if len(data) > limit else text


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and its children; harmless when they have ended."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=3)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _end_group(group: int) -> None:
    """End what a program that was stopped has left in its group: it would go on working, and hold what it inherited."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + 3
        try:
            os.killpg(group, number)
            while time.monotonic() < until:
                os.killpg(group, 0)
                time.sleep(_LOOK)
        except (ProcessLookupError, PermissionError):
            return
