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
from collections.abc import Mapping, Sequence
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
) -> Completed:
    """Run a program to its end and return its code and output; a non-zero code is not an error here.

    `env` is laid over a short, fixed environment (Settings.tool_environment): the caller's secrets are not passed on.
    Raises ProcessError if it is not installed, cannot start, or runs past `timeout` seconds (it is then ended with all
    its children).
    """
    program = find(argv[0])
    if program is None:
        raise ProcessError(f"{argv[0]} is not installed")
    environment = {**Settings.load().tool_environment, **(env or {})}
    beside = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([beside, environment.get("PATH", os.defpath)])
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
            stdout=_read(out),
            stderr=_read(err),
            seconds=time.monotonic() - started,
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
    program = find(argv[0])
    if program is None:
        raise ProcessError(f"{argv[0]} is not installed")
    options = json.dumps({"detach": str(output)})
    done = run([*_LAUNCHER, options, program, *argv[1:]], cwd=cwd, timeout=60, env=env)
    if done.code != 0:
        raise ProcessError(f"{argv[0]} could not be started: {done.output[:300]}")


_LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).parent / "launcher.py"))


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    data = stream.read(OUTPUT_LIMIT + 1)
    text = data[:OUTPUT_LIMIT].decode("utf-8", "replace")
    return text + "\n[output cut]" if len(data) > OUTPUT_LIMIT else text


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
