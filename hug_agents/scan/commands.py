"""Command lines as repositories write them: split into arguments, and read for the port they listen on."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence

from hug_agents.scan.report import Confidence

LONGEST = 2_000
_SHELL = re.compile(r"[$|&;<>()*?~`\n{}\[\]]")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w{0,127}=")
_DEFAULT = re.compile(r"^\$\{[A-Za-z_]\w{0,127}:?-(\d{1,5})\}$")
_PORT_OPTION = re.compile(
    r"^(?:--(?:port|http-port|http\.port|server\.port)|-D(?:server|quarkus\.http)\.port)=(.{1,40})$"
)
_NPM_DEV = frozenset(
    {
        "nodemon",
        "ts-node-dev",
        "tsx watch",
        "vite",
        "next dev",
        "react-scripts start",
        "--watch",
        "--reload",
        "runserver",
        "flask run",
        "--debug",
    }
)
_SHORT_P = frozenset({"flask", "next", "daphne", "serve", "http-server", "vite"})
_BINDS = frozenset({"gunicorn", "hypercorn", "waitress-serve", "uwsgi"})


def split(command: str) -> tuple[str, ...]:
    """The arguments of a command line; through `sh -c` where it needs a shell. Empty for one that cannot be split."""
    command = command.strip()
    if not command or len(command) > LONGEST:
        return ()
    if _SHELL.search(command) or _ASSIGNMENT.match(command):
        return ("sh", "-c", command)
    return words(command)


def words(command: str) -> tuple[str, ...]:
    """The words of a command line, quotes honoured; empty if they do not close."""
    try:
        return tuple(shlex.split(command[:LONGEST]))
    except ValueError:
        return ()


def as_value(arguments: Sequence[str]) -> str:
    """How a fact carries arguments: a JSON list on one line."""
    return json.dumps(list(arguments), ensure_ascii=False)


def is_development(command: str) -> bool:
    """Whether a command serves a developer (reloads, watches) rather than production."""
    return any(word in command for word in _NPM_DEV)


def ports(arguments: Sequence[str]) -> Iterator[tuple[int, Confidence]]:
    """The ports that a command names for itself; a default in `${PORT:-8000}` is only likely."""
    if (
        len(arguments) >= 3
        and arguments[0].rsplit("/", 1)[-1] in ("sh", "bash")
        and arguments[1] in ("-c", "-lc", "-ec")
    ):
        for part in re.split(r"&&|\|\||;|\||\n", arguments[2]):
            yield from ports(words(part.replace("exec ", " ", 1)))
        return
    programs = {word.rsplit("/", 1)[-1] for word in arguments[:8]}
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        text = ""
        if match := _PORT_OPTION.match(word):
            text = match[1]
        elif word in ("--port", "--http-port") or (word == "-p" and programs & _SHORT_P):
            text = following
        elif word in ("-b", "--bind", "--listen") and (programs & _BINDS):
            text = _after_colon(following)
        elif word.startswith(("--bind=", "-b=", "--listen=")) and (programs & _BINDS):
            text = _after_colon(word.split("=", 1)[1])
        elif word == "runserver" and following:
            text = _after_colon(following) if ":" in following else following
        elif word.startswith("PORT="):
            text = word[5:]
        yield from number(text)


def number(text: str) -> Iterator[tuple[int, Confidence]]:
    """A port from how it is written: digits, or a shell variable with a default."""
    text = text.strip("\"'")
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65_535:
        yield int(text), "certain"
    elif match := _DEFAULT.match(text):
        for port, _ in number(match[1]):
            yield port, "likely"


def _after_colon(address: str) -> str:
    if address.startswith("unix:"):
        return ""
    # ${PORT:-8000} holds a colon of its own.
    at = address.find(":${") if "${" in address else address.rfind(":")
    return address[at + 1 :] if at >= 0 or "$" not in address else address
