"""The table behind `hug doctor`."""

from __future__ import annotations

import re

import pytest

from hug_agents.validate import tools
from hug_agents.validate.registry import gates


def test_every_program_of_a_gate_is_in_the_table() -> None:
    assert {gate.tool for gate in gates() if gate.tool} == set(tools.TOOLS)
    for tool in tools.TOOLS.values():
        assert tool.install and tool.absence


def test_what_is_here_has_a_path_and_a_version() -> None:
    for state in tools.inspect():
        if state.found:
            assert re.match(r"\d+\.\d+", state.version), state
        else:
            assert state.version == ""


def test_an_absent_program_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", lambda program: None)
    monkeypatch.setattr(tools, "find_spec", lambda module: None)
    tools.version_of.cache_clear()
    try:
        assert tools.missing("terraform") == (
            "terraform, install with https://developer.hashicorp.com/terraform/install"
        )
        assert tools.missing("zizmor") == "zizmor, install with pip install 'hug-agents[gates]'"
        assert tools.version_of("zizmor") == ""
        assert not any(state.found for state in tools.inspect())
    finally:
        tools.version_of.cache_clear()


def test_opentofu_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", lambda program: "/somewhere/tofu" if program == "tofu" else None)
    assert tools.program_of("terraform") == "tofu"
    assert tools.missing("terraform") == ""
