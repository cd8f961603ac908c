"""Drift that was planted by hand is found, and an unchanged world raises no alarm."""

from __future__ import annotations

import json
import os
import signal
import time

from tests.adapters.local.place import Place, Release, get, load_on, words


def drift(place: Place, release: Release) -> tuple[str, ...]:
    return place.target.drift(release.bundle, release.blueprint, release.environment).changes  # type: ignore[no-any-return]


def test_an_unchanged_world_under_load(place: Place) -> None:
    first = place.release("1.0.0", worker=True)
    first.roll_out()
    with load_on(first.url()):
        assert [drift(place, first) for _ in range(15)] == [()] * 15


def test_another_bundle_or_none(place: Place) -> None:
    first = place.release("1.0.0")
    assert place.target.drift(None, first.blueprint, first.environment).status == "none"
    assert "is not what is wanted" in drift(place, first)[0]
    first.roll_out()
    changes = place.target.drift(None, first.blueprint, first.environment).changes
    assert "wanted, and should not be" in changes[0]
    assert any("a process of it runs" in line for line in changes)


def test_a_stopped_process(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    victim = int(get(first.url()).split()[3])
    os.kill(victim, signal.SIGSTOP)
    end = time.monotonic() + 60
    while not (found := drift(place, first)):
        assert time.monotonic() < end
    assert "unhealthy" in found[0]
    os.kill(victim, signal.SIGCONT)
    while drift(place, first):
        assert time.monotonic() < end


def test_edited_source(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    folder = place.world().source(place.world().desired().versions[0])  # type: ignore[union-attr]
    (folder / "made-by-the-application.db").write_text("no matter")
    assert drift(place, first) == ()
    (folder / "app.py").write_text("print('hand made')")
    (folder / "worker.py").unlink()
    assert [line.partition(", ")[2] for line in drift(place, first)] == ["edited: app.py", "missing: worker.py"]
    assert first.do("promote").status == "done"
    assert drift(place, first) == (), "an order puts the approved bytes back"


def test_edited_routes(place: Place) -> None:
    first = place.release("1.0.0")
    first.roll_out()
    second = place.release("2.0.0", "canary", first)
    second.do("deploy", 0)
    second.do("shift", 100)
    url, routes = second.url(), place.world().routes
    document = json.loads(routes.read_text())
    shares = document["http"]["services"]["web-web"]["weighted"]["services"]
    assert len(shares) == 1
    shares[0]["name"] = next(name for name in document["http"]["services"] if first.saved.bundle[7:19] in name)
    edited = routes.with_name("edited")
    edited.write_text(json.dumps(document))
    edited.replace(routes)  # in one step: half a file would route nothing
    end = time.monotonic() + 60
    while words(url, 1) != {"1.0.0": 1}:
        assert time.monotonic() < end
    assert "routes were edited" in drift(place, second)[0]
    assert second.do("promote").status == "done"
    assert drift(place, second) == ()
    assert words(url) == {"2.0.0": 40}
