"""`hug metrics`, `hug drift` and `hug drill --due` as a person or a timer types them, on a release into a git repository."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.adapters.registry import load_target
from hug_agents.cli import main
from hug_agents.store import Store
from tests.approve.office import policy
from tests.governed import Site


@pytest.fixture
def hug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], green: object) -> Any:
    monkeypatch.chdir(tmp_path)
    for name in ("HUG_AGENTS_HOME", "HUG_AGENTS_POLICY"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main([*words])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return call


@pytest.fixture
def store(tmp_path: Path) -> str:
    """One release, deployed to staging and production by hand-signed decisions."""
    site = Site(tmp_path / "site")
    site.write_policy(policy(tiers={}))
    infra = tmp_path / "infra"
    subprocess.run(["git", "init", "-q", "-b", "main", str(infra)], check=True)
    release = site.start(
        release="one", target=f"write:{infra}", targets=lambda name: load_target(name, Store(site.store))
    )
    site.until(release, "production_go_no_go")
    assert site.approve(release).outcome == "released"
    return str(site.store)


def test_one_release_from_beginning_to_end(hug: Any, store: str, tmp_path: Path) -> None:
    code, out = hug("metrics", "--store", store)
    assert code == 0
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in out.splitlines()}
    assert lines["Deployment success rate"].endswith("100 % > 98 % met 1 of 1")
    assert "no data" in lines["Configuration drift rate"]

    assert hug("drift", "--store", store)[0] == 0
    code, out = hug("drift", "one", "--environment", "production", "--store", store, "--json")
    checks = json.loads(out)["checks"]
    assert (code, checks[0]["status"], checks[0]["release"]) == (0, "none", "one")

    infra = tmp_path / "infra"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "tree"), "deploy/production"], cwd=infra, check=True)
    gone = next(path for path in (tmp_path / "tree").rglob("*.yaml"))
    gone.unlink()
    subprocess.run([*git, "commit", "-q", "-a", "-m", "by hand"], cwd=tmp_path / "tree", check=True)
    code, out = hug("drift", "--store", store)
    assert (code, f"missing: {gone.relative_to(tmp_path / 'tree')}" in out, "no drift" in out) == (3, True, True)
    assert hug("drift", "--target", "nothing", "--store", store)[0] == 2
    assert hug("drift", "two", "--store", store)[0] == 2

    found = json.loads(hug("metrics", "--store", store, "--json")[1])
    figures = {item["name"]: item for item in found["figures"]}
    drift = figures["configuration_drift_rate"]
    assert (drift["hits"], drift["samples"]) == (1, 3)

    code, out = hug("metrics", "incident", "one", "--as", "cho", "--note", "errors at the till", "--store", store)
    assert (code, "noted, ledger entry" in out) == (0, True)
    code, out = hug("metrics", "--store", store, "incident", "one", "--as", "cho", "--note", "over", "--resolved")
    assert (code, "resolved, ledger entry" in out) == (0, True)
    assert hug("metrics", "incident", "two", "--as", "cho", "--note", "x", "--store", store)[0] == 2
    code, out = hug(
        "metrics", "incident", "one", "--as", "cho", "--note", "x", "--environment", "moon", "--store", store
    )
    assert (code, "never deployed to moon" in out) == (2, True)
    figures = {item["name"]: item for item in json.loads(hug("metrics", "--store", store, "--json")[1])["figures"]}
    assert figures["change_failure_rate"]["value"] == 100
    assert figures["mean_time_to_recovery"]["samples"] == 1
    assert hug("inbox", "--store", store)[1].count("one") == 0, "an incident of an ended release asks nobody to sign"

    picture = tmp_path / "metrics.png"
    code, _ = hug("metrics", "--plot", str(picture), "--since", "4w", "--application", "hello", "--store", store)
    assert (code, picture.read_bytes()[:4]) == (0, b"\x89PNG")
    assert hug("metrics", "--environment", "staging", "--store", store)[0] == 0
    assert hug("metrics", "--since", "soon", "--store", store)[0] == 2
    code, out = hug("metrics", "--since", "2099-01-01", "--store", store)
    assert (code, "has not been yet" in out) == (2, True)
    code, out = hug("metrics", "--application", "helo", "--store", store)
    assert (code, "no application 'helo' in this log; there are: hello" in out) == (0, True)
    assert "there is no" not in hug("metrics", "--environment", "staging", "--since", "1h", "--store", store)[1]
    code, out = hug("metrics", "--serve", "0", "--application", "hello", "--store", store)
    assert (code, "told apart by labels" in out) == (2, True)
    assert hug("metrics", "--serve", "nowhere", "--store", store)[0] == 2
    assert hug("metrics", "--store", str(tmp_path / "none"))[0] == 2


def test_a_timer_begins_the_drills_that_are_due(hug: Any, store: str, tmp_path: Path) -> None:
    rules = tmp_path / "due.yaml"
    due = policy(tiers={}, drills={"schedule": "* * * * *"})
    rules.write_text(yaml.safe_dump(due.model_dump(mode="json", by_alias=True)))
    call = ("drill", "--due", "--as", "kim", "--store", store, "--policy", str(rules))
    (tmp_path / "infra").rename(tmp_path / "away")
    code, out = hug(*call)
    assert (code, "the drill of one is due, and was not begun" in out) == (1, True)
    assert "is kept" not in out, "no release was made of it"
    found = json.loads(hug(*call, "--json")[1].partition("hug: ")[0])
    assert (found["begun"], found["failed"][0]["release"]) == ([], "one")
    (tmp_path / "away").rename(tmp_path / "infra")
    code, out = hug(*call)
    assert (code, "begun drill-one-" in out) == (5, True)
    assert hug(*call) == (0, "no drill is due\n"), "it is under way"


def test_served_until_it_is_told_to_end(store: str, tmp_path: Path) -> None:
    hug = [str(Path(sys.executable).parent / "hug"), "metrics", "--serve", "0", "--store", store]
    server = subprocess.Popen(hug, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ})
    stop = threading.Timer(120, server.kill)
    stop.start()
    try:
        assert server.stderr is not None
        url = server.stderr.readline().strip()
        text = urllib.request.urlopen(url, timeout=60).read().decode()
        assert 'hug_deployments_total{application="hello",environment="production",outcome="deployed"' in text
        server.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert server.wait(timeout=100) == 143, time.monotonic() - began
    finally:
        stop.cancel()
        server.kill()
        server.wait()
