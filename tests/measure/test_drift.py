"""Drift: no false alarm on a world that nobody touched, and every change found, with the target `write` on real git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hug_agents.adapters.registry import load_target
from hug_agents.errors import HttpError, MissingProgram, UsageError
from hug_agents.execute.events import Event, record
from hug_agents.execute.executor import Executor
from hug_agents.execute.target import Drift
from hug_agents.measure.drift import DriftCheck, look, places
from hug_agents.measure.metrics import metrics
from hug_agents.office import open_office
from hug_agents.store import Store
from tests.adapters.test_write import git
from tests.approve.office import policy
from tests.governed import Recorder, Site


@pytest.fixture
def site(tmp_path: Path, green: object) -> Site:
    made = Site(tmp_path / "site")
    made.write_policy(policy(tiers={}))
    return made


def office(site: Site, *, real: bool = False) -> Executor:
    store = Store(site.store)
    targets = None if real else (lambda _: site.target)
    return open_office(store, policy=site.policy_file, clock=lambda: site.now, targets=targets)


def released(site: Site, name: str = "one", **more: object) -> None:
    release = site.start(release=name, **more)
    site.until(release, "production_go_no_go")
    assert site.approve(release).outcome == "released"


def looks(site: Site, *, real: bool = False, **where: str) -> dict[str, DriftCheck]:
    executor = office(site, real=real)
    return {item.environment: look(executor, item) for item in places(executor, **where)}


def test_an_untouched_world_has_none_and_a_touched_one_has(site: Site) -> None:
    released(site)
    assert {name: item.status for name, item in looks(site).items()} == {"production": "none", "staging": "none"}
    site.target.world["production"] = "something else"
    found = looks(site)
    assert (found["production"].status, found["staging"].status) == ("drifted", "none")
    rate = metrics(site.store, clock=lambda: site.now)["configuration_drift_rate"]
    assert (rate.value, rate.samples) == (50, 2), "of production alone"
    assert metrics(site.store, environment="staging", clock=lambda: site.now)["configuration_drift_rate"].value == 0


def test_a_target_that_cannot_be_had_blinds_nobody_else(site: Site) -> None:
    released(site)

    def one_is_missing(name: str) -> Recorder:
        raise MissingProgram("terraform", "a package manager")

    executor = open_office(Store(site.store), policy=site.policy_file, clock=lambda: site.now, targets=one_is_missing)
    checks = [look(executor, item) for item in places(executor)]
    assert [(item.status, item.target) for item in checks] == [("unknown", "recorder")] * 2
    assert "terraform is not installed" in checks[0].evidence
    with pytest.raises(MissingProgram):
        look(executor, places(executor)[0], target="terraform:x")


def test_on_real_git(site: Site, tmp_path: Path) -> None:
    infra = tmp_path / "infra"
    subprocess.run(["git", "init", "-q", "-b", "main", str(infra)], check=True)
    target = f"write:{infra}"
    released(site, target=target, targets=lambda name: load_target(name, Store(site.store)))
    for _ in range(3):
        assert {item.status for item in looks(site, real=True).values()} == {"none"}
    git(infra, "worktree", "add", "-q", str(tmp_path / "tree"), "deploy/production")
    files = [path for path in (tmp_path / "tree").rglob("*.yaml") if ".git" not in path.parts]
    files[0].write_text(files[0].read_text() + "\n# by hand\n")
    files[1].unlink()
    (tmp_path / "tree" / "NOTES").write_text("not ours\n")
    git(tmp_path / "tree", "add", "-A")
    git(tmp_path / "tree", "commit", "-q", "-m", "by hand")
    found = looks(site, real=True)
    assert found["staging"].status == "none"
    names = {(item.kind, item.subject) for item in found["production"].changes}
    tree = tmp_path / "tree"
    assert names == {("edited", str(files[0].relative_to(tree))), ("missing", str(files[1].relative_to(tree)))}
    assert found["production"].target == target


def test_where_to_look(site: Site) -> None:
    released(site)
    executor = office(site)
    assert [item.environment for item in places(executor)] == ["production", "staging"]
    assert [item.environment for item in places(executor, environment="staging")] == ["staging"]
    assert [item.release for item in places(executor, release="one", application="hello")] == ["one", "one"]
    for where, what in (
        ({"release": "two"}, "no release 'two'"),
        ({"application": "other"}, "is not what was put last"),
        ({"environment": "moon"}, "into moon"),
    ):
        with pytest.raises(UsageError, match=what):
            places(executor, **where)
    released(site, "two")
    with pytest.raises(UsageError, match="the release one is not what was put last"):
        places(office(site), release="one")


def test_who_cannot_tell_says_so(site: Site) -> None:
    class Silent(Recorder):
        def drift(self, *_: object) -> Drift:
            raise HttpError("no answer", where="http://router")

    released(site)
    site.target.__class__ = Silent
    found = looks(site, environment="production")["production"]
    assert (found.status, "no answer" in found.evidence) == ("unknown", True)
    assert metrics(site.store, clock=lambda: site.now)["configuration_drift_rate"].value is None


def test_while_a_release_is_at_work_nobody_can_tell(site: Site) -> None:
    released(site)
    second = site.start(release="two")
    site.until(second, "production_go_no_go")
    assert {item.status for item in looks(site).values()} == {"none"}, "it waits for people; nothing is half done"
    site.target.world["production"] = "half"
    executor = office(site)
    about = {"release": "two", "application": "hello", "environment": "production", "role": "production"}
    record(executor.desk, Event(name="deployment_began", **about))
    found = looks(site, environment="production")["production"]
    assert (found.status, found.evidence) == ("unknown", "the release two is at work there: deployment")
    record(executor.desk, Event(name="deployment_ended", outcome="deployed", **about))
    assert looks(site, environment="production")["production"].status == "drifted"


def test_a_look_leaves_an_ended_release_out_of_the_inbox(site: Site) -> None:
    released(site)
    looks(site)
    with office(site).desk.ledger.reading() as reader:
        assert reader.open_releases() == ()
