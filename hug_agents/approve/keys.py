"""Signing keys: Ed25519, one file a key, which only its owner may read.

A key file is OpenSSH's own format, so a key of `ssh-keygen -t ed25519` serves as it is. A key's id is the SHA-256 of
its 32 public bytes; people write it as the `ssh-ed25519 AAAA...` line.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hug_agents.canonical import sha256
from hug_agents.errors import SigningKeyError
from hug_agents.spec import Line, Model

_LARGEST_FILE = 16_384
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_SSH = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
# Points of small order (RFC 7748 section 7; the sign bit is masked): a signature under one proves nothing.
_WEAK = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)


class PublicKey:
    """What a policy holds of a person, and all that verifying needs."""

    __slots__ = ("_raw", "id", "line")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32 or raw[:31] + bytes([raw[31] & 0x7F]) in _WEAK:
            raise SigningKeyError("not a usable Ed25519 public key", hint="make one: hug keys new NAME")
        Ed25519PublicKey.from_public_bytes(raw)
        self._raw = raw
        self.id = sha256(raw)
        self.line = "ssh-ed25519 " + base64.b64encode(_SSH + raw).decode()

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """From an OpenSSH public key line; its comment is dropped. Raises SigningKeyError."""
        kind, _, rest = line.strip().partition(" ")
        if kind != "ssh-ed25519":
            raise SigningKeyError(
                f"{kind[:40]!r} is not an Ed25519 key line", hint="ssh-ed25519 AAAA..., as in a .pub file"
            )
        encoded = rest.split(" ", 1)[0]
        try:
            blob = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            blob = b""
        if len(blob) != len(_SSH) + 32 or not blob.startswith(_SSH):
            raise SigningKeyError("the key line is cut short or altered", hint="copy the whole line of the .pub file")
        return cls(blob[len(_SSH) :])

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key's owner signed the message."""
        return _verified(self._raw, signature, message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"PublicKey({self.id})"


# Asked again about every signature at every effect; the answer depends on nothing but these bytes and this key.
@lru_cache(maxsize=256)
def _verified(raw: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class SigningKey:
    """A private key in memory. It is not shown, not copied and not pickled."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes_raw())

    @classmethod
    def new(cls) -> SigningKey:
        """A fresh key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> SigningKey:
        """From a key file, also one of OpenSSH's. Raises SigningKeyError, naming what is wrong with it."""
        return cls(_decode(_private_bytes(path), path, passphrase))

    def save(self, path: Path, passphrase: bytes | None = None) -> None:
        """Write a new file of mode 0600, and the public line beside it: both, or none. Never over a file that is there."""
        secret = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
        )
        public = path.with_name(path.name + ".pub")
        _write_new(public, f"{self.public.line} {path.name}\n".encode(), 0o644)
        try:
            _write_new(path, secret, 0o600)
        except BaseException:  # whatever it was: a public line without its key would be somebody else's
            public.unlink(missing_ok=True)
            raise

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled")


class KeyInfo(Model):
    """One line of `hug keys list`."""

    name: Line
    id: Line
    line: Line
    private: bool
    problem: Line = ""


class KeyRing:
    """A folder of keys by name: `NAME` is private, `NAME.pub` its public line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self, name: str, passphrase: bytes | None = None) -> SigningKey:
        """Make a key. Raises SigningKeyError if the name is taken."""
        return self._keep(name, SigningKey.new(), passphrase)

    def import_(self, name: str, source: Path, passphrase: bytes | None = None) -> PublicKey:
        """Take over a key file (private, its passphrase kept) or a `.pub` line of somebody else."""
        if source.suffix == ".pub":
            public = PublicKey.parse(_bounded(source).decode("utf-8", "replace"))
            self._folder()
            _write_new(self._path(name + ".pub"), f"{public.line} {name}\n".encode(), 0o644)
            return public
        return self._keep(name, SigningKey.load(source, passphrase), passphrase).public

    def load(self, name: str, passphrase: bytes | None = None) -> SigningKey:
        """The private key of a name."""
        return SigningKey.load(self._path(name), passphrase)

    def list(self) -> tuple[KeyInfo, ...]:
        """Every key, by name; `problem` says why one cannot be used."""
        found = []
        for path in sorted(self.folder.glob("*.pub")) if self.folder.is_dir() else ():
            private = path.with_suffix("")
            try:
                public = PublicKey.parse(_bounded(path).decode("utf-8", "replace"))
                if private.exists():
                    _private_bytes(private)
            except SigningKeyError as error:
                found.append(KeyInfo(name=path.stem, id="", line="", private=private.exists(), problem=error.what))
            else:
                found.append(KeyInfo(name=path.stem, id=public.id, line=public.line, private=private.exists()))
        return tuple(found)

    def _keep(self, name: str, key: SigningKey, passphrase: bytes | None) -> SigningKey:
        self._folder()
        key.save(self._path(name), passphrase)
        return key

    def _folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SigningKeyError(f"the folder cannot be made: {error.strerror}", where=str(self.folder)) from error

    def _path(self, name: str) -> Path:
        if not _NAME.match(name):
            raise SigningKeyError(f"{name[:60]!r} cannot name a key", hint="lower-case letters, digits, inner . _ -")
        return self.folder / name


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SigningKeyError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > _LARGEST_FILE:
        raise SigningKeyError("too large for a key file", where=str(path))
    return data


def _private_bytes(path: Path) -> bytes:
    """The bytes of a private key, its mode judged on the very file that is read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise SigningKeyError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise SigningKeyError("not a file", where=str(path))
        if os.name == "posix" and status.st_mode & 0o077:
            raise SigningKeyError(
                f"others may read it (mode {status.st_mode & 0o777:04o}), so it proves nothing",
                where=str(path),
                hint=f"chmod 600 {path}, and make a new key if someone may have copied it",
            )
        data = os.read(handle, _LARGEST_FILE + 1)
    finally:
        os.close(handle)
    if len(data) > _LARGEST_FILE:
        raise SigningKeyError("too large for a key file", where=str(path))
    return data


def _decode(data: bytes, path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    loader = (
        serialization.load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else serialization.load_pem_private_key
    )
    try:
        key = loader(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # A wrong passphrase shows only as a broken checksum.
        encrypted = any(word in str(error).lower() for word in ("passphrase", "password", "checksum"))
        what = (
            "needs its passphrase, or another than the one given"
            if encrypted
            else "not a private key that is read here"
        )
        hint = (
            "in HUG_AGENTS_PASSPHRASE, or asked for on a terminal"
            if encrypted
            else "an Ed25519 key: ssh-keygen -t ed25519"
        )
        raise SigningKeyError(what, where=str(path), hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError("not an Ed25519 key", where=str(path), hint="make one: ssh-keygen -t ed25519")
    return key


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
    except FileExistsError:
        raise SigningKeyError("is there already", where=str(path), hint="choose another name") from None
    except OSError as error:
        raise SigningKeyError(f"cannot be written: {error.strerror}", where=str(path)) from error
