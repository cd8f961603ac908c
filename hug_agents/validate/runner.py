"""Run the gates side by side over one bundle. A gate that could not run is never counted as passed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Literal

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError, UsageError
from hug_agents.plans import Blueprint
from hug_agents.validate.gate import Finding, Fix, Gate, GateResult, Memo, Skip, Workspace, clean, lay_out
from hug_agents.validate.registry import gates as registered

Verdict = Literal["passed", "failed", "incomplete"]


def run_gates(
    bundle: Bundle,
    blueprint: Blueprint,
    *,
    gates: Sequence[Gate] | None = None,
    only: Sequence[str] = (),
    progress: Callable[[GateResult], None] | None = None,
    workers: int | None = None,
) -> tuple[GateResult, ...]:
    """The results of every gate that applies to the bundle, in the order of the registry.

    `only` names the gates to run; an unknown name raises UsageError. `progress` is called in this thread, once a
    gate, as each ends. A gate with no file to look at is left out. Nothing stays behind in the temporary folder.
    """
    chosen = _choose(registered() if gates is None else tuple(gates), only)
    work = [(gate, files) for gate in chosen if (files := gate.files(bundle))]
    if not work:
        return ()
    results: dict[int, GateResult] = {}
    with _Folder() as temporary:
        run = _Run(bundle, blueprint, temporary)
        pool = ThreadPoolExecutor(max_workers=workers or max(4, os.cpu_count() or 1), thread_name_prefix="gate")
        try:
            futures = {pool.submit(run.result, gate, files): number for number, (gate, files) in enumerate(work)}
            for future in as_completed(futures):
                result = results[futures[future]] = future.result()
                if progress is not None:
                    progress(result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return tuple(results[number] for number in sorted(results))


def verdict(results: Iterable[GateResult]) -> Verdict:
    """`failed`: a gate found an error. `incomplete`: a required gate was skipped or broke. Else `passed`."""
    listed = tuple(results)
    if any(result.status == "failed" for result in listed):
        return "failed"
    if any(result.required and result.status != "passed" for result in listed):
        return "incomplete"
    return "passed"


def fixes(results: Iterable[GateResult]) -> tuple[Fix, ...]:
    """The changes of the spec that would mend what was found, one a path: those of errors before those of warnings."""
    findings = sorted((item for result in results for item in result.findings if item.fix), key=lambda item: item.order)
    chosen: dict[str, Fix] = {}
    for finding in findings:
        if finding.fix is not None:
            chosen.setdefault(finding.fix.path, finding.fix)
    return tuple(chosen.values())


class _Folder:
    """A temporary folder, its path resolved since tools report resolved paths. It goes, also with read-only files."""

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="hug-gates-")).resolve()
        return self._path

    def __exit__(self, *_: object) -> None:
        def unlock(function: Callable[[str], object], path: str, _: object) -> None:
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)
            function(path)

        shutil.rmtree(self._path, onerror=unlock)


def _choose(gates: tuple[Gate, ...], only: Sequence[str]) -> tuple[Gate, ...]:
    if not only:
        return gates
    known = {gate.name for gate in gates}
    if unknown := sorted(set(only) - known):
        raise UsageError(f"no such gate: {', '.join(unknown)}", hint=f"one of: {', '.join(sorted(known))}")
    return tuple(gate for gate in gates if gate.name in only)


class _Run:
    """One run: the bundle laid out once, and what each gate makes of it."""

    def __init__(self, bundle: Bundle, blueprint: Blueprint, folder: Path) -> None:
        self.bundle = bundle
        self.blueprint = blueprint
        self.folder = folder
        self.memo = Memo()
        lay_out(bundle, folder / "bundle")
        (folder / "common").mkdir()

    def result(self, gate: Gate, files: tuple[str, ...]) -> GateResult:
        """What one gate answers; whatever happens inside it, this returns."""
        started = time.monotonic()
        values: dict[str, object] = {}
        try:
            if reason := gate.missing():
                values.update(status="skipped", reason=reason)
            else:
                values["version"] = gate.version()
                found = gate.check(self._workspace(gate), files)
                findings = tuple(sorted((self._owned(item) for item in found), key=lambda item: item.order))
                failed = any(item.severity == "error" for item in findings)
                values.update(status="failed" if failed else "passed", findings=findings)
        except Skip as skip:
            values.update(status="skipped", reason=clean(str(skip)))
        except ProcessError as error:
            values.update(status="error", reason=clean(str(error)))
        except Exception as error:  # noqa: BLE001 - a gate may be a third party's: broken, it must not take others along
            values.update(status="error", reason=clean(f"{type(error).__name__}: {error}"))
        values["seconds"] = round(time.monotonic() - started, 3)
        given = {"name": gate.name, "tool": gate.tool or "hug-agents", "required": gate.required, "files": len(files)}
        return GateResult.model_validate({**given, **values})

    def _workspace(self, gate: Gate) -> Workspace:
        scratch = Path(tempfile.mkdtemp(prefix="gate-", dir=self.folder))
        root = self.folder / "bundle"
        if gate.writes:
            root = Path(tempfile.mkdtemp(prefix="copy-", dir=self.folder)) / "bundle"
            lay_out(self.bundle, root)
        common = self.folder / "common"
        return Workspace(root, self.bundle, self.blueprint, scratch=scratch, common=common, memo=self.memo)

    def _owned(self, finding: Finding) -> Finding:
        if finding.file in self.bundle:
            return finding.model_copy(update={"owner": self.bundle[finding.file].owner})
        return finding
