"""Terraform's commands in a workspace: each with a time limit, each told to the log, each answer typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from hug_agents.adapters.forge import COLOURS
from hug_agents.adapters.terraform import engine as messages
from hug_agents.adapters.terraform.masks import Masks, leaves
from hug_agents.adapters.terraform.plan import Document, secrets
from hug_agents.adapters.terraform.workspace import NEW, Workspace
from hug_agents.errors import ProcessError
from hug_agents.execute.target import Order
from hug_agents.process import Completed, run, stream
from hug_agents.spec import CONTROL, Line, Model

QUICK = 300.0
"""Seconds for a command that only reads."""
_WITHOUT = "No value for required variable"
SENSITIVE = "(sensitive)"


class State(Model):
    """What a state is known by, and what is in it."""

    lineage: Line = ""
    serial: int = 0
    resources: tuple[Line, ...] = ()
    """Addresses of what is managed, without their keys."""

    @property
    def base(self) -> str:
        """Binds a plan to the state that it was made on."""
        if not self.lineage and not self.serial and not self.resources:
            return "empty"
        return f"{self.lineage or 'no lineage'} serial {self.serial}"


@dataclass(frozen=True)
class Planned:
    """A plan file and what it says."""

    path: Path
    differs: bool
    """Exit code 2: it would change something."""
    show: Callable[[Path], Document]

    @cached_property
    def document(self) -> Document:
        """What it says; asked for once, and only while the file is there."""
        return self.show(self.path)


class Log:
    """A log in the store's folder, for people: secrets are masked before a line is written."""

    def __init__(self, path: Path, masks: Masks) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.masks = masks

    def say(self, text: str) -> None:
        """One message, with its time."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        clean = self.masks.clean(plain(text)).rstrip()
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{at}  {line}\n" for line in clean.splitlines()))

    def line(self, text: str) -> None:
        """A line of a program's output, whichever form it has."""
        self.say(messages.message(messages.event(text)))


class Terraform:
    """The commands, in one workspace."""

    def __init__(self, workspace: Workspace, log: Log) -> None:
        self.workspace = workspace
        self.log = log
        self._lock = f"-lock-timeout={workspace.file.lock_seconds}s"

    def clean(self, text: str) -> str:
        """Text for people, without secrets."""
        return self.workspace.masks.clean(plain(text))

    def said(self, order: Order) -> Path:
        """Where an apply for this order writes while it runs."""
        return self.workspace.folder.runs / f"{order.key.removeprefix('sha256:')}.jsonl"

    def init(self) -> str:
        """Get providers and the state's place ready; returns the digest of the providers' lock. Raises ProcessError."""
        done = self._quick(*self.workspace.init_arguments, timeout=self.workspace.file.plan_seconds)
        if done.code:
            raise self._failed("init", _why(done))
        if self.workspace.folder.errored.is_file():
            self._write_state()
        return self.workspace.providers()

    def validate(self) -> None:
        """Raises ProcessError for a root that is not valid."""
        done = self._quick("validate", "-no-color", "-json", timeout=self.workspace.file.plan_seconds)
        if done.code:
            rows = json.loads(done.stdout).get("diagnostics", []) if done.stdout.startswith("{") else []
            said = "; ".join(messages.message({"diagnostic": row}) for row in rows if row.get("severity") == "error")
            raise self._failed("validate", said or done.output)

    def state(self) -> State:
        """The state as it is kept now."""
        done = self._read("state", "pull")
        if not done.stdout.strip():
            return State()
        try:
            value = json.loads(done.stdout)
            rows = [
                row for row in value.get("resources") or [] if row.get("mode") == "managed" and row.get("instances")
            ]
            return State(
                lineage=str(value["lineage"]),
                serial=int(value["serial"]),
                resources=tuple(
                    ".".join(filter(None, (row.get("module"), row["type"], row["name"])))[:2_000] for row in rows
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self._failed("state pull", f"this is no state: {error!r}") from error

    def plan(self, *arguments: str) -> Planned:
        """Make a plan file. Raises EnvironmentBusy where the state is locked, ProcessError where there is no plan."""
        path = self.workspace.folder.plans / NEW
        said = self.workspace.folder.runs / "plan.jsonl"
        path.unlink(missing_ok=True)
        self.log.say(f"plan {' '.join(item for item in arguments if not item.startswith('-var-file'))}".strip())
        try:
            done = self._stream(
                said,
                self.workspace.file.plan_seconds,
                *("plan", "-json", "-input=false", "-detailed-exitcode", self._lock, f"-out={path}"),
                *self.workspace.variables,
                *arguments,
            )
        finally:
            said.unlink(missing_ok=True)
        if done.stopped:
            raise self._failed("plan", f"it took longer than {self.workspace.file.plan_seconds} s")
        if done.code not in (0, 2):
            why = self.clean(messages.explain(done))
            if messages.lock_held(done.stdout):
                raise messages.busy(why, self.workspace.folder.environment)
            hint = "set TF_VAR_NAME, or name a file in `variables` of target.toml" if _WITHOUT in why else ""
            raise self._failed("plan", why, hint)
        path.chmod(0o600)
        return Planned(path=path, differs=done.code == 2, show=self.show)

    def show(self, path: Path) -> Document:
        """What a plan file says; its secrets are masked from here on."""
        done = self._read("show", "-json", "-no-color", str(path))
        try:
            document = json.loads(done.stdout)
        except ValueError as error:
            raise self._failed("show", f"this is no JSON: {error}") from error
        self.workspace.masks.add(*secrets(document))
        return dict(document)

    def apply(self, path: Path, said: Path) -> Completed:
        """Carry out a plan file; what Terraform says is in `said` until its end was seen here.

        Raises ProcessError where it had to be killed, or its state could not be written: nobody knows then, and `said` stays.
        """
        self.log.say(f"apply {path.name}")
        done = self._stream(
            said, self.workspace.file.apply_seconds, "apply", "-json", "-input=false", self._lock, str(path)
        )
        if self.workspace.rescue():
            raise ProcessError(
                self.clean(f"the state of what was done could not be written: {messages.explain(done)}")[:2_000],
                where=str(self.workspace.folder.errored),
                hint="it is kept there, and written before anything else once the backend answers: resume then",
            )
        said.unlink(missing_ok=True)
        return done

    def _write_state(self) -> None:
        """Write the state that an apply could not; Terraform refuses where the backend has another, or a newer one."""
        path = self.workspace.folder.errored
        done = self._quick("state", "push", self._lock, str(path))
        if done.code:
            if messages.lock_held(done.output):
                raise messages.busy(self.clean(_why(done)), self.workspace.folder.environment)
            raise ProcessError(
                self.clean(f"the state that the last apply could not write is still refused: {_why(done)}"),
                where=str(path),
                hint="look at both; put right what the backend has (terraform state push), then move the file away",
            )
        self.log.say("the state that the last apply could not write was written")
        path.unlink()

    def outputs(self) -> dict[str, Any]:
        """The root's outputs as they are in the state; sensitive ones are hidden."""
        found = json.loads(self._read("output", "-json", "-no-color").stdout or "{}")
        hidden = {name: value for name, value in found.items() if value.get("sensitive")}
        self.workspace.masks.add(*(text for value in hidden.values() for text in leaves(value.get("value"))))
        return {name: SENSITIVE if name in hidden else value.get("value") for name, value in found.items()}

    def _quick(self, *arguments: str, timeout: float = QUICK) -> Completed:
        return run(
            [*self.workspace.engine.argv, *arguments],
            cwd=self.workspace.root,
            timeout=timeout,
            env=self.workspace.env,
            keep=(self.workspace.held,),
            limit=messages.LIMIT,
        )

    def _read(self, *arguments: str) -> Completed:
        done = self._quick(*arguments)
        if done.code:
            raise self._failed(arguments[0], _why(done))
        return done

    def _stream(self, said: Path, seconds: float, *arguments: str) -> Completed:
        say: Callable[[str], None] = self.log.line
        return stream(
            [*self.workspace.engine.argv, *arguments],
            cwd=self.workspace.root,
            timeout=seconds,
            output=said,
            line=say,
            grace=self.workspace.file.grace_seconds,
            env=self.workspace.env,
            keep=(self.workspace.held,),
            limit=messages.LIMIT,
        )

    def _failed(self, what: str, why: str, hint: str = "") -> ProcessError:
        text = self.clean(f"{self.workspace.engine.name} {what} failed: {why}")[:2_000]
        self.log.say(text)
        return ProcessError(text, where=f"{self.workspace.folder.environment}: {self.workspace.below}", hint=hint)


def plain(text: str) -> str:
    """A program's text without colours and control characters."""
    return CONTROL.sub("", COLOURS.sub("", text))


def _why(done: Completed) -> str:
    """Why a command failed: what it says of errors, if it says it apart."""
    return " ".join((done.stderr.strip() or done.stdout).split())[:1_500]
