"""Bundles, manifests, the store: names that hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from hug_agents.bundle import Artifact, Bundle, Manifest, check_path
from hug_agents.errors import SpecError, StoreError, TamperedObject
from hug_agents.store import Store, replace

SPEC = "sha256:" + "0" * 64


def artifact(path: str, content: str = "x\n") -> Artifact:
    return Artifact(path=path, content=content, system="test")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "a\nb",
        "a\n",
        "C:/x",
        "a/.",
        "x.",
        "a ",
        "\u2024./x",
    ],
)
def test_paths_stay_inside(path: str) -> None:
    with pytest.raises(SpecError):
        check_path(path)


def test_order_does_not_matter_and_every_byte_does() -> None:
    one = Bundle(SPEC, [artifact("a"), artifact("b")])
    other = Bundle(SPEC, [artifact("b"), artifact("a")])
    changed = Bundle(SPEC, [artifact("a"), artifact("b", "y\n")])
    assert one.digest() == other.digest() != changed.digest()
    assert Bundle("sha256:" + "1" * 64, [artifact("a"), artifact("b")]).digest() != one.digest()


def test_two_files_in_one_place_are_refused() -> None:
    with pytest.raises(SpecError, match="same place"):
        Bundle(SPEC, [artifact("Dockerfile"), artifact("dockerfile")])


def test_the_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    bundle = Bundle(SPEC, [artifact("a", "ä€\U0001f600\n"), artifact("d/b")])
    name = store.put_bundle(bundle)
    again = Store(tmp_path / "s").get_bundle(name)
    assert name == bundle.digest() == again.digest()
    assert [item.content for item in again] == [item.content for item in bundle]


def test_a_changed_object_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    name = store.put(b"approved")
    path = next(path for path in (tmp_path / "s" / "objects").rglob("*") if path.is_file())
    path.write_bytes(b"something else")
    with pytest.raises(TamperedObject, match=name):
        store.get(name)


@pytest.mark.parametrize("name", ["", "sha256:../../etc/passwd", "sha256:" + "g" * 64, "md5:0", "sha256:" + "0" * 64])
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        Store(tmp_path / "s").get(name)


def test_a_writing_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        store.put(b"x")
    with pytest.raises(StoreError, match="No space left"):
        replace(tmp_path / "pin", b"x")
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_document_of_another_kind_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    with pytest.raises(StoreError, match="not a Manifest"):
        store.get_model(Manifest, store.put(b'{"schema_version": 2}'))


def test_a_folder_that_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file")
    with pytest.raises(StoreError, match="cannot be used as a store"):
        Store(tmp_path / "s")
