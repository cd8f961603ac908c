"""Writing a bundle: all or nothing, and never over what is not ours."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hug_agents import output
from hug_agents.bundle import Artifact, Bundle
from hug_agents.canonical import sha256
from hug_agents.errors import OutputConflict, UsageError
from hug_agents.output import MANIFEST, write_bundle

SPEC = "sha256:" + "0" * 64


def bundle(**files: str) -> Bundle:
    return Bundle(
        SPEC, [Artifact(path=path.replace("__", "/"), content=text, system="test") for path, text in files.items()]
    )


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_into_a_new_folder(tmp_path: Path) -> None:
    written = write_bundle(bundle(a="1\n", d__b="2\n"), tmp_path / "x" / "out")
    assert set(written.created) == {"a", "d/b", MANIFEST}
    assert tree(tmp_path / "x" / "out")["d/b"] == "2\n"
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["out"]


def test_executables_can_be_run(tmp_path: Path) -> None:
    script = Artifact(path="run.sh", content="#!/bin/sh\n", system="test", executable=True)
    write_bundle(Bundle(SPEC, [script]), tmp_path / "out")
    assert os.access(tmp_path / "out" / "run.sh", os.X_OK)
    (tmp_path / "mine").write_text("x")
    write_bundle(Bundle(SPEC, [script]), tmp_path)
    assert os.access(tmp_path / "run.sh", os.X_OK)


def test_beside_other_content(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    write_bundle(bundle(a="1\n"), tmp_path)
    assert tree(tmp_path)["README.md"] == "mine"
    assert tree(tmp_path)["a"] == "1\n"


def test_a_foreign_file_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(OutputConflict, match="b") as caught:
        write_bundle(bundle(a="1\n", b="2\n"), tmp_path)
    assert caught.value.exit_code == 2
    assert tree(tmp_path) == before


def test_again_replaces_ours_and_removes_what_went(tmp_path: Path) -> None:
    write_bundle(bundle(a="1\n", b="2\n", c="3\n", d="4\n"), tmp_path)
    (tmp_path / "c").write_text("edited by a person")
    written = write_bundle(bundle(a="1\n", b="new\n"), tmp_path)
    assert (written.unchanged, written.removed, written.kept) == (("a",), ("d",), ("c",))
    assert tree(tmp_path)["b"] == "new\n"
    assert tree(tmp_path)["c"] == "edited by a person"
    assert "d" not in tree(tmp_path)


def test_an_edited_file_of_ours_is_not_overwritten(tmp_path: Path) -> None:
    write_bundle(bundle(a="1\n"), tmp_path)
    (tmp_path / "a").write_text("edited")
    with pytest.raises(OutputConflict):
        write_bundle(bundle(a="2\n"), tmp_path)
    assert tree(tmp_path)["a"] == "edited"


@pytest.mark.parametrize("where", ["file", "folder", "root"])
def test_never_through_a_link(tmp_path: Path, where: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("untouched")
    out = tmp_path / "out"
    out.mkdir()
    if where == "file":
        (out / "d").mkdir()
        (out / "d" / "a").symlink_to(outside / "a")
    elif where == "folder":
        (out / "d").symlink_to(outside)
    else:
        out.rmdir()
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError):
        write_bundle(bundle(d__a="evil\n"), out)
    assert tree(outside) == {"a": "untouched"}


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="not a folder"):
        write_bundle(bundle(a="1\n"), tmp_path / "out")


def test_a_broken_manifest_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(OutputConflict, match="manifest"):
        write_bundle(bundle(a="1\n"), tmp_path)


@pytest.mark.parametrize("moves", range(4))
def test_an_interrupted_writing_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    write_bundle(bundle(a="1\n", b="1\n", c="1\n"), tmp_path)
    real, done = Path.replace, 0

    def dies(self: Path, target: Path) -> Path:
        nonlocal done
        if self.parent.name == "files":
            if done == moves:
                raise KeyboardInterrupt
            done += 1
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(bundle(a="2\n", b="2\n", d="2\n"), tmp_path)
    monkeypatch.undo()
    write_bundle(bundle(a="2\n", b="2\n", d="2\n"), tmp_path)
    files = tree(tmp_path)
    assert {name: text for name, text in files.items() if name != MANIFEST} == {"a": "2\n", "b": "2\n", "d": "2\n"}


def test_an_interruption_before_the_journal_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(bundle(a="1\n"), tmp_path)
    before = tree(tmp_path)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "_lay_out", dies)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(bundle(a="2\n"), tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("journal", ["", "[]", '{"move": []}', '{"move": [], "remove": [1]}'])
def test_a_journal_that_cannot_be_read(tmp_path: Path, journal: str) -> None:
    staging = tmp_path / ".hug-staging-x"
    staging.mkdir()
    (staging / "journal.json").write_text(journal)
    with pytest.raises(OutputConflict, match="cannot be read"):
        write_bundle(bundle(a="1\n"), tmp_path)


@pytest.mark.parametrize("where", ["{}", "../mine", "sub/../../mine"])
@pytest.mark.parametrize("what", ["move", "remove"])
def test_a_journal_that_somebody_put_there_reaches_nothing_outside(tmp_path: Path, where: str, what: str) -> None:
    mine, folder = tmp_path / "mine", tmp_path / "out"
    mine.write_text("mine")
    staging = folder / ".hug-staging-x"
    staging.mkdir(parents=True)
    journal = {"move": [], "remove": [], what: [where.format(mine)]}
    (staging / "journal.json").write_text(json.dumps(journal))
    with pytest.raises(OutputConflict, match="outside this folder"):
        write_bundle(bundle(a="1\n"), folder)
    assert mine.read_text() == "mine"


def test_a_link_in_what_was_laid_out_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_text("mine")
    staging = tmp_path / "out" / ".hug-staging-x"
    staging.mkdir(parents=True)
    (staging / "files").symlink_to(tmp_path / "home")
    (staging / "journal.json").write_text('{"move": ["key"], "remove": []}')
    write_bundle(bundle(a="1\n"), tmp_path / "out")
    assert (tmp_path / "home" / "key").read_text() == "mine"


def test_a_manifest_that_somebody_put_there_reaches_nothing_outside(tmp_path: Path) -> None:
    mine, folder = tmp_path / "mine", tmp_path / "out"
    mine.write_text("mine")
    folder.mkdir()
    entry = {"path": "../mine", "sha256": sha256(b"mine"), "size": 4, "system": "x", "owner": "deployment"}
    (folder / MANIFEST).write_text(json.dumps({"schema_version": 1, "spec": SPEC, "entries": [entry]}))
    with pytest.raises(OutputConflict, match="outside this folder"):
        write_bundle(bundle(a="1\n"), folder)
    assert mine.read_text() == "mine"
