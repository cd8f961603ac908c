"""Questions of a model that need no answer: what they ask is settled, or nothing in the request is left that speaks of it.

What is missing and matters the rules ask themselves, so a model's question is there for what rules cannot see: words that
can be read in two ways, and words that they do not read at all. Where there are such words it is asked. Else it is only
noted: a run that nobody attends does not stand still for the role of an environment named production.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hug_agents.reading.claims import Claim, FieldInfo, Question, field
from hug_agents.reading.document import document
from hug_agents.reading.evidence import CUES
from hug_agents.reading.quoted import quoted
from hug_agents.request import Request

NO_WORDS = "no words of the request speak of it"
_ROLE = "environments.<name>.role"
_SAY_NOTHING = frozenset("that what this with from which where each only when does they them name kind".split())
_ENGLISH = frozenset(
    "the a an and or on in to with for of is are it its we our no not should must at by from as be this that these they them "
    "if when so one every each has have needs need please never always only can will may just go goes use".split()
)
_SHORTEST = 4
"""Words of a sentence that tell its language."""
_RUN = 3
"""So many words in a row, and a question speaks of a sentence."""


class Words:
    """What of a request no believed claim has read, and what the believed ones state."""

    def __init__(self, request: Request, believed: Iterable[Claim]) -> None:
        self.believed = tuple(believed)
        self.choices = request.choices
        text = request.text
        spans = [*quoted(text)]
        for claim in self.believed:
            spans += [match.span() for match in re.finditer(re.escape(claim.quote), text)] if claim.quote else []
        left = list(text)
        for start, end in spans:
            left[start:end] = [" " if char != "\n" else char for char in text[start:end]]
        self.left = "".join(left)
        doc = document(self.left)
        self.words = tuple(token.lower for token in doc.tokens)
        sentences = (doc.words(item.first, item.last) for item in doc.sentences if not item.foreign)
        self.unreadable = any(item.foreign for item in doc.sentences) or not all(map(_english, sentences))
        """In another language: nobody can tell what such words speak of."""

    def needless(self, path: str, candidates: Iterable[Claim] = (), said: str = "") -> str:
        """Why nobody has to be asked about a path; empty: it is asked.

        `candidates` are those that the source supports; `said` is what the model says of its question.
        """
        stated = [claim for claim in self.believed if not claim.negated and overlap(claim.path, path)]
        values = {repr(claim.value) for claim in (*stated, *candidates) if not claim.negated}
        if len(values) > 1 or (candidates and not stated):
            return ""
        if stated:
            return f"the request states it: {stated[0].quote[:150]!r}"
        if path.startswith("toolchain.") and getattr(self.choices, path.partition(".")[2], None):
            return "an option states it"
        return "" if self._spoken_of(path, said) else NO_WORDS

    def _spoken_of(self, path: str, said: str) -> bool:
        row = field(path)
        if row is None or self.unreadable:
            return True
        if row.pattern != _ROLE and any(field(claim.path) is row for claim in self.believed):
            return True  # said of another service or environment: then perhaps of this one too
        if any(word.startswith(cue) for word in self.words for cue in _cues(row, path)):
            return True
        runs = (self.words[at : at + _RUN] for at in range(len(self.words) - _RUN + 1))
        asked = f" {' '.join(token.lower for token in document(said).tokens)} "
        return any(f" {' '.join(run)} " in asked for run in runs if any(len(word) > 3 for word in run))


def overlap(one: str, other: str) -> bool:
    """Whether two paths may be of the same value: `*` stands for any name."""
    mine, yours = one.split("."), other.split(".")
    return len(mine) == len(yours) and all(a == b or "*" in (a, b) for a, b in zip(mine, yours, strict=True))


def explained(question: Question) -> str:
    """Everything that a model says of its question."""
    return " . ".join((question.text, question.why, *(claim.quote for claim in question.candidates)))


def _english(words: tuple[str, ...]) -> bool:
    letters = [word for word in words if word.isalpha()]
    return len(letters) < _SHORTEST or any(word in _ENGLISH for word in letters)


def _cues(row: FieldInfo, path: str) -> set[str]:
    """How words begin that may speak of a field: its own, those of its description, and what it is called."""
    head, *rest = path.lower().split(".")
    called = rest[:1] if head == "dependencies" or row.pattern == _ROLE else ()
    told = re.findall(r"[a-z]{4,}", " ".join((row.description, *row.values)).lower().replace("_", " "))
    own = re.findall(r"[a-z]{3,}", " ".join((*called, *(rest[1:] or rest or (head,)))).replace("_", " "))
    found = {word.rstrip("s") for word in (*told, *own) if word not in _SAY_NOTHING}
    return found | set(CUES.get(row.pattern, "").split())
