"""The envelope as DSSE and in-toto define it: written and read by another implementation too."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from hug_agents.approve.decision import Decision
from hug_agents.approve.envelope import PAYLOAD_TYPE, Signable, pae, read, seal
from hug_agents.approve.keys import SigningKey
from hug_agents.canonical import sha256
from tests.approve.office import OPS, START

KEY = SigningKey.new()


def decision(**changes: object) -> Decision:
    stamp = Signable.stamp(START, timedelta(hours=1))
    values = {
        "verdict": "approve",
        "reviewer": "ana",
        "role": OPS,
        "release": "r1",
        "packet": sha256(b"packet"),
        **stamp,
    }
    return Decision.model_validate(values | {"checkpoint": "pre_deployment", "environment": "staging"} | changes)


def theirs() -> SSlibKey:
    raw = base64.b64decode(KEY.public.line.split()[1])[-32:]
    return SSlibKey(KEY.public.id, "ed25519", "ed25519", {"public": raw.hex()})


def test_the_encoding_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_another_implementation_verifies_ours() -> None:
    envelope = TheirEnvelope.from_dict(json.loads(seal(decision(comment="gr\u00fc\u00dfe \U0001f600"), KEY).to_bytes()))
    assert set(envelope.verify([theirs()], 1)) == {KEY.public.id}
    statement = json.loads(envelope.payload)
    assert statement["subject"][0]["digest"] == {"sha256": sha256(b"packet").removeprefix("sha256:")}
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([theirs()], 1)


def test_ours_verifies_another_implementations() -> None:
    payload = seal(decision(), KEY).payload
    envelope = TheirEnvelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(KEY._key, theirs()))
    found = read(json.dumps(envelope.to_dict()).encode(), Decision)
    assert found.signed_by(KEY.public) and found.document == decision(nonce=found.document.nonce)
    assert not found.signed_by(SigningKey.new().public)


def test_what_is_written_is_read_and_the_same_again() -> None:
    sealed = seal(decision(comment="line one\nline two"), KEY)
    again = read(sealed.to_bytes(), Decision)
    assert again.document == sealed.document and again.to_bytes() == sealed.to_bytes()


def test_the_longest_comment_fits() -> None:
    assert read(seal(decision(comment="\U0001f600" * 4_000), KEY).to_bytes(), Decision).signed_by(KEY.public)
