"""A name that no single phrase makes certain: several weak signs on one word, and the best word far ahead."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.naming_words import COMMON, NAME, NOT_NAMES, OTHER_THINGS, ROLES, VERBS
from hug_agents.reading.rules_images import images, repositories
from hug_agents.reading.rules_services import Named, of_another_thing, plain
from hug_agents.spec import IMAGE

_ENOUGH, _AHEAD = 3, 1
"""Points that make a name, and how far it must be ahead of every other word."""
_MOST = 40
"""Images beyond which no word is compared with each: time must grow with length only."""
_SKIPPED = frozenset("the our my a an this new up out for us of your existing \" ' ` \u201c \u2018 \u2019".split())
_DEEDS = VERBS | frozenset(
    "spin spinning stand set setting provision onboard host need want serve launch start".split()
)
_PREDICATES = frozenset(
    "should must is needs wants runs goes moves will shall has gets currently now requires listens lives serves "
    "becomes was answers exposes uses belongs stays can ought comes today ( :".split()
)
_NO_NAMES = NOT_NAMES | COMMON | _PREDICATES | _DEEDS | ROLES.keys() | OTHER_THINGS | VERBS
_GROUPS = frozenset("team teams squad crew guild tribe people folks department cluster namespace".split())
_MARKS = frozenset("` \" ' \u201c \u201d \u2018 \u2019".split())


def guessed(doc: Document) -> Iterator[Named]:
    """The word that most signs speak for; nothing where two are close: that is a question."""
    pictures = [item for item in images(doc) if item.status != "negated"]
    parts = [_parts(item) for item in pictures]
    if _spaced(doc, parts) or len(parts) > _MOST:
        return
    known = parts or [tuple(str(item.value).lower().split("/")) for item in repositories(doc)]
    places = _places(doc)
    points = {
        word: max(_said(doc, index) for index in found) + _pictured(word, known) + _identifier(word) + (len(found) > 1)
        for word, found in places.items()
    }
    for word in _chosen(points, parts):
        pairs = zip(pictures, parts, strict=True)
        own = [item for item, part in pairs if part[-1] == word and not doc.sentence(item.first).quoted]
        for item in own:  # the word may stand in a quotation; the image does not
            yield Named(word, None, item.first, item.last, "asserted", sure=False)
        sure = [place for place in places[word] if doc.status[place] == "asserted"]
        for place in sure if sure or own else places[word]:
            yield Named(word, None, place, place + 1, "asserted", sure=_pictured(word, known) > 1)


_COMPOUND = frozenset(
    "well self non re pre post multi semi co ex anti ultra all off on up down in out over under high low long short half "
    "full part real single double two three cross end day year month week one-off follow read write pay".split()
)
_ENDINGS = frozenset(
    "based facing aware only wide level time term in up out off on end like driven ready side free first scale scaled "
    "size sized made built hosted managed owned specific proof safe friendly party hand house prem date by effort".split()
)


def _identifier(word: str) -> int:
    """How much a word with a hyphen looks like the name of something: `badge-print`, and not `customer-facing`."""
    parts = word.split("-")
    if len(parts) == 1:
        return 0
    return 1 if parts[0] in _COMPOUND or parts[-1] in _ENDINGS or parts[-1].endswith(("ed", "ing")) else 2


def _places(doc: Document) -> dict[str, list[int]]:
    """Where each word stands that can be a name."""
    pictured = {item.first for item in images(doc)}
    places: dict[str, list[int]] = {}
    for index in range(len(doc.tokens)):
        word = doc.lower(index).replace("_", "-")
        if index in pictured or not plain(doc, index) or doc.status[index] in ("negated", "past"):
            continue
        if of_another_thing(doc, index):
            continue
        if doc.lower(index + 1 + (doc.lower(index + 1) in _MARKS)) in _GROUPS:  # `the "claims" team`
            continue
        if word not in _NO_NAMES and len(word) > 2 and NAME.match(word):
            places.setdefault(word, []).append(index)
    return places


def _chosen(points: dict[str, int], parts: list[tuple[str, ...]]) -> list[str]:
    """The one word that is ahead of all others, or the one of each image."""
    ranked = sorted(points, key=lambda word: -points[word])
    agreeing = [word for word in ranked if _pictured(word, parts) == _SURE]
    if len(parts) > 1 and len(agreeing) == len(set(parts)):
        return agreeing
    second = points[ranked[1]] if len(ranked) > 1 else 0
    return ranked[:1] if ranked and points[ranked[0]] >= max(_ENOUGH, second + _AHEAD) else []


_SURE = 3


def _parts(item: Mention) -> tuple[str, ...]:
    """The path of an image without its registry."""
    match = IMAGE.match(str(item.value))
    path = match["name"].lower().replace("_", "-").split("/") if match else []
    return tuple(path[1:] if len(path) > 1 and ("." in path[0] or ":" in path[0]) else path)


def _spaced(doc: Document, parts: list[tuple[str, ...]]) -> bool:
    """`our tax calculator ... acme/tax-calculator:1`: the image has the name, in one word."""
    names = {part[-1] for part in parts if part and "-" in part[-1]}
    return any("-".join(doc.words(index, index + 2)) in names for index in range(len(doc.tokens) - 1))


def _pictured(word: str, images_parts: list[tuple[str, ...]]) -> int:
    """How well a word agrees with an image's path."""
    best = 0
    for parts in images_parts:
        last = parts[-1] if parts else ""
        if not last:
            continue
        same = word in (last, "-".join(parts[-2:])) or word.endswith(f"-{last}") or word.startswith(f"{last}-")
        short = last.endswith(f"-{word}") or last.startswith(f"{word}-")
        best = max(
            best, _SURE if same else 2 if word in parts or short or set(last.split("-")) & set(word.split("-")) else 0
        )
    return best


_SORTS = frozenset("name service app application".split())


def _said(doc: Document, index: int) -> int:
    """What stands around one occurrence of a word."""
    sentence = doc.sentence(index)
    marked = doc.lower(index - 1) in _MARKS and doc.lower(index + 1) in _MARKS
    points = (2 if marked else 0) - (doc.status[index] != "asserted" and not sentence.foreign)
    deed = not marked and doc.lower(index).endswith(("ing", "ed"))  # `a service coming up`
    end = index + 2 if marked else index + 1
    place = index - 1
    while place >= sentence.first and doc.lower(place) in _SKIPPED:
        place -= 1
    opened = place < sentence.first or doc.lower(place) in (":", ",", ";", "-") and place >= sentence.first
    before = doc.lower(place) if place >= sentence.first else ""
    following = doc.lower(end) if end < sentence.last else ""
    if before in _DEEDS:
        points += 2
    elif before in ("called", "named") or before in _SORTS and place == index - 1 and not deed:
        points += 3
    elif before in ("of", "for") or doc.lower(index - 1) in ("of", "for"):
        points += 1
    elif before in (":", "is", "are", "needs") and place == index - 1 and _identifier(doc.lower(index)) > 1:
        points += 1  # `first in line is badge-print`, `coming up: badge-print`
    if (
        opened
        and following in _PREDICATES
        or following in ("service", "app", "application", "system", "platform", "project")
    ):
        points += 2
    return points
