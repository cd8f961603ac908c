"""What has to happen between fork and exec, as a program of its own: `python -I -S launcher.py OPTIONS PROGRAM ARGUMENT…`.

Limits and ties to a parent must be set in the new process itself, and code between fork and exec is not safe in a parent
with threads. So `process.start` runs this, and this becomes the program. Standard library only, and quick to start.

OPTIONS is JSON: `detach` (a log file: leave the caller's session for good, write there), `parent` (end with this process id
by `with_parent`, a signal number; Linux), `limits` (names of `resource.RLIMIT_*` with their values), `nice`.
"""

from __future__ import annotations

import json
import os
import resource
import sys

_PR_SET_PDEATHSIG = 1


def _detach(log: str) -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, out), (2, out)):
        os.dup2(source, target)


def _tie(parent: int, number: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the tie held
        os._exit(1)


def main() -> None:
    """Set up, then become the program."""
    options, program = json.loads(sys.argv[1]), sys.argv[2:]
    if options.get("detach"):
        _detach(options["detach"])
    if options.get("parent"):
        _tie(options["parent"], options["with_parent"])
    for name, value in options.get("limits", {}).items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (bound, bound))
    if options.get("nice"):
        os.nice(options["nice"])
    try:
        os.execv(program[0], program)  # noqa: S606 - a list of arguments, no shell
    except OSError as error:
        sys.stderr.write(f"{program[0]} could not be started: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
