"""promtool: Prometheus rules and configuration parse, and the rules' own unit tests pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError
from hug_agents.process import Completed
from hug_agents.validate.gate import Finding, Severity, Workspace, clean
from hug_agents.validate.located import Malformed, documents
from hug_agents.validate.program import ProgramGate, checked

_DISCOVERIES = (
    "azure|consul|digitalocean|docker|dockerswarm|dns|ec2|eureka|gce|hetzner|http|ionos|kubernetes|kuma|lightsail|linode|"
    "marathon|nerve|nomad|openstack|ovhcloud|puppetdb|scaleway|serverset|stackit|triton|uyuni|vultr"
)
_UNBUILT = re.compile(rf"field ((?:{_DISCOVERIES})_sd_configs) not found in type config\.ScrapeConfig")
"""A service discovery that exists and that this promtool was built without. Any other unknown field is a mistake."""


def prometheus_files(bundle: Bundle, *keys: str) -> tuple[str, ...]:
    """The files below a folder named prometheus, or written for it, that have one of these keys at their top."""
    found = []
    for item in bundle:
        ours = item.system == "prometheus" or "prometheus" in PurePosixPath(item.path).parts
        if ours and item.path.endswith((".yml", ".yaml", ".rules")) and any(_top(item.content, key) for key in keys):
            found.append(item.path)
    return tuple(found)


def _top(text: str, key: str) -> bool:
    try:
        return any(isinstance(item.data, dict) and key in item.data for item in documents(text))
    except Malformed:
        return bool(re.search(rf"^{key}\s*:", text, re.MULTILINE))


def _without(text: str, keys: list[str]) -> str:
    """The text with the values of these keys blanked, every other line where it was."""
    kept: list[str] = []
    inside = -1
    for row in text.splitlines():
        depth = len(row) - len(row.lstrip())
        # a list may stand as deep as its key
        if inside >= 0 and row.strip() and (depth < inside or (depth == inside and not row.lstrip().startswith("- "))):
            inside = -1
        if inside < 0 and row.strip().rstrip(":") in keys:
            inside = depth
        kept.append("" if inside >= 0 else row)
    return "\n".join(kept) + "\n"


class _Promtool(ProgramGate):
    tool = "promtool"
    rule = "promtool"

    def _failures(self, done: Completed, file: str, text: str) -> Iterator[Finding]:
        """What promtool said about one file, on the line it names or where the words that it quotes stand."""
        checked(done, (0, 1, 3))
        if not done.code:
            return
        said = done.output.partition("FAILED:")[2].strip() or done.output
        seen = set()
        for block in re.split(r"\n\s*FAILED:\s*", said):
            message = clean(block.replace(f"{file}: ", ""))
            if message and message not in seen:
                seen.add(message)
                lint = done.code == 3  # a remark; without --lint-fatal promtool would say it and succeed
                severity: Severity = "warning" if lint else "error"
                yield self.finding(self.rule, message, severity=severity, file=file, line=_place(message, text))


def _place(message: str, text: str) -> int:
    rows = text.splitlines()
    if (named := re.search(r"(?:^|line )(\d+)(?::\d+)?: ", message)) and 0 < int(named.group(1)) <= len(rows):
        return int(named.group(1))
    quoted = re.findall(r'"([^"\n]+)"', message)
    for word in (
        *quoted,
        *(item.rsplit("/", 1)[-1] for item in quoted),
        *re.findall(r"(?:alertname|Metric|expr): ([^,\n]+)", message),
    ):
        for number, row in enumerate(rows, 1):
            if word.strip() and word.strip() in row:
                return number
    return 1


class PromtoolCheck(_Promtool):
    """Rule files with every lint of promtool, and scrape configurations with the rule files that they name."""

    name = "promtool check"
    rule = "promtool/check"
    writes = True

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return prometheus_files(bundle, "groups", "scrape_configs", "rule_files")

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        bundle = workspace.bundle
        tests = set(prometheus_files(bundle, "tests"))
        for path in files:
            if path in tests:
                continue
            is_rules = _top(bundle[path].content, "groups")
            kind = ["rules", "--lint=all", "--lint-fatal"] if is_rules else ["config", "--lint=none"]
            done = workspace.run([self.tool, "check", *kind, path])
            text = bundle[path].content
            if lacking := sorted(set(_UNBUILT.findall(done.output))):
                # some distributions leave a service discovery out; the rest of the file is still checked
                (workspace.root / path).write_text(_without(text, lacking), encoding="utf-8")
                done = workspace.run([self.tool, "check", *kind, path])
                findings.append(
                    self.finding(
                        self.rule,
                        f"this promtool was built without {', '.join(lacking)}: those parts were not checked",
                        severity="warning",
                        file=path,
                        line=next(n for n, row in enumerate(text.splitlines(), 1) if lacking[0] in row),
                        remedy="install promtool from https://prometheus.io/download",
                    )
                )
            findings += self._failures(done, path, text)
        return tuple(findings)


class PromtoolTest(_Promtool):
    """The unit tests of rules: series in, expected alerts out."""

    name = "promtool test"
    rule = "promtool/test"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return prometheus_files(bundle, "tests")

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        def test(path: str) -> tuple[Finding, ...]:
            done = workspace.run([self.tool, "test", "rules", path])
            if not done.code and "SUCCESS" not in done.output:
                raise ProcessError(f"promtool ran no test of {path}")
            return tuple(self._failures(done, path, workspace.bundle[path].content))

        with ThreadPoolExecutor(max_workers=2) as pool:
            return tuple(finding for findings in pool.map(test, files) for finding in findings)
