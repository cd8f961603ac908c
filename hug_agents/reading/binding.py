"""Which service and which environment a value belongs to. Unclear with several: None, and nothing is claimed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.rules_by_place import hinted
from hug_agents.reading.rules_headings import below_headings
from hug_agents.reading.rules_images import image_name
from hug_agents.reading.rules_services import Named

ALL = "*"
_EACH = frozenset("both each all every".split())
_JOINTS = frozenset("and + , & / or then plus the in to on our for ( both".split())
_CUTS = frozenset(", ; and but while whereas ( ) \u2014 . plus".split())
_NOUNS = frozenset("api app application service worker backend frontend job web called named".split())
_SHARED = frozenset({"service.replicas", "service.max_replicas", "service.cpu_millicores", "service.memory_mib"})
_PER_ENVIRONMENT = frozenset({"replicas", "max_replicas", "cpu_millicores", "memory_mib"})


def bind(doc: Document, mentions: Sequence[Mention], names: Sequence[Named]) -> tuple[Mention, ...]:
    """Every mention with its service and environment, where the text tells."""
    services = [item for item in names if not item.application and item.status == "asserted"]
    named = [item for item in names if not item.application]
    places = [item for item in mentions if item.field.startswith("environments.") and item.field.endswith(".role")]
    bound: list[Mention] = []
    for item in mentions:
        known = named if item.field == "service.public" else services  # `x must not be public`: x is what is kept in
        only = {one.name for one in known}
        service = _service(doc, item, known, only, mentions) if item.field.startswith(("service.", "smoke")) else None
        placed = item.field.startswith(("service.", "environment."))
        environment = item.environment or (_placed(doc, item, places, mentions) if placed else None)
        if environment == ALL and item.field in ("environment.cluster", "environment.namespace"):
            environment = hinted(str(item.value)) or ALL  # `cluster fin-prod`
        bound.append(replace(item, service=service, environment=environment))
        if item.field != "service.image":
            if service == ALL and (some := _some(doc, item, known, only)):
                bound[-1:] = [replace(bound[-1], service=name) for name in some]
            continue
        others = any(one.field == item.field and one.value != item.value for one in mentions)
        common = len(only) > 1 and _shared(doc, item) and not others
        if service is None and not common and (pictured := _pictured(item, only)):
            bound[-1] = replace(bound[-1], service=pictured)
        elif (
            common
            or service is None
            and len(only) > 1
            and _shared(doc, item)
            or service is None
            and len(only) > 1
            and not others
            and _of_the_whole(doc, item, names)
        ):
            bound[-1:] = [replace(bound[-1], service=name) for name in dict.fromkeys(one.name for one in known)]
    bound += _same_image(doc, bound, services)
    return tuple(sorted(_of_the_image(doc, _listed_together(doc, bound)), key=lambda item: (item.first, item.last)))


def _same_image(doc: Document, bound: Sequence[Mention], services: Sequence[Named]) -> list[Mention]:
    """`worker: same image as the api`, `worker - same image, no port`: what another runs, the one told before if none is named."""
    pictures = [item for item in bound if item.field == "service.image" and item.status == "asserted" and item.service]
    made: list[Mention] = []
    for index in range(1, len(doc.tokens) - 1) if pictures else ():
        if doc.words(index, index + 2) != ("same", "image") or doc.status[index] == "negated":
            continue
        sentence = doc.sentence(index)
        inside = [one for one in services if sentence.first <= one.first < sentence.last]
        before = [one for one in inside if one.last <= index]
        named = (
            {one.name for one in inside if one.first > index} if doc.lower(index + 2) in ("as", "of", "like") else None
        )
        known = [item for item in pictures if item.first < index and (named is None or item.service in named)]
        name = before[-1].name if before else _of_the_item(doc, sentence, services)
        has = any(item.service in (name, ALL) for item in pictures)
        if name and known and not has:
            made.append(
                doc.mention(
                    "service.image", known[-1].value, index, index + 2, service=name, environment=ALL, status="asserted"
                )
            )
    return made


_BUILT_IN = frozenset({"service.port", "service.health_path", "service.metrics_path"})
"""What an image has by itself, wherever it runs."""


_LISTED = frozenset(", and + & / or".split())


def _of_the_image(doc: Document, bound: list[Mention]) -> list[Mention]:
    """`port 5173 in dev, but the production container serves on 80`: production's port is the image's, dev's is nobody's."""
    said = [item for item in bound if item.field in _BUILT_IN and item.status == "asserted"]
    live = {(item.field, item.service) for item in said if item.environment in ("production", ALL)}
    local = {item.environment for item in said if item.environment not in (ALL, None, "production")}
    placed = {item.environment for item in bound if item.field not in _BUILT_IN}
    roles = [item for item in bound if item.field.endswith(".role") and item.value == "development"]
    places = [item for item in bound if item.field.startswith("environments.") and item.field.endswith(".role")]
    listed = {
        _name(one)
        for one in roles
        for other in places
        for gap in (doc.words(min(one.last, other.last), max(one.first, other.first)),)
        if one is not other and 0 < len(gap) <= 2 and set(gap) <= _LISTED
    }
    made: list[Mention] = []
    for item in bound:
        if item.field in _BUILT_IN and item.environment == "production" and (item.field, item.service) in live:
            item = replace(item, environment=ALL)  # noqa: PLW2901
        elif item in roles and _name(item) in local - placed - listed:
            item = replace(item, status="uncertain")  # noqa: PLW2901
        made.append(item)
    return made


def whole(doc: Document, names: Sequence[Named], bound: Sequence[Mention]) -> tuple[Named, ...]:
    """`Deploy shop. web runs 3 replicas, worker runs 2`: a name without any value, before two that have some, is the whole's."""
    services = [item for item in names if item.status == "asserted" and not item.application]
    if not services or any(item.application for item in names):
        return tuple(names)
    pictures = {item.value for item in bound if item.field == "service.image"}
    common = len(pictures) == 1  # one image for all: it does not tell whose it is
    own = [item for item in bound if not (item.field == "service.image" and (common or _shared(doc, item)))]
    valued = {item.service for item in own if item.service not in (None, ALL)}
    valued |= {item.name for item in services if item.kind in ("worker", "job")}
    empty = [item for item in services if item.name not in valued]
    if len({item.name for item in empty}) != 1 or len({item.name for item in services} & valued) < 2:
        return tuple(names)
    first = empty[0]
    listed = any(
        one.name != first.name
        and 0 <= one.first - first.last <= 3
        and all(doc.lower(p) in _JOINTS for p in range(first.last, one.first))
        for one in services
    )
    return (
        tuple(names)
        if listed
        else tuple(replace(item, application=True) if item.name == first.name else item for item in names)
    )


def _of_the_whole(doc: Document, item: Mention, names: Sequence[Named]) -> bool:
    """`Deploy shop, image x. web runs ..., worker runs ...`: the only image, said of what they make up."""
    sentence = doc.sentence(item.first)
    return any(one.application and sentence.first <= one.first < sentence.last for one in names)


def _pictured(item: Mention, names: set[str]) -> str | None:
    """The one service whose name the image has: `acme/triage:1`."""
    parts = image_name(str(item.value)).split("-")
    near = [name for at in range(len(parts)) if (name := "-".join(parts[at:])) in names]
    return near[0] if len(near) == 1 else None


def _shared(doc: Document, item: Mention) -> bool:
    """`Both use image x`, `one image for all`."""
    sentence = doc.sentence(item.first)
    words = doc.words(max(sentence.first, item.first - 6), min(item.last + 6, sentence.last))
    return bool({"both", "all", "same"} & set(words))


def _listed_together(doc: Document, bound: list[Mention]) -> list[Mention]:
    """`eu-west-1 and us-east-1 for prod`: both are said of production, so they contradict each other."""
    for place in range(len(bound) - 1):
        one = bound[place]
        if one.field != "environment.region" or one.environment != ALL:
            continue
        other = next((item for item in bound[place + 1 :] if item.field == one.field and item.first >= one.last), None)
        joined = other and other.first - one.last == 1 and doc.lower(one.last) in ("and", "&", "plus")
        if other and joined and other.environment not in (None, ALL):
            bound = [
                replace(item, environment=other.environment) if item.first == one.first else item for item in bound
            ]
    return bound


def _respective(doc: Document, item: Mention, names: Sequence[str], mentions: Sequence[Mention]) -> str | None:
    """`the api and the worker run 4 and 2 replicas respectively`: as many values as names, in their order."""
    sentence = doc.sentence(item.first)
    begin = bisect_left(mentions, sentence.first, key=lambda one: one.first)
    end = bisect_left(mentions, sentence.last, key=lambda one: one.first)
    values = [one for one in mentions[begin:end] if one.field == item.field]
    return names[values.index(item)] if len(values) == len(names) and item in values else None


def _service(
    doc: Document, item: Mention, services: Sequence[Named], distinct: set[str], mentions: Sequence[Mention]
) -> str | None:
    if len(distinct) <= 1:
        return ALL
    sentence = doc.sentence(item.first)
    words = doc.words(sentence.first, sentence.last)
    inside = [one for one in services if sentence.first <= one.first < sentence.last]
    if "respectively" in words and not inside and words[0] in ("they", "these", "both"):
        earlier = [one for one in services if one.first < sentence.first]
        latest = max((doc.sentence_of[one.first] for one in earlier), default=-1)
        inside = [one for one in earlier if doc.sentence_of[one.first] == latest]
    if "respectively" in words or "resp" in words:
        return _respective(doc, item, list(dict.fromkeys(one.name for one in inside)), mentions)
    after = next((one for one in inside if item.last <= one.first <= item.last + 5), None)
    if (
        after
        and any(word in ("for", "of") for word in doc.words(item.last, after.first))
        and not _crossed(doc, item.last, after.first)
    ):
        return after.name
    if after and _adjacent(doc, item, after):
        return after.name
    overlapping = next((one for one in inside if item.first <= one.first < item.last), None)
    if overlapping:  # `three api replicas`
        return overlapping.name
    before = [one for one in inside if one.last <= item.first]
    if before:
        common = _common(item) or _said_of_all(doc, before[-1].last, item.first)
        return before[-1].name if len(_group(doc, before)) == 1 else ALL if common else None
    if not inside and (name := _of_the_item(doc, sentence, services)):
        return name
    common = item.field in _SHARED or words[0] in ("both", "all") and not inside
    if any(word in _EACH for word in words) and (common or not inside and _for_all(doc, item, sentence)):
        return ALL
    if inside:
        return (
            inside[0].name
            if len({one.name for one in inside}) == 1 and not _crossed(doc, item.last, inside[0].first)
            else None
        )
    if words and words[0] in ("it", "its", "this", "that"):
        earlier = [one for one in services if one.first < sentence.first]
        if earlier:
            latest = max(doc.sentence_of[one.first] for one in earlier)
            names = {one.name for one in earlier if doc.sentence_of[one.first] == latest}
            return names.pop() if len(names) == 1 else None
    return ALL if _common(item) or item.field == "service.dockerfile" and "images" in words else None


_ALIKE = frozenset(
    "services two three four five six apps applications processes parts components containers them".split()
)


def _for_all(doc: Document, item: Mention, sentence: Clause) -> bool:
    """`DB_URL from secret shop/db, for both services`, `LOG_LEVEL is info for all three`."""
    words = doc.words(item.last, sentence.last)
    return any(
        words[at] in ("for", "in", "to") and words[at + 1] in _EACH and words[at + 2] in _ALIKE
        for at in range(len(words) - 2)
    )


def _common(item: Mention) -> bool:
    """Whether several services may have a value in common without more words."""
    return item.field in _SHARED or item.field.startswith("service.env.")


_BULLET = re.compile(r"[ \t]*(?:[-*\u2022+\u2013]|\d{1,2}[.)])[ \t]")


def _of_the_item(doc: Document, sentence: Clause, services: Sequence[Named]) -> str | None:
    """`- api: image x, port 80. 3 copies, scale to 9`: the one name of an item of a list, in its later sentences."""
    start = doc.text.rfind("\n", 0, sentence.span.start) + 1
    if not _BULLET.match(doc.text, start):
        return None
    names = {one.name for one in services if start <= doc.tokens[one.first].start < sentence.span.start}
    return names.pop() if len(names) == 1 else None


def _adjacent(doc: Document, item: Mention, after: Named) -> bool:
    """`three api instances`, `a Go API called ledger`: the value stands just before the name."""
    said = item.field in ("service.language", "service.framework", "service.language_version")
    return item.last == after.first or said and set(doc.words(item.last, after.first)) <= _NOUNS


def _some(doc: Document, item: Mention, services: Sequence[Named], distinct: set[str]) -> tuple[str, ...]:
    """`users and orders get 3 tasks each`, beside a third: of these alone."""
    first = doc.sentence(item.first).first
    before = [one for one in services if first <= one.first and one.last <= item.first] if len(distinct) > 2 else []
    group = tuple(dict.fromkeys(one.name for one in _group(doc, before))) if before else ()
    return group if 1 < len(group) < len(distinct) else ()


def _crossed(doc: Document, first: int, last: int) -> bool:
    return any(doc.lower(place) in (",", ";", "and", "but") for place in range(first, last))


def _group(doc: Document, before: Sequence[Named]) -> list[Named]:
    """The names that end in a list just before a value: `the api and the worker run ...`."""
    group = [before[-1]]
    for one in reversed(before[:-1]):
        if all(doc.lower(place) in _JOINTS for place in range(one.last, group[0].first)):
            group.insert(0, one)
        else:
            break
    return group if len({one.name for one in group}) > 1 else group[-1:]


def _said_of_all(doc: Document, first: int, last: int) -> bool:
    return any(doc.lower(place) in _EACH for place in range(first, last))


def _placed(doc: Document, item: Mention, places: Sequence[Mention], mentions: Sequence[Mention]) -> str | None:
    """The environment of a value; `2 and 6 replicas in staging and production respectively` goes by the order."""
    sentence = doc.sentence(item.first)
    inside = list(dict.fromkeys(_name(one) for one in places if sentence.first <= one.first < sentence.last))
    ordered = "respectively" in doc.words(sentence.first, sentence.last) and len(inside) > 1
    found = _respective(doc, item, inside, mentions) if ordered else None
    return found or _environment(doc, item, places, mentions)


def _environment(doc: Document, item: Mention, places: Sequence[Mention], mentions: Sequence[Mention]) -> str | None:
    sentence = doc.sentence(item.first)
    inside = [one for one in places if sentence.first <= one.first < sentence.last]
    if not inside:
        shared = item.field in ("service.port", "service.image", "service.health_path")
        return ALL if shared else below_headings(doc).get(doc.sentence_of[item.first], ALL)
    names = {_name(one) for one in inside}
    several = any(one.field == item.field and one.value != item.value and one.status == "asserted" for one in mentions)
    common = item.field in ("service.port", "service.image") and not several or _each_copys(doc, item, inside[-1])
    if common and len({_name(one) for one in places}) == 1:
        return ALL
    if "both" in doc.words(item.first - 4, item.first) and item.first > inside[-1].last:
        return ALL
    if doc.lower(item.last) == ":" and item.last < inside[0].first:  # `ECS, us-west-2: one task in staging, ten in ...`
        return ALL
    direct = next((one for one in inside if 0 <= one.first - item.last <= 3), None)
    if direct and _leads(doc, item.last, direct.first):
        follower = next((one for one in inside if one.first >= direct.last and one.first - direct.last <= 3), None)
        if (
            follower
            and all(doc.lower(p) in _JOINTS for p in range(direct.last, follower.first))
            and not _value_after(item, follower, mentions, sentence.last)
        ):
            return ALL if len(names) == len(inside) else None
        return _name(direct)
    before = [one for one in inside if one.last <= item.first]
    if before:
        last = before[-1]
        listed = [one for one in before[:-1] if all(doc.lower(p) in _JOINTS for p in range(one.last, last.first))]
        gap = doc.words(last.last, item.first)
        if listed:
            return ALL
        if not any(word in _CUTS for word in gap):
            return _name(last)
        opens = last.first <= sentence.first + 3
        others = [one for one in inside if one is not last]
        if opens and not any(one.first < item.first for one in others):
            return _name(last)
        if len(inside) > 1 and (
            doc.lower(last.last) in (":", "(", "=")
            or not any(word in (";", "but", "while", ".") for word in gap)
            and doc.lower(last.first - 1) in (",", "and", "in", ";")
        ):
            return (
                _name(last)
                if doc.lower(last.last) in (":", "(", "=")
                else ALL
                if item.field.startswith("service.")
                else None
            )
        return ALL
    after = [one for one in inside if one.first >= item.last]
    if after and not any(doc.lower(p) in _CUTS for p in range(item.last, after[0].first)):
        return _name(after[0]) if doc.lower(after[0].first - 1) in ("in", "for", "on") else ALL
    return ALL


def _each_copys(doc: Document, item: Mention, place: Mention) -> bool:
    """`two copies in production, half a vCPU each`: how large a copy is, after a sentence's part about how many."""
    sized = item.field in ("service.cpu_millicores", "service.memory_mib")
    opens = place.first <= doc.sentence(item.first).first + 1  # `In production, 2 vCPU`
    return sized and not opens and any(word in _CUTS for word in doc.words(place.last, item.first))


def _leads(doc: Document, first: int, last: int) -> bool:
    words = doc.words(first, last)
    if words == ("(",):
        return doc.lower(last + 1) == ")"
    return (
        not words
        or words[-1] in ("in", "for", "on", "the", "each")
        and not any(word in _CUTS for word in words)
        or words in (("is",), (":",))
    )


def _value_after(item: Mention, place: Mention, mentions: Sequence[Mention], end: int) -> bool:
    """Whether another value of the same kind follows, so that the second name belongs to it."""
    return any(
        one.field == item.field and place.last <= one.first < end and one.value != item.value for one in mentions
    )


def _name(place: Mention) -> str:
    return place.field.split(".")[1]


def path_of(item: Mention) -> str | None:
    """The path of the claim that a bound mention makes; None where it makes none."""
    head, _, leaf = item.field.partition(".")
    service, environment = item.service or ALL, item.environment or ALL
    if head == "service":
        if item.service is None or item.environment is None or leaf == "no_autoscaling" and item.status != "negated":
            return None
        if leaf == "no_autoscaling":
            return f"services.{service}.max_replicas"
        if environment == ALL:
            return f"services.{service}.{leaf}"
        if leaf in _PER_ENVIRONMENT:
            return f"environments.{environment}.{leaf}.{service}"
        return (
            f"environments.{environment}.{leaf}"
            if leaf.startswith("env.")
            else f"services.{service}.{leaf}"
            if leaf not in ("port", "image")
            else None
        )
    if head == "environment":
        return None if item.environment is None else f"environments.{environment}.{leaf}"
    if head == "smoke":
        return None if item.service is None else f"smoke_tests.{service}"
    return None if head in ("number", "dependency") else item.field
