"""The names of environments: those that everybody knows, and those of a text, such as `prod-eu` beside `prod-us`."""

from __future__ import annotations

import re
from functools import lru_cache

from hug_agents.reading.document import Document, Phrases
from hug_agents.reading.vocabulary import ENVIRONMENTS

Environment = tuple[str, str]
"""Its name and its role."""
_KNOWN = frozenset(word for word in ENVIRONMENTS if " " not in word and "-" not in word)
_LISTS = frozenset("environment environments env envs stages targets".split())
_OTHERS = frozenset(
    "cluster clusters namespace namespaces ns account accounts bucket queue database vpc network host called named".split()
)
_MARKS = frozenset(", : = ( ` \" ' and or is are the |".split())
_OPENS = re.compile(r"(?:^|[|\n])[ \t*`|+\u2022-]*\Z")


class Environments(Phrases[Environment]):
    """The names of environments as phrases, with those that a text makes for itself."""

    def __init__(self) -> None:
        super().__init__(ENVIRONMENTS)

    def at(self, doc: Document, index: int) -> tuple[int, Environment] | None:
        """As of `Phrases`; a name of the text's own is one word."""
        own = own_environments(doc).get(doc.lower(index))
        return (index + 1, own) if own else super().at(doc, index)


def environment_words(doc: Document) -> dict[str, Environment]:
    """Every word that names an environment in a text."""
    return ENVIRONMENTS | own_environments(doc)


@lru_cache(maxsize=64)
def own_environments(doc: Document) -> dict[str, Environment]:
    """`prod-eu` and `prod-us`, where lines or cells open with them or a list of environments holds them: several of one role."""
    found: dict[str, Environment] = {}
    others: set[str] = set()
    for index, token in enumerate(doc.tokens):
        role = _role(token.lower)
        if role is None:
            continue
        if _of_another(doc, index):
            others.add(token.lower)
        elif _OPENS.search(doc.text, max(token.start - 40, 0), token.start) or _in_a_list(doc, index):
            found[token.lower] = (token.lower, role)
    found = {word: one for word, one in found.items() if word not in others}
    roles = [role for _, role in found.values()]
    return found if any(roles.count(role) > 1 for role in roles) else {}


def _role(word: str) -> str | None:
    parts = re.split("[-_]", word)
    known = [part for part in (parts[0], parts[-1]) if part in _KNOWN]
    simple = 1 < len(parts) < 4 and all(part.isalnum() for part in parts) and word not in ENVIRONMENTS
    return ENVIRONMENTS[known[0]][1] if simple and len(known) == 1 else None


def _of_another(doc: Document, index: int) -> bool:
    """`cluster prod-eu`, `namespaces prod-eu and prod-us`: the name of something else."""
    place = index - 1
    if doc.lower(place) in ("=", ":", "->", "is") and doc.lower(place - 1) in ENVIRONMENTS:
        return True  # `clusters: qa = k-qa`
    while place >= 0 and place > index - 6 and (doc.lower(place) in _MARKS or _role(doc.lower(place))):
        place -= 1
    return doc.lower(place) in _OTHERS or doc.lower(index + 1) in _OTHERS


def _in_a_list(doc: Document, index: int) -> bool:
    """`two production environments, prod-eu and prod-us`, `environments: staging, prod-eu, prod-us`."""
    start = max(doc.sentence(index).first, index - 10)
    words = doc.words(start, index)
    at = max((place for place, word in enumerate(words) if word in _LISTS), default=-1)
    return at >= 0 and all(word in _MARKS or word in ENVIRONMENTS or _role(word) for word in words[at + 1 :])
