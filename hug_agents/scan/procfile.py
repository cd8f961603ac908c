"""A Procfile: the web command, the release command, and the other processes."""

from __future__ import annotations

import re

from hug_agents.scan.folder import Folder
from hug_agents.scan.quoting import LINE_LIMIT

_PROCESS = re.compile(r"^([A-Za-z0-9_-]{1,40}):\s{0,8}(\S.*)$")


def read(folder: Folder) -> None:
    """Note the processes that a Procfile names."""
    source = folder.read("Procfile")
    for number, line in enumerate(source.lines if source else [], start=1):
        match = _PROCESS.match(line[:LINE_LIMIT].strip())
        if source is None or match is None:
            continue
        kind = {"web": "start_command", "release": "migrate_command"}.get(match[1], f"process.{match[1].lower()}")
        folder.add_command(kind, match[2], source, number)
