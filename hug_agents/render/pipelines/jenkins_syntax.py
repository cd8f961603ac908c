"""How values are written into a Jenkinsfile: single quotes only, so that Groovy interpolates nothing."""

from __future__ import annotations

import textwrap

from hug_agents.render.templating import Safe

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def groovy(text: str) -> Safe:
    """A Groovy string literal. In single quotes a dollar is a dollar; what is not ASCII is escaped."""
    return Safe("'" + "".join(_ESCAPES.get(char) or _ascii(char) for char in text) + "'")


def shell(label: str, lines: str) -> Safe:
    """A step that runs lines of bash, which stops at the first error, also inside a pipe.

    What a build is given from outside reaches the lines as environment variables, never as text of the script.
    """
    body = textwrap.indent(textwrap.dedent(lines).strip("\n"), "  ", lambda line: bool(line.strip()))
    script = "".join(_ascii(char) for char in body.replace("\\", "\\\\").replace("'''", "\\'\\'\\'"))
    head = f"sh label: {groovy(label)}, script: '''#!/usr/bin/env bash"
    return Safe(f"{head}\n  set -euo pipefail\n{script}\n'''")


def put(lines: str, indent: int) -> Safe:
    """What a macro of ours printed, so many columns to the right. Each value in it was escaped when it was printed there."""
    return Safe(textwrap.indent(lines.strip("\n"), " " * indent, lambda line: bool(line.strip())))


def _ascii(char: str) -> str:
    # Whatever character set a controller reads a Jenkinsfile with, it reads the same.
    if char == "\n" or " " <= char <= "~":
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
