"""What a gate is, what it finds, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from hug_agents.bundle import Bundle, Owner
from hug_agents.plans import Blueprint
from hug_agents.process import Completed, find, run
from hug_agents.spec import CONTROL, Line, Model, Text

Severity = Literal["error", "warning", "info"]
Status = Literal["passed", "failed", "skipped", "error"]
T = TypeVar("T")


class Skip(Exception):
    """Raised by `Gate.check` when what it needs, beside its program, cannot be had here. The text becomes `reason`."""


class Fix(Model):
    """A change of one value of the spec that would mend a finding. It is applied only where nobody stated the value."""

    path: Line = Field(description="of the spec, e.g. services.api.replicas")
    value: int | str | bool
    reason: Line


def clean(text: str, limit: int = 2_000) -> str:
    """What a tool wrote, as text that may be stored and shown: no control characters, at most `limit` characters."""
    kept = CONTROL.sub("", text)
    kept = kept.strip()
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}\u2026"


class Finding(Model):
    """One thing that a gate objects to."""

    gate: Line
    rule: Line = Field(description="the tool's own rule id, e.g. DL3008, or ours, e.g. HUG-P01")
    severity: Severity = Field(description="error fails the gate; warning and info are reported")
    message: Text
    file: Line = Field("", description="relative to the bundle; empty where it is about the spec")
    line: Annotated[int, Field(ge=0)] = 0
    remedy: Text = ""
    owner: Owner = "deployment"
    fix: Fix | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """How findings are sorted: the worst first, then by place."""
        return (("error", "warning", "info").index(self.severity), self.file, self.line, self.rule, self.message)


class GateResult(Model):
    """What one gate answered. `skipped` is never a pass: `reason` says what to install."""

    name: Line
    tool: Line
    version: Line = ""
    status: Status
    findings: tuple[Finding, ...] = ()
    files: int = Field(0, description="how many files it looked at")
    seconds: float = 0.0
    reason: Text = Field("", description="skipped: NAME, install with ...; error: what went wrong with the tool itself")
    required: bool = Field(True, description="a release may not start while a required gate is not passed")


class GateReport(Model):
    """What the gates said of one bundle, as one document."""

    bundle: Line = Field(description="digest of the manifest that was judged")
    results: tuple[GateResult, ...]


def lay_out(bundle: Bundle, root: Path) -> None:
    """Write a bundle's files below `root`, a folder that does not exist yet."""
    root.mkdir(parents=True)
    for artifact in bundle:
        path = root.joinpath(*artifact.path.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.data)
        if artifact.executable:
            path.chmod(0o755)


class Memo:
    """Work that several gates share in one run: whoever comes first does it, the others wait for what it gave."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._locks: dict[str, Lock] = {}
        self._values: dict[str, Any] = {}

    def once(self, key: str, make: Callable[[], T]) -> T:
        """`make()`, at most once a run; if it raises, the next caller tries again."""
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._values:
                self._values[key] = make()
            value: T = self._values[key]
            return value


class Workspace:
    """A bundle laid out as files, with what it was made from.

    `root` is shared by all gates that only read; a gate with `writes` has a copy of its own. `scratch` is an empty
    folder of this gate's, outside `root`, and `common` is one of all gates, for what `memo` shares. All go when the
    run ends.
    """

    def __init__(
        self, root: Path, bundle: Bundle, blueprint: Blueprint, *, scratch: Path, common: Path, memo: Memo
    ) -> None:
        self.root = root
        self.bundle = bundle
        self.blueprint = blueprint
        self.scratch = scratch
        self.common = common
        self.memo = memo

    def run(
        self, argv: Sequence[str], *, timeout: float = 120, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> Completed:
        """Run a program in the folder; see `hug_agents.process.run`."""
        return run(argv, cwd=cwd or self.root, timeout=timeout, env=env)


class Gate:
    """One automated check. Subclasses set the class variables and write `files` and `check`."""

    name: ClassVar[str]
    tool: ClassVar[str]
    """The program it runs; empty for a check of our own."""
    install: ClassVar[str] = ""
    """How a person gets the program, as one line."""
    required: ClassVar[bool] = True
    writes: ClassVar[bool] = False
    """It changes files while it checks, so it works on a copy of its own."""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        """The paths it looks at; none: the gate does not apply to this bundle and is left out."""
        raise NotImplementedError  # every gate says what it looks at

    def version(self) -> str:
        """The tool's version; empty for a check of our own."""
        return ""

    def missing(self) -> str:
        """Why the gate cannot run here; empty if it can."""
        if self.tool and find(self.tool) is None:
            return f"{self.tool}, install with {self.install}"
        return ""

    def finding(
        self,
        rule: str,
        message: str,
        *,
        severity: Severity = "error",
        file: str = "",
        line: int = 0,
        remedy: str = "",
    ) -> Finding:
        """A finding of this gate; what a tool wrote is cleaned. The owner is filled in by the runner, from the file."""
        return Finding(
            gate=self.name,
            rule=clean(rule.replace("\n", " "), 200),
            severity=severity,
            message=clean(message),
            file=clean(file.replace("\n", " "), 500),
            line=max(line, 0),
            remedy=clean(remedy),
        )

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        """Look at the files. Raises ProcessError when the tool itself fails, Skip when it cannot be run here."""
        raise NotImplementedError  # every gate checks something
