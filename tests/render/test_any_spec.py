"""Specs from the whole space of the systems that are written for: each renders or is refused with the nearest that works, twice the
same, and passes every gate that answers within about a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec
from hug_agents.validate import run_gates
from hug_agents.validate.registry import gates
from tests.render.drawn import specs

FAST = (
    "shellcheck",
    "actionlint",
    "zizmor",
    "hadolint",
    "terraform fmt",
    "promtool check",
    "check-jsonschema",
    "nomad",
    "grafana",
    "promql",
    "datadog",
)
"""Programs that answer within about a second; a check of our own needs no program and always does."""
Record = Callable[[str, object], None]


def fast() -> tuple[str, ...]:
    return tuple(gate.name for gate in gates() if not gate.tool or gate.name in FAST)


def judge(spec: DeploymentSpec, only: tuple[str, ...], seen: Counter[str]) -> None:
    """Render, twice, and ask the gates; what was refused must say why and what works."""
    seen["tried"] += 1
    blueprint = plan(spec)
    try:
        bundle = render(blueprint)
    except UnsupportedError as refused:
        seen["refused"] += 1
        assert refused.what and refused.hint, refused
        return
    seen["failed"] += 1  # until everything below has held
    assert render(plan(spec)).digest() == bundle.digest()
    results = run_gates(bundle, blueprint, only=only)
    found = [
        f"{item.gate} {item.file}:{item.line} {item.rule} {item.message}"
        for result in results
        for item in result.findings
        # one about the spec objects to what was asked for, not to what was written: no monitor, say
        if item.severity == "error" and item.file not in ("", "spec.json")
    ]
    assert not found, "\n".join(found)
    assert not [result.reason for result in results if result.status == "error"]
    seen["failed"] -= 1


def told(seen: Counter[str]) -> str:
    return f"{seen['tried']} specs tried, {seen['refused']} refused, {seen['failed']} failed"


def drive(examples: int, only: tuple[str, ...], record: Record) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(specs())
    def every(spec: DeploymentSpec) -> None:
        judge(spec, only, seen)

    try:
        every()
    finally:
        record("told", told(seen))


def test_every_spec_renders_or_is_refused(record_property: Record) -> None:
    drive(40, ("coherence", "well-formed"), record_property)


@pytest.mark.slow
def test_every_spec_passes_the_fast_gates(record_property: Record) -> None:
    drive(15, fast(), record_property)


@pytest.mark.nightly
def test_every_spec_passes_every_gate(record_property: Record) -> None:
    drive(150, (), record_property)


def test_what_was_tried_is_counted() -> None:
    seen: Counter[str] = Counter()
    drawn: list[DeploymentSpec] = []

    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(specs() | st.nothing())
    def some(spec: DeploymentSpec) -> None:
        drawn.append(spec)
        judge(spec, ("well-formed",), seen)

    some()
    assert seen["tried"] == len(drawn) and seen["failed"] == 0
    assert told(seen).startswith(f"{len(drawn)} specs tried")
