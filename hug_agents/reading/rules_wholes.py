"""Names that a text gives in so many words: `registered as x`, `call it x`, `x has two parts`, `web is acme/web:1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hug_agents.reading.document import Document
from hug_agents.reading.naming_words import APPLICATION, NOT_NAMES, OTHER_THINGS, ROLES
from hug_agents.reading.rules_images import image_name, images, repositories
from hug_agents.reading.rules_services import Named, make, plain

_WITH_NAME = (("with", "the", "name"), ("by", "the", "name"), ("of", "the", "name"), ("under", "the", "name"))
_PARTS = frozenset("parts components services pieces processes containers".split())
_MARKS = frozenset("' \" ` \u201c \u201d \u2018 \u2019".split())
_COUNTS = frozenset("two three four five six several these the following separate".split())


def wholes(doc: Document) -> Iterator[Named]:
    """The whole of several parts, and the name under which it is known."""
    for index, token in enumerate(doc.tokens):
        if token.lower in ("registered", "known", "listed", "filed") and doc.lower(index + 1) == "as":
            place = index + 2 + (doc.lower(index + 2) in _MARKS)
            if doc.lower(index - 1) == "is" and doc.lower(index - 2) in APPLICATION and plain(doc, place):
                yield from make(doc, doc.lower(place), None, place, place + 1, True)
        elif token.lower in APPLICATION | {"service"} and doc.words(index + 1, index + 4) in _WITH_NAME:
            place = index + 4 + (doc.lower(index + 4) in _MARKS)
            if plain(doc, place):  # `our application with the name "x"`
                yield from make(doc, doc.lower(place), None, place, place + 1)
        elif token.lower in _PARTS and doc.lower(index + 1) == "of" and doc.lower(index + 2) in _MARKS:
            if doc.lower(index + 4) in _MARKS and plain(doc, index + 3):  # `the three components of "retail"`
                yield from make(doc, doc.lower(index + 3), None, index + 3, index + 4, True)
        elif token.lower in ("has", "consists", "comprises") and index - doc.sentence(index).first == 1:
            gap = doc.words(index + 1, index + 5)
            counted = next((place for place, word in enumerate(gap) if word in _PARTS), 0)
            if counted and set(gap[:counted]) <= _COUNTS | {"of"} and plain(doc, index - 1):  # `vault has two parts`
                yield from make(doc, doc.lower(index - 1), None, index - 1, index, True)


def pictured(doc: Document) -> Iterator[Named]:
    """`web is acme/photo-web:2 on port 8080`: a word that opens its sentence, and an image that ends with it."""
    found = [item for item in images(doc) if item.status == "asserted"]
    for item in found if len(found) > 1 else ():
        place = doc.sentence(item.first).first
        place += doc.lower(place) == "the"
        word, parts = doc.lower(place), image_name(str(item.value)).split("-")
        says = doc.lower(place + 1) in ("is", "uses", "runs", "=") and item.first - place < 10
        if says and plain(doc, place) and word == parts[-1] and word not in OTHER_THINGS:
            kinds = {ROLES[one] for one in doc.words(place + 2, item.first) if ROLES.get(one) in ("worker", "job")}
            yield Named(word, kinds.pop() if len(kinds) == 1 else ROLES.get(word), place, place + 1, "asserted")


def spoken_apart(doc: Document) -> Iterator[Named]:
    """`the mobile backend (repo: tram/mobile-backend)`: the identifier has in one word what is said in two."""
    known = {image_name(str(item.value)) for item in images(doc) if item.status == "asserted"}
    known |= {str(item.value).rpartition("/")[2].lower() for item in repositories(doc) if item.status == "asserted"}
    hyphened = [name for name in known if 1 <= name.count("-") <= 3][:_MOST]
    for name in hyphened:
        words = tuple(name.split("-"))
        for index in range(len(doc.tokens)):
            end = index + len(words)
            if (
                doc.lower(index) == words[0]
                and doc.words(index, end) == words
                and len({*doc.sentence_of[index:end]}) == 1
            ):
                yield from make(doc, name, ROLES.get(words[-1]), index, end)


_MOST = 20
"""Names that are looked for: time must grow with length only."""


def family(doc: Document, found: dict[int, Named]) -> Iterator[Named]:
    """`Deployment profile: transcode ... transcode-api ... transcode-worker`: what their names have in common, in its own right."""
    names = {item.name for item in found.values() if item.status == "asserted" and not item.application}
    heads = {name.partition("-")[0] for name in names}
    head = heads.pop() if len(heads) == 1 and len(names) > 1 and all("-" in name for name in names) else ""
    for index in range(len(doc.tokens)) if head else ():
        if doc.lower(index) != head or doc.status[index] != "asserted":
            continue
        place = index - 1 - (doc.lower(index - 1) in _MARKS | {"*", "_", "is", ":"})
        opens = doc.sentence_of[index] == 0 and doc.lower(index - 1) == ":"
        if doc.lower(place) in APPLICATION or opens and doc.lower(index - 2) not in OTHER_THINGS:
            yield from make(doc, head, None, index, index + 1, True)


def renamed(doc: Document, found: dict[int, Named]) -> None:
    """`our notification service (call it notify)`: what was named just before has this name."""
    for index in range(1, len(doc.tokens) - 2):
        place = index + 2 + (doc.lower(index + 2) in _MARKS)
        if doc.words(index - 1, index + 2) != ("(", "call", "it") or ")" not in doc.words(place + 1, place + 3):
            continue
        sentence, name = doc.sentence(index), doc.lower(place)
        if not plain(doc, place) or place >= sentence.last or name in NOT_NAMES or doc.status[place] != "asserted":
            continue
        near = [item for item in found.values() if sentence.first <= item.first < index]
        before = sorted(near, key=lambda item: item.first)
        old = before[-1].name if before else ""
        for first, item in list(found.items()):
            if item.name == old:
                found[first] = replace(item, name=name)
        if place not in found:
            found[place] = Named(name, None, place, place + 1, "asserted", before[-1].application if before else False)
