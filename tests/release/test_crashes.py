"""Moments at which a release once could be ended for good, or ask twice. Every moment is in tests/crash; here each has a name."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from hug_agents.errors import UsageError
from hug_agents.execute.journal import Journal
from hug_agents.execute.matters import Matters
from hug_agents.execute.register import Register
from hug_agents.execute.target import Observation
from hug_agents.release import Release
from tests.approve.office import KEYS
from tests.governed import Recorder, Site


def dies(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def once(method: Any) -> Any:
    """As the method, but for the first call."""
    calls: list[int] = []

    def called(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        return dies() if len(calls) == 1 else method(*arguments, **more)

    return called


@pytest.mark.parametrize("step", range(-1, 6))
def test_between_what_a_node_wrote_and_the_next_checkpoint(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    put = SqliteSaver.put

    def put_until(self: Any, config: Any, checkpoint: Any, metadata: Any, versions: Any) -> Any:
        return dies() if metadata["step"] == step else put(self, config, checkpoint, metadata, versions)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteSaver, "put", put_until)
        with pytest.raises(KeyboardInterrupt):
            site.start(release="one")
    try:
        release = site.open("one")
    except UsageError:
        release = site.start(release="one")
    assert release.status().stage in ("interrupted", "checkpoint")
    assert release.resume().checkpoint == "pre_deployment"
    with pytest.raises(UsageError, match="exists already"):
        site.start(release="one")


class TestInDoubt:
    @pytest.fixture
    def doubtful(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> Release:
        """A release of which nobody can tell whether its first effect happened."""
        release = site.start()
        with monkeypatch.context() as patch:
            patch.setattr(Recorder, "apply", dies)
            with pytest.raises(KeyboardInterrupt):
                site.approve(release)
        site.target.sees = Observation(state="unknown", evidence="the API does not answer")
        assert release.resume().stage == "attention"
        return release

    def test_that_it_was_done_is_not_asked_twice(
        self, site: Site, doubtful: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        doubtful.settle("done", reviewer="cho", key=KEYS["cho"], reason="looked at the console")
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "end", once(Journal.end))
            with pytest.raises(KeyboardInterrupt):
                doubtful.resume()
        assert site.open(doubtful).resume().checkpoint == "staging_validation"

    def test_that_it_was_not_done_holds_for_one_attempt(
        self, site: Site, doubtful: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = doubtful.matter()
        doubtful.settle("not_done", reviewer="cho", key=KEYS["cho"], reason="looked at the console")
        with monkeypatch.context() as patch:
            patch.setattr(Matters, "close", dies)
            with pytest.raises(KeyboardInterrupt):
                doubtful.resume()
            patch.undo()
            patch.setattr(Recorder, "apply", dies)
            with pytest.raises(KeyboardInterrupt):
                site.open(doubtful).resume()
        again = site.open(doubtful).resume()
        assert again.stage == "attention", "the second attempt is as much in doubt as the first"
        assert again.matter != before
        assert site.target.done == []


def test_what_was_taken_back_holds_no_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    release = site.start()
    site.until(release, "production_go_no_go")
    site.approve(release)
    monkeypatch.setattr(Register, "unlock", dies)
    release.rollback(reviewer="cho", key=KEYS["cho"], reason="customers complain")
    assert site.start(release="next").status().stage == "checkpoint"


def test_an_ended_release_that_was_killed_while_it_was_taken_back_can_be_let_go(site: Site) -> None:
    release = site.start()
    site.until(release, "production_go_no_go")
    site.approve(release)
    release._executor.register.lock(release.id, "hello", "production", ended_too=True)
    following = site.start(release="next")
    assert following.status().stage == "blocked"
    assert release.cancel("nobody goes on with it").outcome == "released"
    assert following.resume().checkpoint == "pre_deployment"


def test_an_abort_before_anything_was_done_takes_nothing_back(site: Site) -> None:
    release = site.start()
    site.until(release, "production_go_no_go")
    release.abort("cho")
    status = site.approve(release)
    assert (status.stage, status.outcome) == ("ended", "failed")
    assert "aborted by cho" in status.notice
    assert "production" not in site.target.world


def test_a_pause_that_nobody_has_seen_yet_is_not_lost(site: Site) -> None:
    release = site.start()
    site.until(release, "production_go_no_go")
    release.pause("cho")
    status = site.approve(release)
    assert (status.stage, status.matter.kind if status.matter else "") == ("attention", "paused")
    assert release.resume().outcome == "released"


def test_an_abort_sees_what_was_begun_to_its_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    release = site.start()
    site.until(release, "production_go_no_go")
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "apply", dies)
        with pytest.raises(KeyboardInterrupt):
            site.approve(release)
    status = site.open(release).status()
    assert (status.stage, status.passed[-1]) == ("interrupted", "production_go_no_go"), "people opened it"
    assert len(set(status.passed)) == len(status.passed)
    assert site.open(release).abort("cho").outcome == "rolled_back"
    assert {effect.state for effect in release.status().effects} == {"done"}
    assert site.target.actions[-1] == "production release rollback"
