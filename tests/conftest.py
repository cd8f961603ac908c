"""What every test shares: a mirror of Terraform providers, where this machine has one, and sites for whole releases."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

if not os.environ.get("HUG_AGENTS_TERRAFORM_MIRROR"):
    # Any unpacked filesystem mirror near the root of the file system; the Makefile looks in the same places.
    for found in sorted((*Path("/").glob("*/registry.terraform.io"), *Path("/").glob("*/*/registry.terraform.io"))):
        os.environ["HUG_AGENTS_TERRAFORM_MIRROR"] = str(found.parent)
        break


ROOM = 4 * 1024**3
"""Bytes that memory must have free for it to carry the tests' files; what a test that passed wrote goes at once."""


def pytest_configure() -> None:
    """What the tests write lies in memory where there is room: they wait for a disk as long as they compute."""
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return
    free = os.statvfs(memory)
    if free.f_bavail * free.f_frsize >= ROOM and not free.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(memory)
        tempfile.tempdir = None  # it is asked for again


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def green(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The gates' answers, one a round; after the last, everything passes. The real gates have their own tests."""
    from hug_agents.validate import GateResult
    from hug_agents.workflow import nodes

    answers: list[Any] = []
    passed = (GateResult(name="stand-in", tool="", status="passed"),)
    monkeypatch.setattr(nodes, "run_gates", lambda *_, **__: answers.pop(0) if answers else passed)
    return answers


@pytest.fixture
def site(tmp_path: Path, green: object) -> Any:
    """A place for whole releases: a store, people with keys, a clock, a target that records."""
    from tests.governed import Site

    return Site(tmp_path / "site")


@pytest.fixture
def live(tmp_path: Path, green: object) -> Any:
    """A site whose target has traffic."""
    from tests.governed import Site
    from tests.live import Live

    target = Live()
    target.site = Site(tmp_path / "site", target=target)
    return target


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Cassettes are plain YAML that a reviewer can read."""
    from tests.agents import cassettes

    vcr.register_serializer("yaml", cassettes)
    vcr.register_matcher("same_json", cassettes.same_json)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the tests that draw specs tried, and what of it failed, whether they passed or not; attacks tried and held."""
    attacks: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == "told":
                    terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {value}")
                elif name == "attacked" and report.when == "call":
                    attacks.setdefault(value, Counter()).update(["tried"])
                elif name == "held" and report.when == "call" and outcome == "passed":
                    model, became, reached = value
                    attacks[model].update([became, *(["reached a prompt"] if reached else [])])
    for model, row in attacks.items():
        held = row["same"] + row["asked"] + row["gave up"]
        gave_up = f", {row['gave up']} gave up" if row["gave up"] else ""
        terminalreporter.write_line(
            f"injection, model {model}: {row['tried']} tried, {held} held ({row['same']} the same, {row['asked']} asked{gave_up}), "
            f"{row['tried'] - held} got through; the instruction stood in a prompt in {row['reached a prompt']}"
        )
