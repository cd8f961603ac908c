"""Every YAML and JSON file parses, and no mapping has the same key twice. A check of our own: no program is needed."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.located import Malformed, json_value, repeated_keys

_YAML = (".yaml", ".yml")
_JSON = (".json",)


def is_chart_template(path: str, bundle: Bundle) -> bool:
    """A template of a Helm chart is YAML only once it is filled; helm's own gate judges it."""
    chart, found, _ = path.rpartition("/templates/")
    return bool(found) and f"{chart}/Chart.yaml" in bundle


class WellFormed(Gate):
    """Parsers keep the last of two equal keys and say nothing; so do the tools that read these files."""

    name = "well-formed"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(
            item.path
            for item in bundle
            if item.path.endswith(_YAML + _JSON) and not is_chart_template(item.path, bundle)
        )

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        return tuple(finding for path in files for finding in self._one(path, workspace.bundle[path].content))

    def _one(self, path: str, text: str) -> Iterator[Finding]:
        try:
            if path.endswith(_JSON):
                json_value(text)
                return
            for key, line in repeated_keys(text):
                yield self.finding(
                    "repeated-key",
                    f"the key {key!r:.100} stands twice in one mapping; a parser keeps only the last",
                    file=path,
                    line=line,
                    remedy="remove one of the two",
                )
        except Malformed as error:
            kind = "JSON" if path.endswith(_JSON) else "YAML"
            yield self.finding("malformed", f"this is not {kind}: {error}", file=path, line=error.line)
