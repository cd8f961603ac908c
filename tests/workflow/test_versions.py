"""Stores that older versions wrote: opened, or refused with the reason and the way on."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from hug_agents.approve.audit import verify
from hug_agents.approve.ledger import Entry, Ledger
from hug_agents.errors import QuestionsPending, StoreError
from hug_agents.execute.dossier import Dossier
from hug_agents.generation import answer
from hug_agents.release import Release
from hug_agents.store import Store
from hug_agents.workflow import Crew, run
from hug_agents.workflow.versions import check_version
from tests.governed import Site

STORES = Path(__file__).parents[1] / "stores"


def unpack(name: str, folder: Path) -> Path:
    with tarfile.open(STORES / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_checkpoints_that_were_never_signed(tmp_path: Path, green: object) -> None:
    """Version 0 had pauses: what was answered there is nobody's approval."""
    store = unpack("state-0", tmp_path / "old")
    with pytest.raises(StoreError, match="not signed") as refused:
        run.look(Crew(store=Store(store)), "run-old")
    assert "--run run-old" in str(refused.value)
    site = Site(tmp_path / "site")
    common = site.common | {"store": store}
    release = Release.start(run="run-old", requester="kim", target="recorder", **common)
    assert release.status().checkpoint == "pre_deployment", "its bundle can be released by the rules of today"


def test_questions_of_version_0_are_still_answered(tmp_path: Path) -> None:
    store = unpack("state-0", tmp_path)
    with pytest.raises(QuestionsPending):
        answer("run-asks", store=store, gates=())
    answers = {"services.hello.image": "ghcr.io/acme/hello:1.2.0", "services.hello.port": "8080"}
    assert answer("run-asks", answers, store=store, gates=()).spec.services[0].port == 8080


def test_a_release_of_version_1_waits_on(tmp_path: Path, green: object) -> None:
    """Written when releases were first governed. Whoever changes the graph keeps this, or says here why not."""
    site = Site(unpack("state-1", tmp_path / "site"))
    release = site.open("r20261123-18ba5bf1")
    status = release.resume()
    assert status.checkpoint == "pre_deployment"
    assert "hello" in release.review().markdown()
    site.until(release, "production_go_no_go")
    assert site.approve(release).outcome == "released"


def test_what_was_signed_under_an_older_version_still_counts(tmp_path: Path, green: object) -> None:
    """Fields that came later are not written while they say nothing, so packets, plans and orders keep their digests.

    Whoever changes what a packet or an order holds sees it here: signatures would be void, or effects done again.
    """
    site = Site(tmp_path / "site")
    unpack("state-1-signed", site.root)  # with its own policy: the keys are gone, only what they signed is left
    for name, checkpoint in (("signed", "pre_deployment"), ("staged", "production_go_no_go")):
        status = site.open(name).status()
        assert (status.checkpoint, status.waits_for, len(status.signatures)) == (checkpoint, (), 2)
        asked = [entry for entry in entries(site) if (entry.release, entry.kind) == (name, "presented")]
        assert asked[-1].value["packet"] == status.packet
        dossier = Store(site.store).get_model(Dossier, site.open(name)._state()["dossier"])
        assert site.open(name)._executor.packet(dossier).digest() == status.packet
        assert all(effect.order.key == effect.key for effect in status.effects)
    effects = site.open("staged").status().effects
    assert len(effects) == 5, "a deployment and a drill"
    assert site.open("signed").resume().checkpoint == "staging_validation"
    site.target.done.clear()
    assert site.open("staged").resume().outcome == "released"
    assert {work.order.environment.role for work in site.target.done} == {"production"}, "staging is not done again"
    before = {
        entry.value["packet"] for entry in entries(site) if entry.kind == "presented" and entry.release == "staged"
    }
    assert len(before) == 4, "nobody was asked anything again"
    verify(Ledger(site.store / "ledger.sqlite"))


def entries(site: Site) -> list[Entry]:
    return list(Ledger(site.store / "ledger.sqlite").stream())


def test_a_newer_version_is_not_guessed_at() -> None:
    with pytest.raises(StoreError, match="upgrade"):
        check_version("r1", {"version": 99, "scope": "release"})
