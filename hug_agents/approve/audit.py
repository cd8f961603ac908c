"""Checking the ledger from its first entry to its last, here or, as an exported file, on another machine.

The chain shows that nothing was changed in between, the signatures show who said it, and an anchor (the head's number
and hash, kept where the ledger's owner cannot change it) shows that nothing was cut off or rewritten as a whole.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from hug_agents.approve.envelope import Signable
from hug_agents.approve.keys import PublicKey
from hug_agents.approve.ledger import GENESIS, SIGNED, Entry, Ledger
from hug_agents.approve.policy import Person, Policy
from hug_agents.approve.strict import Malformed, parse
from hug_agents.canonical import canonical_json
from hug_agents.errors import LedgerBroken, UsageError
from hug_agents.spec import Model

FORMAT = "hug-agents-ledger-1"
_LONGEST_LINE = 16 * 1024 * 1024
_ANCHOR = re.compile(r"([1-9][0-9]{0,15}) (sha256:[0-9a-f]{64})\Z")
Keys = Mapping[str, tuple[Person, PublicKey]]


class Anchor(Model):
    """A head that somebody noted: `SEQ sha256:...`."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """From its one line. Raises UsageError."""
        match = _ANCHOR.match(text.strip())
        if match is None:
            raise UsageError(f"{text.strip()[:80]!r} is not an anchor", hint="one line: NUMBER sha256:...")
        return cls(seq=int(match[1]), hash=match[2])


class Verified(Model):
    """What was checked, and found as it was written."""

    entries: int
    signatures: int
    policies: int
    head: Anchor | None = Field(None, description="note it somewhere else: it shows later that nothing was cut off")


def verify(ledger: Ledger, *, anchors: Iterable[Anchor] = (), keys: Iterable[PublicKey] | None = None) -> Verified:
    """Check every entry, link and signature of a store's ledger. Raises LedgerBroken, naming the first that is wrong.

    Without `keys` a signature must be by a key of the policy that it was entered under, as the ledger holds that
    policy; with them, also by one of these.
    """
    verified = _walk(ledger.stream(), anchors, keys, str(ledger.path))
    count = verified.entries
    if ledger.counted() != count:
        raise LedgerBroken("entries from here on are gone", seq=count + 1, where=str(ledger.path))
    if stray := ledger.stray_head():
        raise LedgerBroken(f"it is noted as the last of {stray[0]!r} and is not", seq=stray[1], where=str(ledger.path))
    return verified


def verify_file(path: Path, keys: Iterable[PublicKey], *, anchors: Iterable[Anchor] = ()) -> Verified:
    """Check an exported file with public keys alone. Raises LedgerBroken; UsageError when it is no such file."""
    listed = tuple(keys)
    if not listed:
        raise UsageError("a file is checked against public keys that you trust", hint="--keys FILE, or a policy file")
    verified = _walk(_lines(path), anchors, listed, str(path))
    header = _header(path)
    expected = Anchor(seq=header["entries"], hash=header["head"]) if header["entries"] else None
    if verified.head != expected:
        raise LedgerBroken(
            "the file ends here, and its first line names a later end", seq=verified.entries + 1, where=str(path)
        )
    return verified


def export(ledger: Ledger, path: Path) -> Anchor | None:
    """Write the whole ledger as one file of JSON lines, checked while it is written; returns its head to note."""
    head = verify(ledger).head
    first = {"format": FORMAT, "entries": head.seq if head else 0, "head": head.hash if head else ""}
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".hug-export-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(canonical_json(first) + b"\n")
                for entry in ledger.stream():
                    if head and entry.seq <= head.seq:
                        file.write(canonical_json(entry.model_dump(mode="json")) + b"\n")
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    return head


def write_anchor(anchor: Anchor, path: Path) -> None:
    """Add the head to a file of anchors, one line each."""
    try:
        with path.open("a", encoding="ascii") as file:
            file.write(f"{anchor}\n")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error


def read_anchors(path: Path) -> tuple[Anchor, ...]:
    """The anchors of a file."""
    try:
        return tuple(Anchor.parse(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from error


def _walk(
    entries: Iterable[Entry], anchors: Iterable[Anchor], keys: Iterable[PublicKey] | None, where: str
) -> Verified:
    """One pass; what is remembered grows with releases and policies at most, never with entries."""
    trusted = None if keys is None else {key.id: key for key in keys}
    wanted = {anchor.seq: anchor.hash for anchor in anchors}
    policies: dict[str, Keys] = {}
    last: Entry | None = None
    afters: dict[str, str] = {}
    signatures = 0
    for entry in entries:
        try:
            _linked(entry, last, afters)
            if wanted.get(entry.seq, entry.hash) != entry.hash:
                raise LedgerBroken("it is not the entry that was anchored", seq=entry.seq)
            if entry.kind == "policy":
                policy = _policy(entry)
                policies[policy.digest()] = policy.keys
            elif entry.kind in SIGNED:
                _signed(entry, policies, trusted)
                signatures += 1
            else:
                entry.value  # noqa: B018 - reading it checks that it can be read
        except LedgerBroken as error:
            raise LedgerBroken(error.what.removeprefix(f"entry {error.seq}: "), seq=error.seq, where=where) from error
        afters[entry.release] = entry.hash
        last = entry
    count = last.seq if last else 0
    if wanted and max(wanted) > count:
        raise LedgerBroken("it was anchored, and is gone: the ledger was cut off", seq=count + 1, where=where)
    return Verified(
        entries=count,
        signatures=signatures,
        policies=len(policies),
        head=Anchor(seq=last.seq, hash=last.hash) if last else None,
    )


def _linked(entry: Entry, last: Entry | None, afters: Mapping[str, str]) -> None:
    expected = last.seq + 1 if last else 1
    if entry.seq != expected:
        raise LedgerBroken(f"it is missing; the next one there is {entry.seq}", seq=expected)
    if entry.prev != (last.hash if last else GENESIS) or entry.after != afters.get(entry.release, GENESIS):
        raise LedgerBroken("it does not follow from the entries before it", seq=entry.seq)
    if entry.computed() != entry.hash:
        raise LedgerBroken("its contents do not have its hash", seq=entry.seq)
    if last and entry.time < last.time:
        raise LedgerBroken("it is dated before the entry before it", seq=entry.seq)


def _policy(entry: Entry) -> Policy:
    try:
        policy = Policy.model_validate(entry.value.get("policy"))
    except ValidationError as error:
        raise LedgerBroken("its policy cannot be read", seq=entry.seq) from error
    if policy.digest() != entry.value.get("digest"):
        raise LedgerBroken("its policy does not have its digest", seq=entry.seq)
    return policy


def _signed(entry: Entry, policies: Mapping[str, Keys], trusted: Mapping[str, PublicKey] | None) -> None:
    envelope = entry.envelope
    document: Signable = envelope.document
    keys = policies.get(str(entry.value.get("policy")))
    if keys is None:
        raise LedgerBroken("it was entered under a policy that the ledger does not hold", seq=entry.seq)
    person, key = keys.get(envelope.key_id, (None, None))
    if person is None or key is None or person.id != document.reviewer or document.role not in person.roles:
        raise LedgerBroken(f"its key is not {document.reviewer}'s for that role in its policy", seq=entry.seq)
    if trusted is not None and envelope.key_id not in trusted:
        raise LedgerBroken(f"it is signed by the key {envelope.key_id}, which is not trusted here", seq=entry.seq)
    if not envelope.signed_by(key):
        raise LedgerBroken("its signature is not over these bytes", seq=entry.seq)


def _header(path: Path) -> dict[str, Any]:
    for line in _raw(path):
        try:
            header = parse(line)
        except Malformed:
            break
        types = {name: type(value) for name, value in header.items()}
        if header.get("format") == FORMAT and types == {"format": str, "entries": int, "head": str}:
            return header
        break
    raise UsageError("not an exported ledger", where=str(path), hint="hug audit export FILE writes one")


def _lines(path: Path) -> Iterator[Entry]:
    _header(path)
    for number, line in enumerate(_raw(path)):
        if number:
            try:
                yield Entry.model_validate(parse(line, limit=_LONGEST_LINE))
            except (Malformed, ValidationError):
                raise LedgerBroken("its line cannot be read", seq=number, where=str(path)) from None


def _raw(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
