"""Which environment a heading gives to the lines below it: `staging` alone in its line, and its settings under it."""

from __future__ import annotations

from functools import lru_cache

from hug_agents.reading.document import Clause, Document
from hug_agents.reading.environments import Environments

_ENVIRONMENTS = Environments()
_MARKS = frozenset(': * # = - [ ] ( ) ` _ " environment env the in for .'.split())


@lru_cache(maxsize=64)
def below_headings(doc: Document) -> dict[int, str]:
    """The number of each sentence that stands below such a heading, with the environment; a blank line ends it."""
    given: dict[int, str] = {}
    name, fresh = "", False
    for number, sentence in enumerate(doc.sentences):
        here = _heading(doc, sentence)
        if here:
            name, fresh = here, True
            continue
        if name and _apart(doc, number) and not fresh:
            name = ""
        fresh = False
        if name:
            given[number] = name
    return given


def _heading(doc: Document, sentence: Clause) -> str:
    """The environment that is all that a line says."""
    for place in range(sentence.first, min(sentence.first + 4, sentence.last)):
        if (hit := _ENVIRONMENTS.at(doc, place)) and place < sentence.last:
            rest = {*doc.words(sentence.first, place), *doc.words(hit[0], sentence.last)}
            ends = doc.text[sentence.span.end : sentence.span.end + 12].lstrip(" \t:*_#=-]")
            alone = ends[:1] in ("", "\n") and sentence.last - hit[0] <= 4
            said = ":" in doc.words(sentence.first, place)  # `Env: production` is a setting
            return hit[1][0] if not said and rest <= _MARKS and alone and not sentence.question else ""
    return ""


def _apart(doc: Document, number: int) -> bool:
    """Whether a blank line stands before a sentence."""
    before, here = doc.sentences[number - 1].span, doc.sentences[number].span
    return doc.text[before.end : here.start].count("\n") > 1
