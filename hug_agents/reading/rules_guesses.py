"""A name that no single phrase makes certain: several weak signs on one word, and the best word far ahead."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.rules_images import images
from hug_agents.reading.rules_services import NAME, NOT_NAMES, OTHER_THINGS, ROLES, VERBS, Named, plain
from hug_agents.spec import IMAGE

_ENOUGH, _AHEAD = 3, 1
"""Points that make a name, and how far it must be ahead of every other word."""
_SKIPPED = frozenset("the our my a an this new up out for us of your existing \" ' ` \u201c \u2018 \u2019".split())
_DEEDS = VERBS | frozenset("spin spinning stand set setting provision onboard host need want serve launch start".split())
_PREDICATES = frozenset(
    "should must is needs wants runs goes moves will shall has gets currently now requires listens lives serves "
    "becomes was answers exposes uses belongs stays can ought comes today ( :".split()
)
_MARKS = frozenset("` \" ' \u201c \u201d \u2018 \u2019".split())
_COMMON = frozenset(
    "need help needs something somebody someone everybody question goal target context decision status "
    "title summary subject background request ticket task story scope notes reason result topic option options plan "
    "port image health readiness liveness metrics region account replicas instances pods strategy rollout monitoring "
    "alerting secrets logging scaling resources memory cpu owner team contact platform runtime cloud production "
    "staging nothing every also later note info update reminder regards hello thanks today currently previously "
    "before after traffic canary rollback deploy deployment release window schedule database storage network ingress "
    "dns tls domain hosting data code repo repository branch version tag build pipeline pipelines infrastructure "
    "changes smoke step steps first second third finally next then they people there everything money budget "
    "customers clients engineers developers operations security compliance management company department office "
    "slack teams jira confluence github gitlab docker python java node golang".split()
)


def guessed(doc: Document) -> Iterator[Named]:
    """The word that most signs speak for; nothing where two are close: that is a question."""
    pictures = [item for item in images(doc) if item.status != "negated"]
    parts = [_parts(item) for item in pictures]
    pictured = {item.first for item in images(doc)}
    points: dict[str, int] = {}
    places: dict[str, list[int]] = {}
    for index in range(len(doc.tokens)):
        if index in pictured or not plain(doc, index) or doc.status[index] in ("negated", "past"):
            continue
        word = doc.lower(index).replace("_", "-")
        if word in NOT_NAMES | ROLES.keys() | OTHER_THINGS | VERBS | _COMMON or len(word) < 3 or not NAME.match(word):
            continue
        signs = _said(doc, index)
        points[word] = max(points.get(word, 0), signs)
        places.setdefault(word, []).append(index)
    for word in points:
        points[word] += _pictured(word, parts) + ("-" in word) + (len(places[word]) > 1)
    if _spaced(doc, parts):
        return
    ranked = sorted(points, key=lambda word: -points[word])
    agreeing = [word for word in ranked if _pictured(word, parts) == _SURE]
    if len(parts) > 1 and len(agreeing) == len(set(parts)):
        chosen = agreeing
        for item, part in zip(pictures, parts, strict=True):
            for word in (word for word in chosen if _pictured(word, [part]) == _SURE):
                yield Named(word, None, item.first, item.last, "asserted", sure=False)
    else:
        second = points[ranked[1]] if len(ranked) > 1 else 0
        ahead = ranked and points[ranked[0]] >= max(_ENOUGH, second + _AHEAD)
        chosen = ranked[:1] if ahead else []
    for word in chosen:
        for place in places[word]:
            yield Named(word, None, place, place + 1, "asserted", sure=_pictured(word, parts) > 1)


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
        best = max(best, _SURE if same else 2 if word in parts or short or set(last.split("-")) & set(word.split("-")) else 0)
    return best


def _said(doc: Document, index: int) -> int:
    """What stands around one occurrence of a word."""
    sentence = doc.sentence(index)
    marked = doc.lower(index - 1) in _MARKS and doc.lower(index + 1) in _MARKS
    points = 2 if marked else 0
    end = index + 2 if marked else index + 1
    place = index - 1
    while place >= sentence.first and doc.lower(place) in _SKIPPED:
        place -= 1
    opened = place < sentence.first or doc.lower(place) in (":", ",", ";", "-") and place >= sentence.first
    before = doc.lower(place) if place >= sentence.first else ""
    following = doc.lower(end) if end < sentence.last else ""
    if before in _DEEDS:
        points += 2
    elif before in ("called", "named") or before in ("name", "service", "app", "application") and place == index - 1:
        points += 3
    elif before in ("of", "for") or doc.lower(index - 1) in ("of", "for"):
        points += 1
    if opened and following in _PREDICATES:
        points += 2
    elif following in ("service", "app", "application", "system", "platform", "project"):
        points += 2
    return points
