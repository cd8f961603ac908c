"""An answer to a question: a bare value or a few words, read for the path that it settles."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from hug_agents.reading.claims import FieldInfo, Value, field
from hug_agents.reading.document import Document, Mention, document
from hug_agents.reading.mentions import mentions
from hug_agents.reading.numbers import quantities
from hug_agents.reading.redact import redact
from hug_agents.reading.shapes import misshapen

_YES = frozenset("yes y true ok public create new managed".split())
_NO = frozenset("no n false none internal private existing exists".split())
_FACTORS = {"gibibytes": 1 / 1024}


@dataclass(frozen=True, slots=True)
class Parsed:
    """The value that an answer states, or why it states none."""

    value: Value = ""
    reason: str | None = None


def value_of(path: str, answer: str) -> Parsed:
    """The value of one answer. An answer that does not settle its path says why."""
    row = field(path)
    if row is None:
        return Parsed(reason="there is no such field")
    clean = redact(answer).text.strip().strip("`'\"").strip()
    if not clean:
        return Parsed(reason="the answer is empty")
    value = _bare(row, clean)
    if value is None:
        value = _worded(row, path, clean)
    if value is None:
        return Parsed(reason=f"{clean[:80]!r} does not state {row.description}")
    reason = misshapen(row, path, value)
    return Parsed(value, reason)


def _bare(row: FieldInfo, text: str) -> Value | None:
    """The answer as the value itself."""
    if row.type in ("port", "count", "percent", "days", "millicores", "mebibytes", "gibibytes", "seconds"):
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
            return float(text) if "." in text else int(text)
        return None
    if row.type == "choice":
        plain = text.lower().replace("-", "_").replace(" ", "_")
        return plain if plain in row.values else None
    if row.type == "boolean":
        word = text.lower().rstrip(".!")
        return True if word in _YES else False if word in _NO else None
    if row.type == "command":
        try:
            return tuple(shlex.split(text)) or None
        except ValueError:
            return None
    if row.type == "name":
        return text.lower() if misshapen(row, "", text.lower()) is None else None
    if row.type in ("region", "domain"):
        return (
            None
            if misshapen(row, "", text.lower())
            or row.type == "region"
            and not any(char.isdigit() or char == "-" for char in text)
            else text.lower()
        )
    if row.type in ("percents", "latency", "systems"):
        return None
    return text if misshapen(row, f"x.x.x.{'X'}", text) is None else None


def _worded(row: FieldInfo, path: str, text: str) -> Value | None:
    """The answer as words: `port 8080`, `Ireland`, `blue-green, please`."""
    doc = document(text)
    leaf = path.split(".")[2] if len(path.split(".")) > 2 else path
    found = {
        _key(item.value): item.value for item in mentions(text) if item.status == "asserted" and _fits(item, path, leaf)
    }
    if row.type == "systems":
        systems = tuple(
            str(item.value)
            for item in mentions(text)
            if item.field == "toolchain.monitors" and item.status == "asserted"
        )
        return tuple(dict.fromkeys(systems)) or None
    if len(found) == 1:
        return next(iter(found.values()))
    if not found and row.type in ("port", "count", "percent", "days", "seconds", "mebibytes", "gibibytes", "percents"):
        return _numbers(row, doc)
    return None


def _numbers(row: FieldInfo, doc: Document) -> Value | None:
    items = [item for item in quantities(doc) if doc.status[item.first] == "asserted"]
    if row.type == "percents":
        numbers = [int(part) for token in doc.tokens for part in re.findall(r"\d+", token.lower)]
        return tuple(numbers) or None
    others = [
        token for token in doc.tokens if not items or not items[0].first <= doc.tokens.index(token) < items[0].last
    ]
    if (
        len(items) != 1
        or any(token.kind != "word" and token.lower not in ".,:%" for token in others)
        or len(others) > 6
    ):
        return None
    if row.type in ("port", "count") and items[0].unit:
        return None
    value = items[0].value * _FACTORS.get(row.type, 1)
    if row.type == "days":
        value = value / 86_400 if items[0].unit == "seconds" else value
    return int(value) if value == int(value) else value


def _fits(item: Mention, path: str, leaf: str) -> bool:
    head, _, rest = item.field.partition(".")
    if head in ("service", "environment"):
        return rest == leaf
    return item.field == path or item.field.rpartition(".")[2] == leaf and head == path.split(".", maxsplit=1)[0]


def _key(value: Value) -> str:
    return repr(value)
