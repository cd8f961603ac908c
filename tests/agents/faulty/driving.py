"""`hug generate` as a process against a server, and what became of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0 on port 8080 to the Kubernetes cluster main, rolling, "
    "health check on /healthz"
)
_HUG = Path(sys.executable).parent / "hug"


@dataclass(frozen=True)
class Ran:
    """What the command said."""

    code: int
    json: dict[str, Any]
    err: str
    seconds: float
    """By the clock, the process included."""

    @property
    def end(self) -> str:
        """`recovered`, or the kind of the error."""
        return "recovered" if self.json["status"] == "done" else str(self.json["error"]["kind"])

    @property
    def usage(self) -> list[dict[str, Any]]:
        """What was spent, on success or on the question that failed."""
        return self.json["usage"] if self.end == "recovered" else [self.json["error"].get("spent") or {}]

    def sum(self, *names: str) -> float:
        """Over all questions."""
        return sum(float(item.get(name, 0)) for item in self.usage for name in names)


def begun(folder: Path, *words: str) -> subprocess.Popen[str]:
    """`hug generate ... --json` under way in a folder, without a terminal and without keys."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "HUG_"))}
    command = [str(_HUG), "generate", *words, "--gate", "none", "--json"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def hug(folder: Path, *words: str) -> Ran:
    """It, at its end."""
    started = time.monotonic()
    with begun(folder, *words) as running:
        out, err = running.communicate()
    return Ran(running.returncode, json.loads(out), err, time.monotonic() - started)


def ask(folder: Path, url: str, seconds: float) -> Ran:
    """The request, with a model at a server."""
    return hug(folder, REQUEST, "--model", "openai:test", "--base-url", url, "--budget", f"seconds={seconds}")
