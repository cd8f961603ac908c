"""The metrics as Prometheus reads them: over HTTP, by promtool, and again after the ledger has grown."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hug_agents.errors import UsageError
from hug_agents.execute.events import Event, record
from hug_agents.measure.exposition import Exposition, Server, address, text_of
from hug_agents.measure.metrics import begins
from tests.approve.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    deployment(made, "r1", "deployed")
    deployment(made, "r2", "rolled_back")
    write(made, "drift_checked", "drifted", release="r1")
    return made


def write(office: Office, name: Any, outcome: str = "", **about: Any) -> None:
    values = {"release": "r1", "application": "shop", "environment": "production", "role": "production", **about}
    record(office.desk, Event(name=name, outcome=outcome, bundle="b", **values))


def deployment(office: Office, release: str, outcome: str) -> None:
    from datetime import timedelta

    write(office, "deployment_began", release=release)
    office.now += timedelta(seconds=90)
    if outcome == "rolled_back":
        write(office, "rollback_began", release=release)
        office.now += timedelta(seconds=30)
        write(office, "rollback_ended", "passed", release=release)
    write(office, "deployment_ended", outcome, release=release)


def exposition(office: Office) -> Exposition:
    return Exposition(office.desk.ledger, lambda: office.now, lambda now: begins("30d", now))


PLACE = '{application="shop",environment="production",role="production"}'


def ended(outcome: str) -> str:
    return f'hug_deployments_total{{application="shop",environment="production",outcome="{outcome}",role="production"}}'


def test_what_is_served(office: Office) -> None:
    office.approve(office.packet())
    text = text_of(exposition(office))
    for line in (
        f"{ended('deployed')} 1.0",
        f"{ended('rolled_back')} 1.0",
        f"hug_change_failures_total{PLACE} 1.0",
        f"hug_rollbacks_total{PLACE} 1.0",
        f"hug_deployment_duration_seconds_sum{PLACE} 90.0",
        f"hug_recovery_duration_seconds_sum{PLACE} 30.0",
        f"hug_recovery_duration_seconds_count{PLACE} 1.0",
        f"hug_drifted{PLACE} 1.0",
        f"hug_change_failure_ratio{PLACE} 0.5",
        f"hug_failures_unrecovered{PLACE} 0.0",
        'hug_reviews_total{application="shop",verdict="approve"} 2.0',
    ):
        assert line in text.splitlines(), text
    assert text.count("# HELP") == text.count("# TYPE") >= 14


def test_promtool_finds_nothing_to_say(office: Office) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: install prometheus")
    office.approve(office.packet())
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text_of(exposition(office)), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_a_scrape_sees_what_came_since(office: Office) -> None:
    server = Server(exposition(office), "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.port}/metrics"
        assert f"{ended('deployed')} 1.0" in urllib.request.urlopen(url, timeout=60).read().decode()
        deployment(office, "r3", "deployed")
        assert f"{ended('deployed')} 2.0" in urllib.request.urlopen(url, timeout=60).read().decode()
    finally:
        server.close()


def test_an_empty_log_has_no_samples_but_all_names(tmp_path: Path) -> None:
    text = text_of(exposition(Office(tmp_path)))
    assert "# TYPE hug_deployments_total counter" in text
    assert [line for line in text.splitlines() if not line.startswith("#")] == []


def test_addresses(office: Office) -> None:
    assert address("9464") == ("127.0.0.1", 9464)
    assert address("0.0.0.0:80") == ("0.0.0.0", 80)
    assert address("[::1]:80") == ("::1", 80)
    for wrong in ("", "host", "host:", "1:70000", "1:-1", "1:²"):
        with pytest.raises(UsageError, match="not an address"):
            address(wrong)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen there"):
            Server(exposition(office), "127.0.0.1", taken.getsockname()[1])
