"""Which service and which environment a value belongs to. Unclear with several: None, and nothing is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hug_agents.reading.document import Clause, Document, Mention
from hug_agents.reading.placing import (
    ALL,
    JOINTS,
    listed_together,
    of_the_image,
    place_of,
    places_of,
    respective,
    still_wanted,
)
from hug_agents.reading.rules_agreement import declared
from hug_agents.reading.rules_by_place import hinted
from hug_agents.reading.rules_images import image_name
from hug_agents.reading.rules_services import Named
from hug_agents.reading.sentences import BULLET
from hug_agents.reading.series import in_order

_EACH = frozenset("both each all every".split())
_NOUNS = frozenset("api app application service worker backend frontend job web called named".split())
_SHARED = frozenset({"service.replicas", "service.max_replicas", "service.cpu_millicores", "service.memory_mib"})
_PER_ENVIRONMENT = frozenset({"replicas", "max_replicas", "cpu_millicores", "memory_mib"})


def bind(doc: Document, mentions: Sequence[Mention], names: Sequence[Named]) -> tuple[Mention, ...]:
    """Every mention with its service and environment, where the text tells."""
    services = [item for item in names if not item.application and item.status == "asserted"]
    named = [item for item in names if not item.application]
    places = [item for item in mentions if item.field.startswith("environments.") and item.field.endswith(".role")]
    mentions = in_order(doc, [still_wanted(doc, item) for item in mentions], services)
    strangers = _strangers(doc, names)
    bound: list[Mention] = []
    for item in mentions:
        known = named if item.field == "service.public" else services  # `x must not be public`: x is what is kept in
        only = {one.name for one in known}
        told = item.field.startswith(("service.", "smoke"))
        service = item.service or (_service(doc, item, known, only, mentions) if told else None)
        if told and strangers.get(doc.sentence_of[item.first], item.last) <= item.first:
            service = None
        placed = item.field.startswith(("service.", "environment."))
        environment = item.environment or (place_of(doc, item, places, mentions) if placed else None)
        if environment == ALL and item.field in ("environment.cluster", "environment.namespace"):
            environment = hinted(str(item.value)) or ALL  # `cluster fin-prod`
        bound.append(replace(item, service=service, environment=environment))
        if placed and item.environment is None and (each := places_of(doc, item, places)):
            bound[-1:] = [replace(bound[-1], environment=place) for place in each]
        if item.field != "service.image":
            if service == ALL and (some := _some(doc, item, known, only)):
                bound[-1:] = [replace(bound[-1], service=name) for name in some]
            continue
        others = any(one.field == item.field and one.value != item.value for one in mentions)
        common = len(only) > 1 and _shared(doc, item) and not others
        unclear = (
            service is None or service == ALL and others and len(only) > 1
        )  # `both from images a/web:1 and a/mail:1`
        if unclear and not common and (pictured := _pictured(item, only)):
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
    return tuple(sorted(of_the_image(doc, listed_together(doc, bound)), key=lambda item: (item.first, item.last)))


def _strangers(doc: Document, names: Sequence[Named]) -> dict[int, int]:
    """`The search server listens on 9443`, where that is not part of the request: sentences of such alone, and from where."""
    known = {item.name for item in names if item.status == "uncertain" and declared(doc, item)}
    ours = {doc.sentence_of[item.first] for item in names if item.status == "asserted" and not item.application}
    theirs = [item for item in reversed(names) if item.name in known and item.status == "uncertain"]
    return {number: item.last for item in theirs if (number := doc.sentence_of[item.first]) not in ours}


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
        and all(doc.lower(p) in JOINTS for p in range(first.last, one.first))
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


def _service(
    doc: Document, item: Mention, services: Sequence[Named], distinct: set[str], mentions: Sequence[Mention]
) -> str | None:
    if len(distinct) <= 1 or doc.lower(item.first - 1) in ("both", "each", "all"):
        return ALL  # `a on 80, b on 81, both /healthz`
    sentence = doc.sentence(item.first)
    words = doc.words(sentence.first, sentence.last)
    inside = [one for one in services if sentence.first <= one.first < sentence.last]
    if "respectively" in words and not inside and words[0] in ("they", "these", "both"):
        earlier = [one for one in services if one.first < sentence.first]
        latest = max((doc.sentence_of[one.first] for one in earlier), default=-1)
        inside = [one for one in earlier if doc.sentence_of[one.first] == latest]
    if "respectively" in words or "resp" in words:
        return respective(doc, item, list(dict.fromkeys(one.name for one in inside)), mentions)
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
    words = (*doc.words(item.last, sentence.last), "them")  # `health: /healthz for both`
    return any(
        words[at] in ("for", "in", "to") and words[at + 1] in _EACH and words[at + 2] in _ALIKE
        for at in range(len(words) - 2)
    )


def _common(item: Mention) -> bool:
    """Whether several services may have a value in common without more words."""
    return item.field in _SHARED or item.field.startswith("service.env.")


def _of_the_item(doc: Document, sentence: Clause, services: Sequence[Named]) -> str | None:
    """`- api: image x, port 80. 3 copies, scale to 9`: the one name of an item of a list, in its later sentences."""
    start = doc.text.rfind("\n", 0, sentence.span.start) + 1
    if not BULLET.match(doc.text, start):
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
        if all(doc.lower(place) in JOINTS for place in range(one.last, group[0].first)):
            group.insert(0, one)
        else:
            break
    return group if len({one.name for one in group}) > 1 else group[-1:]


def _said_of_all(doc: Document, first: int, last: int) -> bool:
    return any(doc.lower(place) in _EACH for place in range(first, last))


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
