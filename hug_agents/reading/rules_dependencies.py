"""Backing services: databases, caches, queues, buckets; wanted, or there already."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.reading.document import Clause, Document, Mention, Phrases
from hug_agents.reading.numbers import quantities
from hug_agents.reading.scope import Status
from hug_agents.reading.vocabulary import DEPENDENCIES

_DEPENDENCIES = Phrases(DEPENDENCIES)
NAMES = {"postgres": "postgres", "mysql": "mysql", "redis": "redis", "queue": "queue", "object_store": "bucket"}
_VERSION = re.compile(r"v?(\d{1,2}(?:\.\d{1,3}){0,2})\Z")
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_EXISTING = Phrases(
    dict.fromkeys(
        ("we already have", "already have", "existing", "already exists", "already exist", "exist already", "already there",
        "is already", "already running", "already runs",
         "provided by", "managed by the", "we have a", "we have an", "there is already", "exists already",
         "have an existing",
         "already set up", "already provisioned", "do not create", "don't create", "hosted by", "already in place",
         "is there already", "one exists", "which we have", "that we have", "we have it",
         "we have one", "we have got", "it exists", "that exists", "this exists", "which exists", "does exist"),
        True,
    )
)  # fmt: skip
_CREATED = Phrases(
    dict.fromkeys(
        ("to be created", "must be created", "should be created", "needs to be created", "has to be created",
         "needs creating", "will be created", "please create", "create a", "create an", "create one", "create it", "create the",
         "a new one", "new one", "brand new", "brand-new", "a new", "a fresh", "new as well", "newly created", "to be provisioned",
         "must be provisioned", "should be provisioned", "please provision", "provision a", "provision one", "to be set up",
         "must be set up", "should be set up", "set up a", "set up one", "to create", "does not exist yet", "doesn't exist yet"),
        True,
    )
)  # fmt: skip
_OTHER_USE = frozenset(
    "lifecycle rule rules policy policies versioning replication exporter dashboard dashboards driver client "
    "library port state backend team endpoint lock locks statefile".split()
)


_CUTS = frozenset({",", ";", "but", "(", "\u2014"})


def dependencies(doc: Document) -> Iterator[Mention]:
    """Each kind with its version and whether it exists already."""
    for first, last, kind in _DEPENDENCIES.find(doc):
        address = doc.lower(last) == ":" and doc.text[doc.tokens[last].end :][:2] == "//"  # `redis://cache.internal`
        if (
            address
            or doc.lower(last) in _OTHER_USE
            or doc.lower(first - 1) in ("rabbitmq", "kafka", "artemis", "activemq")
        ):
            continue
        if kind == "queue" and any(
            word in ("rabbitmq", "kafka", "activemq", "nats", "pubsub", "kinesis")
            for word in doc.words(doc.sentence(first).first, doc.sentence(first).last)
        ):
            continue
        if kind == "object_store" and (
            "terraform" in doc.words(first - 5, last + 5) and "state" in doc.words(first - 5, last + 5)
        ):
            continue
        if kind in ("postgres", "mysql") and "aurora" in doc.words(first - 2, last + 2):
            continue
        name, name_last = _name(doc, last, kind)
        status = _status(doc, first, last)
        yield doc.mention(f"dependencies.{name}.kind", kind, first, last, until=name_last, status=status)
        if status != "asserted":
            continue
        yield from _version(doc, name, kind, first, last)
        yield from _managed(doc, name, first, last)
        yield from _disk(doc, name, last)


def _managed(doc: Document, name: str, first: int, last: int) -> Iterator[Mention]:
    """Whether it exists already, or is to be created."""
    there, made = _said(doc, _EXISTING, first, last), _said(doc, _CREATED, first, last)
    made = made or _apposed(doc, last)
    if place := there or made:
        low, high = min(place[0], first), max(place[1], last)
        if there or doc.status_of(*place) == "asserted":
            path = f"dependencies.{name}.managed"
            yield doc.mention(path, not there, first, last, since=low, until=high, status="asserted")


def _apposed(doc: Document, last: int) -> tuple[int, int] | None:
    """`MySQL 8, new, 20 GB`: a word of its own behind the name and its version."""
    place = last + bool(_VERSION.match(doc.lower(last)))
    alone = (
        doc.lower(place) == "," and doc.lower(place + 1) == "new" and doc.lower(place + 2) in (",", ".", ";", ")", "")
    )
    return (place + 1, place + 2) if alone else None


def _disk(doc: Document, name: str, last: int) -> Iterator[Mention]:
    """`Postgres 14 (a new one, 40 GB)`: the size in the bracket behind it."""
    start = next((place for place in range(last, last + 3) if doc.lower(place) == "("), None)
    if start is None or doc.sentence_of[start] != doc.sentence_of[last - 1]:
        return
    end = next((place for place in range(start, doc.sentence(start).last) if doc.lower(place) == ")"), start)
    sizes = [item for item in quantities(doc, start, end) if item.unit == "mebibytes" and item.value % 1024 == 0]
    if len(sizes) == 1 and not {"memory", "ram", "mem", "per"} & set(doc.words(start, end)):
        yield doc.mention(
            f"dependencies.{name}.storage_gib", int(sizes[0].value // 1024), sizes[0].first, sizes[0].last
        )


def _status(doc: Document, first: int, last: int) -> Status:
    """`don't create a Postgres, we already have one`: existing is not unwanted."""
    status = doc.status_of(first, last)
    start = doc.sentence(first).first
    before = doc.words(max(start, first - 5), first)
    if status == "negated" and any(word in ("create", "provision", "new") for word in before):
        return "uncertain"
    return status


def _name(doc: Document, last: int, kind: str) -> tuple[str, int]:
    place = last
    while (
        doc.lower(place) in ("database", "db", "instance", "queue", "bucket", "cache", "cluster") and place < last + 2
    ):
        place += 1
    said = doc.lower(place - 1) in ("called", "named") or doc.lower(place) in ("called", "named")
    if doc.lower(place) in ("called", "named"):
        place += 1
    if said and doc.lower(place) in ("`", '"', "'"):
        place += 1
    if (
        said
        and place < len(doc.tokens)
        and _NAME.match(doc.lower(place))
        and doc.sentence_of[place] == doc.sentence_of[last - 1]
    ):
        return doc.lower(place), place + 1
    return NAMES[kind], last


def _version(doc: Document, name: str, kind: str, first: int, last: int) -> Iterator[Mention]:
    if kind not in ("postgres", "mysql", "redis"):
        return
    place = last
    while doc.lower(place) in ("version", "database", ":", "v", "db") and place < last + 2:
        place += 1
    sentence = doc.sentence(first)
    if doc.lower(place) != "(" and place < len(doc.tokens) and not _VERSION.match(doc.lower(place)):
        bracket = next((p for p in range(place, min(place + 7, sentence.last)) if doc.lower(p) in "(,;"), 0)
        alone = not {"and", "or", "plus", "with", "&"} & set(doc.words(place, bracket))
        if alone and doc.words(bracket, bracket + 2) == (
            "(",
            "version",
        ):  # `the Postgres for x exists already (version 14, ...)`
            place = bracket + 2
    if place >= len(doc.tokens) or doc.sentence_of[place] != doc.sentence_of[first]:
        return
    match = _VERSION.match(doc.lower(place))
    if match and doc.lower(place + 1) not in (
        "replicas",
        "replica",
        "gb",
        "gib",
        "instances",
        "nodes",
        "databases",
        "%",
        "read",
        "mb",
        "tb",
        "pods",
        "copies",
    ):
        yield doc.mention(f"dependencies.{name}.version", match.group(1), place, place + 1, since=first)


def _said(doc: Document, phrases: Phrases[bool], first: int, last: int) -> tuple[int, int] | None:
    """Words that say `it is there already`, in the same clause; `we need Redis and it must be created` goes on."""
    sentence = doc.sentence(first)
    low, high = first, last
    while low > sentence.first and doc.lower(low - 1) not in (",", ";", "but", "and", "(", "\u2014"):
        low -= 1
    while high < sentence.last:
        word = doc.lower(high)
        if word == "(" and (
            closed := next((p for p in range(high, min(high + 8, sentence.last)) if doc.lower(p) == ")"), 0)
        ):
            high = closed + 1
            continue
        if word == "," and doc.lower(high + 1) in ("which", "that", "it", "they", "please"):
            high += 1
            continue
        if word == "and" and doc.lower(high + 1) not in ("already", "exists", "is", "it", "must", "needs"):
            break
        if word in _CUTS:
            break
        high += 1
    if high >= sentence.last - 1 and (more := _goes_on(doc, sentence)):
        high = more
    return next(((begin, end) for begin, end, _ in phrases.find(doc, low, high)), None)


def _goes_on(doc: Document, sentence: Clause) -> int | None:
    """Where a sentence ends that speaks of the one before: `A bucket for PDFs. That one exists.`"""
    number = doc.sentence_of[sentence.first] + 1
    if number >= len(doc.sentences) or doc.lower(doc.sentences[number].first) not in ("it", "that", "this"):
        return None
    return doc.sentences[number].last
