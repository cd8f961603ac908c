"""Uptime's own check, and what its document says that other files speak of too."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.bundle import Bundle
from hug_agents.validate import Finding, Gate, Workspace
from hug_agents.validate.coherence.fact import Fact
from hug_agents.validate.located import documents
from hug_agents.validate.policy.facts import Facts
from hug_uptime.renderer import PATH


class UptimeChecks(Gate):
    name = "uptime checks"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return (PATH,) if PATH in bundle else ()

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        (document,) = documents(workspace.bundle[PATH].content)
        return tuple(
            self.finding("https", "it is asked without TLS", file=PATH, line=document.line("checks", number, "url"))
            for number, row in enumerate(document.data["checks"])
            if not row["url"].startswith("https://")
        )


def facts(files: Facts) -> Iterator[Fact]:
    if PATH in files.bundle:
        (document,) = documents(files.bundle[PATH].content)
        for number, row in enumerate(document.data["checks"]):
            for kind in ("service", "environment"):
                yield Fact(kind, row[kind], "refers", PATH, document.line("checks", number, kind))
