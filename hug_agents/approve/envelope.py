"""What people sign: an in-toto Statement v1 in a DSSE envelope with one Ed25519 signature.

The statement's subject is the digest of what is signed for; its predicate is one of our own documents. The signature
covers the DSSE pre-authentication encoding of type and bytes, so what is read is what was signed.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from hug_agents.approve.clock import Instant, instant
from hug_agents.approve.identity import Digest, Nonce, PersonId, ReleaseId
from hug_agents.approve.keys import PublicKey, SigningKey
from hug_agents.approve.strict import Malformed, parse
from hug_agents.canonical import canonical_json
from hug_agents.plans import Role
from hug_agents.spec import Model, Text

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
Reason = Annotated[Text, StringConstraints(min_length=1, max_length=2_000, pattern=r"\S")]
"""Why, in the words of the person who signs; never empty."""


class Signable(Model):
    """What every signed document says of its signer, its release and its time."""

    predicate_type: ClassVar[str]

    reviewer: PersonId
    role: Role
    release: ReleaseId
    issued: Instant
    expires: Instant = Field(description="from then on it does not count")
    nonce: Nonce

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.expires <= self.issued:
            raise ValueError("it expires before it was issued")
        return self

    @property
    def subject(self) -> Digest:
        """The digest of what is signed for."""
        raise NotImplementedError  # every document names its subject

    @property
    def subject_name(self) -> str:
        """A name of the subject, for people who read the statement with other tools."""
        return f"release/{self.release}"

    @staticmethod
    def stamp(now: datetime, lasts: timedelta) -> dict[str, str]:
        """`issued`, `expires` and a fresh nonce."""
        return {"issued": instant(now), "expires": instant(now + lasts), "nonce": secrets.token_hex(16)}


T = TypeVar("T", bound=Signable)
S = TypeVar("S", bound=Signable)


class Envelope(Generic[T]):
    """A parsed envelope: the document, and the signature that still has to be verified."""

    __slots__ = ("document", "key_id", "payload", "signature")

    def __init__(self, document: T, payload: bytes, key_id: str, signature: bytes) -> None:
        self.document = document
        self.payload = payload
        self.key_id = key_id
        self.signature = signature

    def signed_by(self, key: PublicKey) -> bool:
        """Whether the signature is this key's, over exactly these bytes."""
        return key.id == self.key_id and key.verifies(self.signature, pae(PAYLOAD_TYPE, self.payload))

    def as_json(self) -> dict[str, Any]:
        """The envelope as the DSSE specification writes it."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}],
        }

    def to_bytes(self) -> bytes:
        """The envelope in canonical JSON."""
        return canonical_json(self.as_json())


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding (secure-systems-lab/dsse, protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(document: T, key: SigningKey) -> Envelope[T]:
    """Sign a document."""
    payload = canonical_json(
        {
            "_type": STATEMENT,
            "subject": _subject(document),
            "predicateType": document.predicate_type,
            "predicate": document.model_dump(mode="json"),
        }
    )
    return Envelope(document, payload, key.public.id, key.sign(pae(PAYLOAD_TYPE, payload)))


def read(data: bytes, *kinds: type[S]) -> Envelope[S]:
    """Parse an envelope that holds one of these kinds. Nothing is verified yet. Raises Malformed."""
    return from_json(parse(data), *kinds)


def from_json(outer: Mapping[str, Any], *kinds: type[S]) -> Envelope[S]:
    """As `read`, of an envelope that is parsed already."""
    _exactly(outer, {"payload", "payloadType", "signatures"}, "the envelope")
    signatures = outer["signatures"]
    if outer["payloadType"] != PAYLOAD_TYPE:
        raise Malformed(f"payloadType is not {PAYLOAD_TYPE}")
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise Malformed("exactly one signature is read")
    _exactly(signatures[0], {"keyid", "sig"}, "the signature")
    key_id, signature = signatures[0]["keyid"], _base64(signatures[0]["sig"], "sig")
    if not isinstance(key_id, str) or len(signature) != 64:
        raise Malformed("not an Ed25519 signature")
    payload = _base64(outer["payload"], "payload")
    return Envelope(_document(parse(payload), kinds), payload, key_id, signature)


def _document(statement: dict[str, Any], kinds: tuple[type[S], ...]) -> S:
    _exactly(statement, {"_type", "subject", "predicateType", "predicate"}, "the statement")
    if statement["_type"] != STATEMENT:
        raise Malformed("not an in-toto Statement v1")
    kind = next((kind for kind in kinds if kind.predicate_type == statement["predicateType"]), None)
    if kind is None:
        raise Malformed(f"predicateType is none of {', '.join(kind.predicate_type for kind in kinds)}")
    try:
        document = kind.model_validate(statement["predicate"], strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"]) or "predicate"
        raise Malformed(f"{where[:120]}: {first['msg']}"[:300]) from None
    if statement["subject"] != _subject(document):
        raise Malformed("the subject is not what the predicate speaks of")
    return document


def _subject(document: Signable) -> list[dict[str, Any]]:
    return [{"name": document.subject_name, "digest": {"sha256": document.subject.removeprefix("sha256:")}}]


def _exactly(value: Mapping[str, Any], names: set[str], what: str) -> None:
    if set(value) != names:
        odd = sorted(set(value) ^ names)[0]
        raise Malformed(f"{what} has {odd[:40]!r} too much or lacks it")


def _base64(value: Any, what: str) -> bytes:
    if not isinstance(value, str):
        raise Malformed(f"{what} is not text")
    try:
        data = base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Malformed(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != value:
        raise Malformed(f"{what} is not the one base64 of its bytes")
    return data
