"""A folder is put back under what runs there: that runs on, and is as if it had never been told anything else."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from tests.adapters.local.place import Place, processes_of, words
from tests.crash import processes

LIVE = ("logs", "router", "observed.json", "broken.json", "supervisor.lock", "start.lock")
"""What belongs to who runs, and not to what is wanted."""


@pytest.mark.slow
def test_what_runs_runs_on_while_its_folder_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "APPLICATION", "shop")
    root, kept = tmp_path / "place", tmp_path / "kept"
    processes.put(root, None)
    place = Place(root)
    world = place.world()
    try:
        first = place.release("1.0.0", replicas=1)
        first.roll_out()
        copytree(place.root, kept, symlinks=True)
        before = world.observed()
        place.release("1.1.0", previous=first, replicas=1).roll_out()

        processes.put(root, kept)
        after = world.observed()
        assert before and after and (after.supervisor, after.router) == (before.supervisor, before.router)
        assert after.weights == before.weights
        assert set(words(first.url())) == {"1.0.0"}
        assert place.target.drift(first.bundle, first.blueprint, first.environment).status == "none"
        assert _files(root) == _files(kept)

        there = processes._kept(world, kept)
        wanted = there.desired()
        assert wanted
        there.want(wanted.model_copy(update={"ready_seconds": 44}))
        processes.put(root, kept)
        again = world.observed()
        assert again and again.state == "converged"
        assert again.supervisor != before.supervisor, "its number meant something else: who runs was not told"
        assert world.desired() == there.desired()

        processes.put(root, None)
        assert processes_of(world) == []
    finally:
        processes.end(root)


def _files(root: Path) -> dict[str, bytes]:
    files = {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
    return {
        str(name): path.read_bytes()
        for name, path in files.items()
        if not any(part in LIVE for part in name.parts) and not name.name.startswith("bound")
    }
