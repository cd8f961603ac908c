"""The recorded session (`python -m tests.github.record`), replayed without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hug_agents.adapters.forge import Pace
from hug_agents.adapters.github_actions.target import _inputs
from tests.adapters.github_actions.desk import bundle
from tests.github.cassettes import CASSETTE, NOWHERE, recorder
from tests.github.emulator import TOKEN
from tests.github.session import GOOD, session


@pytest.mark.block_network
def test_a_recorded_session_says_the_same_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("githubkit", reason="githubkit is not installed: install with pip install 'hug-agents[github]'")
    pace = Pace(sleep=lambda _: None, attempts=1)
    with recorder("none").use_cassette(str(CASSETTE)) as cassette:
        told = session(NOWHERE, tmp_path / "store", "another token", pace)
    assert cassette.all_played, "nothing that was recorded is left out"
    assert told.first.status == "done", told.first.detail
    assert told.first.outputs["deployment"] == "success"
    assert told.unchanged.status == "none"
    assert told.second.status == "failed"
    assert "Deploy to staging: Roll out" in told.second.detail
    assert "the new version answers 500" in told.second.detail
    assert "Deploy to staging: " in told.log
    assert told.back.status == "done", told.back.detail
    assert told.seen.state == "partial", "the pipeline went back by itself: there is no run of Roll back to see"
    assert "Deploy to staging: Roll out: completed failure" in told.told


def test_the_recording_holds_no_header_and_no_token() -> None:
    text = CASSETTE.read_text(encoding="utf-8")
    assert TOKEN not in text
    assert not re.search(r"(?i)authorization|user-agent|x-github-api|127\.0\.0\.1|localhost", text)


@pytest.mark.parametrize("file", ["deploy.yml", "rollback.yml"])
def test_the_small_workflows_take_and_show_what_the_rendered_ones_do(file: str) -> None:
    assert _inputs(GOOD, file) == _inputs(bundle(), file) - {"images_of"}
    path = f".github/workflows/{file}"
    shown = [
        next(line for line in item[path].content.splitlines() if line.startswith("run-name:"))
        for item in (GOOD, bundle())
    ]
    assert shown[0] == shown[1]
