"""What the whole text agrees on: a word that an image has for its name too, and whose rivals have nothing of their own."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from hug_agents.reading.document import Document
from hug_agents.reading.naming_words import APPLICATION, BARE, COMMON, NAME, NOT_NAMES, OTHER_THINGS, ROLES
from hug_agents.reading.others import anothers
from hug_agents.reading.rules_images import image_name, images
from hug_agents.reading.rules_services import Named, of_another_thing, plain

_MOST = 40
"""Images beyond which no word is compared with each: time must grow with length only."""
_MARKS = frozenset("` \" ' * _ ( , : = - \u2013 \u2014 \u201c \u201d \u201e \u2018 \u2019 called named".split())
_OWN = frozenset(
    "port ports listens replica replicas instance instances pod pods copy copies task tasks image same cpu vcpu memory "
    "health healthz readiness liveness dockerfile built command cron schedule".split()
)
_LISTED = frozenset({"and", ",", "&", "plus", "+", "/", "or", "the", "a", "our", "`", '"', "'"})


@lru_cache(maxsize=64)
def agreed(doc: Document) -> dict[str, tuple[int, ...]]:
    """The name of each image that stands as a word of its own in the text too, with its places."""
    known = {name for names in _pictures(doc) for name in names}
    places: dict[str, list[int]] = {}
    for index in range(len(doc.tokens)):
        word = doc.lower(index).replace("_", "-")
        if word not in known or not _can(word) or not plain(doc, index) or doc.status[index] != "asserted":
            continue
        if not of_another_thing(doc, index) and not doc.sentence(index).quoted:
            places.setdefault(word, []).append(index)
    words = {token.lower for token in doc.tokens}
    longer = {names[1] for names in _pictures(doc) if names[0] in words and names[0] != names[1]}
    return {word: tuple(found) for word, found in places.items() if word not in longer}


def _pictures(doc: Document) -> list[tuple[str, str]]:
    """What each image can be called: `claims/intake:1` is `claims-intake`, or `intake`."""
    found: list[tuple[str, str]] = []
    given = dict.fromkeys(str(item.value) for item in images(doc) if item.status == "asserted")
    for value in (one for one in given if "/" in one):  # `the blog: nginx:1.27` is somebody else's image
        path = value.rpartition("/")[0].rpartition("/")[2].lower()
        found.append((f"{path}-{image_name(value)}", image_name(value)))
    return found if len(found) <= _MOST else []


def _can(word: str) -> bool:
    return bool(NAME.match(word)) and len(word) > 2 and word not in NOT_NAMES | COMMON | OTHER_THINGS | ROLES.keys()


@lru_cache(maxsize=64)
def settled(doc: Document) -> frozenset[str]:
    """The names of all images, where each of them is a word of the text; empty where one is not."""
    words = frozenset(agreed(doc))
    return words if all(words & {*names} for names in _pictures(doc)) else frozenset()


def agree(doc: Document, found: dict[int, Named]) -> None:
    """Each such word is a name wherever it stands; what is only said of it is no other, and a rival with nothing is none."""
    names = settled(doc)
    for name, places in agreed(doc).items():
        family = {one.name for one in found.values() if one.name.startswith(f"{name}-") and one.status == "asserted"}
        whole = len(family) > 1  # `shop-api` and `shop-worker` with one image, shop
        for place in places:
            over = [one for one in found.values() if one.first <= place < one.last]
            if not over:
                found[place] = Named(name, _kind(name), place, place + 1, "asserted", whole)
    for place, item in list(found.items()):
        if item.status != "asserted" or item.application or item.name in names or not names:
            continue
        if own := _said_beside(doc, item, names):
            found[place] = replace(item, name=own, sure=False)
        elif not _stands_alone(doc, item, names):
            del found[place]


def _kind(name: str) -> str | None:
    return ROLES.get(name.rpartition("-")[2])


def _said_beside(doc: Document, item: Named, names: frozenset[str]) -> str:
    """`the thumbnail worker, thumbnailer`, `thumbnailer worker`: what the one of that name is."""
    place = item.last
    while doc.lower(place) in _MARKS and place < item.last + 3:
        place += 1
    if item.last - item.first == 2 and doc.lower(place) in names and doc.lower(place + 1) not in ("(", ":"):
        return doc.lower(place)
    head = item.name.rpartition("-")[0]
    following = {doc.lower(index + 1) for index in agreed(doc).get(head, ())}
    joined = item.last - item.first == 2 and head in names
    complete = "-" in head or head.endswith(("er", "or")) or following - BARE  # `notifications worker` is one name
    return head if joined and len(following & BARE) == 1 and complete else ""


def _stands_alone(doc: Document, item: Named, names: frozenset[str]) -> bool:
    """Whether a name without an image is a service all the same: of one family with the others, in a list with them, or valued."""
    introduced = {*doc.words(item.first - 3, item.first)} & APPLICATION
    spoken = item.last - item.first > 1 and not item.application  # `the patient portal`, beside portal-bff
    if any(_akin(item.name, name, spoken=spoken) for name in names) or introduced and len(names) > 1:
        return True
    sentence = doc.sentence(item.first)
    for place in range(item.last, sentence.last):
        if doc.lower(place) in names:
            break
        if doc.lower(place) in _OWN:
            return True
    near = [place for name in names for place in agreed(doc)[name] if sentence.first <= place < sentence.last]
    return any(set(doc.words(min(place + 1, item.last), max(place, item.first))) <= _LISTED for place in near)


def _akin(one: str, other: str, *, spoken: bool) -> bool:
    """`shop-api` and `shop-worker`, `score` and `score-batch`; of what is said in two words the first counts alone."""
    head = one.partition("-")[0] == other.partition("-")[0]
    return head or not spoken and bool(set(one.split("-")) & set(other.split("-")))


_PORTS = frozenset("port ports listens listening".split())
_NONE = frozenset("no without any".split())


def says_what(doc: Document, weak: list[Named], found: dict[int, Named]) -> dict[int, Named]:
    """`a small web service`, `web on 8300`, `the backend of our shop`: beside the one name that the text has, no second."""
    names = {item.name for item in found.values() if item.status == "asserted" and not item.application}
    said = [item for item in weak if item.status == "asserted"]
    pictures = {item.value for item in images(doc) if item.status == "asserted"}
    if len(names) != 1 or len(pictures) > 1 or len({item.name for item in said}) != 1:
        return {}
    kind, (name,) = said[0].kind, names
    words = set(doc.words(0, len(doc.tokens)))
    settles = names == settled(doc)
    if (
        "same" in words
        or settles
        and "dockerfile" in words
        or kind not in ("web", None)
        and (_listens(doc) or not settles)
    ):
        return {}
    if (
        len(_numbers(doc)) > 1
        and any(_has(doc, item) for item in said)
        or not settles
        and any(_joined(doc, item, found) for item in said)
    ):
        return {}
    return {item.first: replace(item, name=name, kind=kind, sure=False) for item in said}


def _joined(doc: Document, item: Named, found: dict[int, Named]) -> bool:
    """`shop and a frontend`, `shop with its web, ...`: a role that is listed beside the name."""
    first = doc.sentence(item.first).first
    beside = any(first <= one.first < item.first and one.status == "asserted" for one in found.values())
    return beside and bool({"and", "plus", "with", ",", "("} & {*doc.words(max(first, item.first - 4), item.first)})


def _listens(doc: Document) -> bool:
    """Whether a port is spoken of; `it has no port` speaks of none."""
    return any(token.lower in _PORTS and doc.lower(index - 1) not in _NONE for index, token in enumerate(doc.tokens))


def _numbers(doc: Document) -> set[str]:
    """What may be ports: with two of them, `shop listens on 3000. The API listens on 8080` speaks of two."""
    marks = ("port", "ports", "on", ":", "=")
    numbers = {token.lower for index, token in enumerate(doc.tokens) if doc.lower(index - 1) in marks}
    return {word for word in numbers if word.isdigit() and 2 <= len(word) <= 5}


def _has(doc: Document, item: Named) -> bool:
    """`web: 3 replicas`, `the worker runs ...`: a role that opens its sentence and has values."""
    first = doc.sentence(item.first).first
    return item.first - first <= 1 and bool(_OWN & set(doc.words(item.last, doc.sentence(item.first).last)))


_ANOTHERS = frozenset("of by from".split())
_GROUPS = frozenset("team teams squad people folks department colleagues company group guild vendor partner".split())
_MEETS = frozenset("calls call asks polls talks talk uses queries contacts reads".split())
_LINKS = frozenset("the a to with from our by of on ` :".split())


def not_ours(doc: Document, found: dict[int, Named]) -> None:
    """`it talks to the fares API of another team`: what is another's, and has nothing of its own here, is not asked for."""
    wanted = [item for item in found.values() if item.status == "asserted"]
    theirs = {
        item.name for item in wanted if not item.application and not _values(doc, item) and _of_another(doc, item)
    }
    known = {item.name for item in found.values() if item.status != "asserted" and declared(doc, item)}
    known -= {image_name(str(item.value)) for item in images(doc)}
    theirs |= known
    ours = {item.name for item in wanted if not _of_another(doc, item) or _values(doc, item)} - known
    for place, item in list(found.items()) if ours else ():
        if item.name in theirs - ours:
            found[place] = replace(item, status="uncertain")


def declared(doc: Document, item: Named) -> bool:
    """`The proxy and the search server are not part of this request`: nor is what else is said of them."""
    span = doc.sentence(item.first).span
    return anothers(doc.text[span.start : span.end])


def _of_another(doc: Document, item: Named) -> bool:
    """A group of people that owns it, or a sentence that only calls it."""
    sentence = doc.sentence(item.first)
    after = doc.words(item.last, min(item.last + 6, sentence.last))
    owned = after[:1] == ("of",) and bool(_GROUPS & {*after}) and not {"our", "my"} & {*after}
    place = item.first - 1
    while place > sentence.first and doc.lower(place) in _LINKS:
        place -= 1
    met = after[:1] and after[0] in _MEETS and bool({"it", "us", "this"} & {*after[1:2]})
    return (
        owned or bool(met) or place >= sentence.first and doc.lower(place) in _MEETS and doc.lower(place + 1) in _LINKS
    )


def _values(doc: Document, item: Named) -> bool:
    return bool(_OWN & {*doc.words(item.last, doc.sentence(item.first).last)})
