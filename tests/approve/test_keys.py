from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hug_agents.approve.keys import _WEAK, KeyRing, PublicKey, SigningKey
from hug_agents.canonical import sha256
from hug_agents.errors import SigningKeyError
from hug_agents.process import find, run


def test_a_key_is_made_read_and_signs(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys")
    made = ring.new("ana", b"open sesame")
    path = tmp_path / "keys" / "ana"
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert made.public.verifies(ring.load("ana", b"open sesame").sign(b"x"), b"x")
    assert not made.public.verifies(made.sign(b"x"), b"y")
    (info,) = ring.list()
    assert (info.name, info.id, info.private) == ("ana", made.public.id, True)
    assert PublicKey.parse(info.line + " ana@laptop").id == made.public.id


@pytest.mark.parametrize("passphrase", [None, b"wrong", b""])
def test_a_passphrase_is_needed(tmp_path: Path, passphrase: bytes | None) -> None:
    KeyRing(tmp_path).new("ana", b"open sesame")
    with pytest.raises(SigningKeyError, match="needs its passphrase"):
        KeyRing(tmp_path).load("ana", passphrase)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_key_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    KeyRing(tmp_path).new("ana")
    (tmp_path / "ana").chmod(mode)
    with pytest.raises(SigningKeyError, match=f"mode {mode:04o}"):
        KeyRing(tmp_path).load("ana")
    assert KeyRing(tmp_path).list()[0].problem.startswith("others may read it")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    KeyRing(tmp_path).new("ana")
    before = (tmp_path / "ana").read_bytes()
    with pytest.raises(SigningKeyError, match="is there already"):
        KeyRing(tmp_path).new("ana")
    assert (tmp_path / "ana").read_bytes() == before


@pytest.mark.parametrize("there", ["bob", "bob.pub"])
def test_a_key_is_written_with_its_public_line_or_not_at_all(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"somebody's")
    with pytest.raises(SigningKeyError, match=f"{there}: is there already"):
        KeyRing(tmp_path).new("bob")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(there, b"somebody's")]


@pytest.mark.parametrize("name", ["../ana", "a/b", "", ".", "Ana", "\u0430na", "ana\n", "-ana", "a" * 65])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(SigningKeyError, match="cannot name a key"):
        KeyRing(tmp_path / "keys").new(name)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_key_of_openssh_serves_and_ours_serves_openssh(tmp_path: Path, passphrase: str) -> None:
    if find("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed: install with apt install openssh-client")

    def keygen(*arguments: str) -> str:
        done = run(["ssh-keygen", *arguments], cwd=tmp_path, timeout=30)
        assert done.code == 0, done.output
        return done.stdout

    theirs = tmp_path / "id_ed25519"
    keygen("-q", "-t", "ed25519", "-N", passphrase, "-f", str(theirs))
    ring = KeyRing(tmp_path / "keys")
    public = ring.import_("ana", theirs, passphrase.encode() or None)
    assert public == PublicKey.parse(theirs.with_suffix(".pub").read_text())
    assert ring.load("ana", passphrase.encode() or None).public == public
    assert PublicKey.parse(keygen("-y", "-P", passphrase, "-f", str(tmp_path / "keys" / "ana"))) == public


def test_a_public_line_of_somebody_else(tmp_path: Path) -> None:
    other = KeyRing(tmp_path / "other").new("ben")
    ring = KeyRing(tmp_path / "mine")
    assert ring.import_("ben", tmp_path / "other" / "ben.pub") == other.public
    assert [(info.name, info.private) for info in ring.list()] == [("ben", False)]


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    for data, what in ((other, "not an Ed25519 key"), (b"hello", "not a private key"), (b"x" * 20_000, "too large")):
        path = tmp_path / "key"
        path.write_bytes(data)
        path.chmod(0o600)
        with pytest.raises(SigningKeyError, match=what):
            SigningKey.load(path)
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(SigningKeyError):
            SigningKey.load(path)


def test_a_weak_key_that_any_signature_fits_is_refused() -> None:
    for raw in _WEAK:
        for point in (raw, raw[:31] + bytes([raw[31] | 0x80])):
            with pytest.raises(SigningKeyError, match="not a usable"):
                PublicKey(point)


@pytest.mark.parametrize(
    "line", ["", "ssh-rsa AAAA", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !!!!", "x" * 9999]
)
def test_a_broken_line(line: str) -> None:
    with pytest.raises(SigningKeyError):
        PublicKey.parse(line)


def test_a_private_key_stays_where_it_is() -> None:
    key = SigningKey.new()
    assert repr(key) == f"SigningKey({key.public.id})" and key.public.id.startswith("sha256:")
    for move in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            move(key)
    assert len(sha256(b"")) == len(key.public.id)
