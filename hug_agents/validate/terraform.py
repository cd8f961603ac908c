"""Terraform (or OpenTofu): format, validation against the real providers, and plans against mocked ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from posixpath import normpath

from hug_agents.bundle import Bundle
from hug_agents.process import Completed
from hug_agents.validate import tools
from hug_agents.validate.gate import Finding, Severity, Workspace
from hug_agents.validate.program import ProgramGate, checked
from hug_agents.validate.terraform_files import dangers, roots, terraform_files, tested_roots
from hug_agents.validate.terraform_setup import Prepared, diagnostics


class _Terraform(ProgramGate):
    tool = "terraform"

    def _each(self, folders: tuple[str, ...], check: Callable[[str], tuple[Finding, ...]]) -> tuple[Finding, ...]:
        """The findings of every folder; one in a shared module is told once."""
        with ThreadPoolExecutor(max_workers=max(1, len(folders))) as pool:
            found = [finding for findings in pool.map(check, folders) for finding in findings]
        return tuple(dict.fromkeys(found))

    def _dangers(self, bundle: Bundle) -> tuple[Finding, ...]:
        return tuple(
            self.finding(
                "foreign-code",
                f"{what}. Terraform was not started",
                file=file,
                line=line,
                remedy="use the modules of the bundle and resources of the pinned providers",
            )
            for file, line, what in dangers(bundle)
        )

    def _diagnosed(self, done: Completed, root: str, bundle: Bundle) -> Iterator[Finding]:
        errors = 0
        for row in diagnostics(done):
            severity: Severity = "error" if row.get("severity") == "error" else "warning"
            errors += severity == "error"
            summary, detail = str(row.get("summary", "")), str(row.get("detail", ""))
            place = row.get("range") if isinstance(row.get("range"), dict) else {}
            file, line = _place(place or {}, detail)
            yield self.finding(
                self.name.replace(" ", "/"),
                f"{summary}: {detail}" if detail else summary,
                severity=severity,
                file=_file(root, file, bundle),
                line=line,
            )
        if done.code and not errors:
            yield self.finding(self.name.replace(" ", "/"), done.output, file=_file(root, "", bundle), line=1)


class TerraformFmt(_Terraform):
    """Every file is written as `terraform fmt` would write it."""

    name = "terraform fmt"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(path for path in terraform_files(bundle) if not path.endswith(".json"))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        argv = [tools.program_of(self.tool), "fmt", "-check", "-diff", "-no-color", *files]
        done = checked(workspace.run(argv, env={"TF_CLI_CONFIG_FILE": ""}), (0, 2, 3))
        return (*self._unformatted(done.stdout), *self._unparsed(done.stderr))

    def _unformatted(self, diff: str) -> Iterator[Finding]:
        file, line, told = "", 0, True
        for row in diff.splitlines():
            if row.startswith("--- old/"):
                file, told = row.removeprefix("--- old/"), False
            elif hunk := re.match(r"@@ -(\d+)", row):
                line = int(hunk.group(1)) - 1
            elif not row.startswith(("+", "\\")) and file:
                line += 1
                if row.startswith("-") and not row.startswith("---") and not told:
                    told = True
                    yield self.finding(
                        "terraform/fmt",
                        "this is not formatted as `terraform fmt` would",
                        file=file,
                        line=line,
                        remedy="run `terraform fmt` on it",
                    )

    def _unparsed(self, said: str) -> Iterator[Finding]:
        for found in re.finditer(r"Error: (?P<what>[^\n]+)\n+(?:.*?\n)??\s*on (?P<file>\S+) line (?P<line>\d+)", said):
            yield self.finding("terraform/fmt", found["what"], file=found["file"], line=int(found["line"]))


class TerraformValidate(_Terraform):
    """Each root and the modules it calls, against the schemas of the real providers."""

    name = "terraform validate"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(path for path in terraform_files(bundle) if path.endswith((".tf", ".tf.json")))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        bundle = workspace.bundle
        if refused := self._dangers(bundle):
            return refused
        prepared = Prepared.of(workspace)

        def validate(root: str) -> tuple[Finding, ...]:
            done = prepared.run(workspace, root, "validate", "-no-color", "-json", timeout=600)
            return tuple(self._diagnosed(done, root, bundle))

        return self._each(roots(bundle), validate)


class TerraformTest(_Terraform):
    """Each root's tests: its whole plan, computed by Terraform with the providers mocked."""

    name = "terraform test"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(path for paths in tested_roots(bundle).values() for path in paths)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        bundle = workspace.bundle
        if refused := self._dangers(bundle):
            return refused
        prepared = Prepared.of(workspace)
        tests = tested_roots(bundle)

        def test(root: str) -> tuple[Finding, ...]:
            done = prepared.run(workspace, root, "test", "-no-color", "-json", timeout=600)
            found = tuple(self._diagnosed(done, root, bundle))
            if not done.code and not _passed(done.stdout):
                return (
                    *found,
                    self.finding("terraform/test", "no run block was executed", file=tests[root][0], line=1),
                )
            return found

        return self._each(tuple(tests), test)


def _passed(output: str) -> int:
    """How many run blocks passed, by Terraform's own summary."""
    for line in reversed(output.splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("test_summary"), dict):
            return int(value["test_summary"].get("passed", 0))
    return 0


def _place(place: dict[str, object], detail: str) -> tuple[str, int]:
    start = place.get("start")
    if isinstance(start, dict):
        return str(place.get("filename", "")), int(start.get("line", 1))
    named = re.search(r"at (\S+\.tf):(\d+)", detail)
    return (named.group(1), int(named.group(2))) if named else ("", 1)


def _file(root: str, file: str, bundle: Bundle) -> str:
    """The path in the bundle of a file that Terraform names from a root; the root's first file where it names none."""
    path = normpath(f"{root}/{file}") if file else ""
    if path in bundle:
        return path
    return next((item.path for item in bundle.under(f"{root}/") if item.path.endswith(".tf")), "")
