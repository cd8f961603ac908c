"""CPU and memory of one copy, and what is a disk."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.numbers import Quantity, quantities
from hug_agents.reading.rules_names import named
from hug_agents.reading.rules_replicas import COPIES
from hug_agents.reading.vocabulary import ENVIRONMENTS

_MEMORY = frozenset("memory ram mem".split())
_STORAGE = frozenset("storage disk disc volume database postgres postgresql mysql rds db gp3 ssd bucket space".split())


def resources(doc: Document) -> Iterator[Mention]:
    """CPU and memory; gigabytes of storage are not memory."""
    for item in quantities(doc):
        sentence = doc.sentence(item.first)
        before = doc.words(max(item.first - 4, sentence.first), item.first)
        after = doc.words(item.last, min(item.last + 4, sentence.last))
        if item.unit == "cores":
            value = round(item.value * 1000, 3)
        elif item.unit == "units" or not item.unit and doc.lower(item.last) == "units" and "cpu" in before:
            value = round(item.value * 1000 / 1024, 3)
        elif item.unit == "millicores" and (
            any("cpu" in word for word in (*before, *after))
            or doc.lower(item.last) in ("/",)
            or doc.lower(item.last - 1).startswith("milli")
            or _beside_memory(doc, item)
        ):
            value = item.value
        elif not item.unit and _after_cpu(doc, item, before):
            value = round(item.value * 1000, 3) if item.value <= 16 else 0.0  # `cpu: 0.25`; `cpu: 256` has no unit
        elif item.unit == "mebibytes":
            yield from _memory(doc, item, before, after)
            continue
        else:
            continue
        limit = before[-1:] in (("above",), ("over",), ("exceeds",), ("below",))
        if limit or before[-1:] == ("at",) and not COPIES & set(before[-2:]) or _alternative(doc, item):
            continue
        if value == int(value) and 50 <= value <= 64_000:
            yield doc.mention("service.cpu_millicores", int(value), item.first, item.last)


def _beside_memory(doc: Document, item: Quantity) -> bool:
    """`two pods of 1500m and 1.5Gi each`, `256Mi, 200m`: memory stands beside it."""
    sentence = doc.sentence(item.first)
    gaps = (
        doc.words(min(item.last, other.last), max(item.first, other.first))
        for other in quantities(doc, sentence.first, sentence.last)
        if other.unit == "mebibytes"
    )
    return any(0 < len(gap) < 3 and set(gap) <= _BESIDE for gap in gaps)


_BESIDE = frozenset("and , / + & | x".split())


def elliptic(doc: Document) -> Iterator[Mention]:
    """`the api gets 500 millicores, and the poller 200`: the unit is said once."""
    before: Quantity | None = None
    for item in quantities(doc):
        if before and doc.sentence_of[before.first] != doc.sentence_of[item.first]:
            before = None
        if item.unit in _SIZES:
            before = item
        elif before and not item.unit and item.whole and _repeats(doc, before, item):
            scale = before.value / _bare(doc, before)
            value = item.value * scale * (1000 if before.unit == "cores" else 1)
            field = "service.memory_mib" if before.unit == "mebibytes" else "service.cpu_millicores"
            if value == int(value) and 50 <= value <= 262_144:
                yield doc.mention(field, int(value), item.first, item.last)


_SIZES = ("cores", "millicores", "mebibytes")


def _bare(doc: Document, item: Quantity) -> float:
    return doc.tokens[item.first].number or item.value


def _repeats(doc: Document, before: Quantity, item: Quantity) -> bool:
    """Whether `, and the poller` is all that stands between, a name or an environment, and no more is said of the number."""
    words = doc.words(before.last, item.first)
    ended = item.last >= doc.sentence(item.first).last or doc.lower(item.last) in (",", ".", ";", "and")
    known = doc.lower(item.first - 1) in ENVIRONMENTS or any(name.last == item.first for name in named(doc))
    return ended and known and words[:1] in ((",",), ("and",), (";",)) and len(words) <= 6


def _after_cpu(doc: Document, item: Quantity, before: tuple[str, ...]) -> bool:
    """`cpu: 0.25`, `cpu 0.75`; `cpu 2 times` is none."""
    words = before[:-1] if before[-1:] in ((":",), ("=",), ("of",), ("is",)) else before
    marked = words is not before or doc.lower(item.last) in (",", ".", ";", ")", "", "and")
    return marked and words[-1:] in (("cpu",), ("vcpu",), ("cpus",), ("vcpus",))


def _memory(doc: Document, item: Quantity, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Mention]:
    if item.value != int(item.value) or not 64 <= item.value <= 262_144:
        return
    near = _nearest((*after[:4],), before)
    if near == "storage":
        yield (
            doc.mention("dependency.storage_gib", int(item.value // 1024), item.first, item.last)
            if item.value % 1024 == 0
            else doc.mention("number.storage", item.value, item.first, item.last)
        )
    elif near == "memory":
        yield doc.mention("service.memory_mib", int(item.value), item.first, item.last, until=_until(doc, item))
    elif (
        any(word in ("with", "at", "of", "\u00e0", "x", "@") for word in before[-1:])
        and _of_copies(doc, item)
        or before == ("size", ":")
        or before[-1:] == ("limit",)
        and not (_OTHER_SIZES - {"limit"} | _STORAGE) & set(before)
        or before[-1:] in _SO
        and _MEMORY & set(doc.words(doc.sentence(item.first).first, item.first))
    ):
        yield doc.mention("service.memory_mib", int(item.value), item.first, item.last)
    elif (alone := _by_itself(doc, item)) is not None:
        yield doc.mention(alone, int(item.value if "memory" in alone else item.value // 1024), item.first, item.last)
    else:
        sentence = doc.sentence(item.first)
        cpus = [q for q in quantities(doc, sentence.first, sentence.last) if q.unit in ("cores", "millicores", "units")]
        cpus = [q for q in cpus if 0 <= item.first - q.last <= 2 or 0 <= q.first - item.last <= 2]
        if len(cpus) == 1:
            yield doc.mention(
                "service.memory_mib", int(item.value), item.first, item.last, since=min(item.first, cpus[0].first)
            )
        elif item.value <= 65_536 and _had(doc, item):
            yield doc.mention("service.memory_mib", int(item.value), item.first, item.last)


_SO = (("so",), ("now",), ("hence",), ("therefore",), ("thus",), ("to",), ("->",), ("it's",))
"""`memory was 256Mi and it was killed, so 384Mi`."""
_HAS = frozenset("gets get give gives needs need has have with takes want wants allocate".split())
_DOES = frozenset("is are should will would".split())
_OTHER_SIZES = frozenset(
    "upload uploads uploaded file files payload payloads body bodies attachment attachments download downloads log logs "
    "image images limit limits cache queue traffic bandwidth transfer data dataset message messages request requests "
    "heap buffer backup backups snapshot snapshots s3 object objects redis up max maximum quota video videos photo photos".split()
)
_FINE = frozenset("enough plenty sufficient fine ok okay do suffice suffices".split())


def _had(doc: Document, item: Quantity) -> bool:
    """`prod gets 2 GiB`, `256 MB is enough`, `512 MB each`: what a copy has, where nothing else has a size."""
    sentence = doc.sentence(item.first)
    words = doc.words(sentence.first, sentence.last)
    if (_OTHER_SIZES | _STORAGE) & set(words):
        return False
    given = _HAS & set(doc.words(max(item.first - 3, sentence.first), item.first))
    enough = doc.lower(item.last) in _DOES and doc.lower(item.last + 1) in _FINE
    return bool(given) or enough or doc.lower(item.last) in ("each", "apiece", "suffices")


def _by_itself(doc: Document, item: Quantity) -> str | None:
    """`1 replica, 256 MiB` is memory, `postgres 16, 200 GB` is a disk: by what stands in the part of the list before."""
    sentence = doc.sentence(item.first)
    ended = item.last >= sentence.last or doc.lower(item.last) in (",", ".", ";", ")", "and")
    if item.first == sentence.first and item.last >= sentence.last - 1 and ended:  # `0.3 cpu; 300 mb;`
        above = doc.sentences[max(doc.sentence_of[item.first] - 1, 0)]
        part = set(doc.words(above.first, above.last))
        return (
            "service.memory_mib" if part & (COPIES | {"cpu", "vcpu", "cpus", "cores"}) and not part & _STORAGE else None
        )
    if doc.lower(item.first - 1) != "," or not ended:
        return None
    start = item.first - 1
    while start > sentence.first and (
        doc.lower(start - 1) not in (",", ";", "(", ":") or set(doc.words(start, item.first)) <= _ABOUT_IT
    ):
        start -= 1
    part = set(doc.words(start, item.first))
    if part & _STORAGE:
        return "dependency.storage_gib" if item.value % 1024 == 0 else None
    return "service.memory_mib" if part & COPIES and item.value <= 65_536 else None


_ABOUT_IT = frozenset(
    ", please create it new fresh existing managed ours to be created small big empty already there".split()
)
"""`Postgres 16, new, 200 GiB`: a part that only tells more of the one before."""


def _of_copies(doc: Document, item: Quantity) -> bool:
    """`ten tasks in production with 2 GiB each`: copies stand shortly before, and nothing that stores."""
    near = doc.words(max(item.first - 6, doc.sentence(item.first).first), item.first)
    return any(word in COPIES for word in near) and not any(word in _STORAGE for word in near)


def _until(doc: Document, item: Quantity) -> int:
    return next((place + 1 for place in range(item.last, item.last + 3) if doc.lower(place) in _MEMORY), item.last)


def _nearest(after: tuple[str, ...], before: tuple[str, ...]) -> str | None:
    for word in after:
        if word in _MEMORY:
            return "memory"
        if word in _STORAGE:
            return "storage"
        if word in (",", "and", ";", "."):
            break
    for word in reversed(before):
        if word in _MEMORY:
            return "memory"
        if word in _STORAGE:
            return "storage"
        if word in (",", "and", ";", "."):
            break
    return None


def _alternative(doc: Document, item: Quantity) -> bool:
    return doc.lower(item.last) == "or" or doc.lower(item.first - 1) == "or"
