"""Ways to hide an instruction from a reader and not from a model."""

from __future__ import annotations

import base64
import codecs
import html
import json
import urllib.parse
from collections.abc import Callable

_LOOKALIKE = str.maketrans("aeopcxyAEOPCTHK", "аеорсхуАЕОРСТНК")  # noqa: RUF001 - that is the point


def _bits(text: str) -> str:
    return "".join("\u200b" if bit == "0" else "\u200c" for char in text.encode() for bit in f"{char:08b}")


CODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "hex": lambda text: text.encode().hex(),
    "zero_width": _bits,
    "zero_width_between": "\u200b".join,
    "homoglyph": lambda text: text.translate(_LOOKALIKE),
    "fullwidth": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "tags": lambda text: "".join(chr(0xE0000 + ord(char)) for char in text),
    "bidi": lambda text: f"\u202e{text[::-1]}\u202c",
    "reversed": lambda text: text[::-1],
    "url": urllib.parse.quote,
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in html.unescape(text)),
    "json_twice": lambda text: json.dumps(json.dumps(text)),
    "ansi": lambda text: f"\x1b[8m{text}\x1b[0m\x07",
}
