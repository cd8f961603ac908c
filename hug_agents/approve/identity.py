"""How people, releases, keys and bytes are named: closed alphabets, so that no two names look alike.

Ids are lower-case ASCII. A name that is shown may hold any script, but one at a time, and nothing invisible.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

PersonId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$")]
"""Who a person is, in a policy and in what they sign: `ana`, `ana.lopez`."""
ReleaseId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?$")]
"""A release; no dot and no slash, so it never is a path."""
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""The name of bytes, as `hug_agents.canonical.sha256` gives it. A key's id is one too, of its 32 public bytes."""
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""128 random bits; what carries one can be entered once."""


def _one_script(text: str) -> str:
    if unicodedata.normalize("NFKC", text) != text:
        raise ValueError("write the name in its normal form (NFKC): it holds characters that only look like others")
    if text != text.strip() or any(not char.isprintable() for char in text):
        raise ValueError("a name holds no invisible characters and no space at its ends")
    for word in text.split():
        scripts = {unicodedata.name(char, "?").split()[0] for char in word if char.isalpha()}
        if len(scripts - {"HIRAGANA", "KATAKANA", "CJK", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}) > 1:
            raise ValueError(f"a word mixes {' and '.join(sorted(scripts))} letters, so that it looks like another")
    return text


ShownName = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_script)]
"""A person's name as it is shown. It decides nothing."""
