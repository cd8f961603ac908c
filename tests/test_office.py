"""What is refused before a store's releases are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from hug_agents.errors import UsageError
from hug_agents.office import open_office
from hug_agents.store import Store


def test_the_token_of_prometheus_is_not_sent_in_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUG_AGENTS_PROMETHEUS", "http://prometheus.example.com:9090")
    assert open_office(Store(tmp_path / "store")).gauges is not None
    monkeypatch.setenv("HUG_AGENTS_PROMETHEUS_TOKEN", "secret")
    with pytest.raises(UsageError, match="HUG_AGENTS_PROMETHEUS: Prometheus: a token is sent over https only"):
        open_office(Store(tmp_path / "store"))
    monkeypatch.setenv("HUG_AGENTS_PROMETHEUS", "http://127.0.0.1:9090")
    assert open_office(Store(tmp_path / "store")).gauges is not None
