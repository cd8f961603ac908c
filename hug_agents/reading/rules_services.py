"""Names of services and applications by the words around them: only names that stand in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hug_agents.reading.document import Document
from hug_agents.reading.naming_words import (
    ADJECTIVES,
    AFTER,
    ANAPHORA,
    APPLICATION,
    BARE,
    COMMON,
    NAME,
    NOT_NAMES,
    NOUNS,
    OTHER_THINGS,
    RELEASE,
    ROLES,
    SKIP,
    VERBS,
)
from hug_agents.reading.scope import Status
from hug_agents.reading.vocabulary import SYSTEMS


@dataclass(frozen=True, slots=True)
class Named:
    """A name of a service or of the whole, with what its words say of its kind."""

    name: str
    kind: str | None
    first: int
    last: int
    status: Status
    application: bool = False
    sure: bool = True


def finders(doc: Document) -> Iterator[Named]:
    """Names that the words around them make certain, the surest first."""
    for finder in (_called, _marked, _labelled, _tailed, _with_role, _whole, _after_verb, _wished):
        yield from finder(doc)


def make(
    doc: Document, name: str, kind: str | None, first: int, last: int, application: bool = False, explicit: bool = False
) -> Iterator[Named]:
    """A name, if the word can be one."""
    name = name.lower().replace("_", "-")
    if NAME.match(name) and (name not in NOT_NAMES | COMMON or explicit and name in NOUNS):
        yield Named(name, kind, first, last, doc.status_of(first, last), application)


def plain(doc: Document, place: int) -> bool:
    """Whether a token is one word of a sentence that can be a name; `LOG_LEVEL` is a variable, and a command has none."""
    if not 0 <= place < len(doc.tokens) or doc.tokens[place].kind != "word" or place in doc.in_commands:
        return False
    raw = doc.raw(place, place + 1)
    return bool(NAME.match(doc.lower(place).replace("_", "-"))) and not ("_" in raw and raw.isupper())


def of_another_thing(doc: Document, place: int) -> bool:
    """`the namespace shop`, `branch: "trunk"`, `on Kubernetes "blue"`: the word before says what has that name."""
    before = place - 1
    while doc.lower(before) in _BETWEEN and before >= doc.sentence(place).first:
        before -= 1
    return doc.lower(before) in OTHER_THINGS or before < place - 1 and doc.lower(before) in SYSTEMS


_BETWEEN = frozenset("` \" ' : = \u201c \u2018".split())


def _called(doc: Document) -> Iterator[Named]:
    """`an app called shop`, `a worker named mailer`."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in ("called", "named"):
            continue
        noun = doc.lower(index - 2) if doc.lower(index - 1) in ("is", "are") else doc.lower(index - 1)
        if noun not in ROLES and noun not in APPLICATION and noun not in ("monolith", "tool", "thing", "program"):
            continue
        place = index + 1
        while doc.lower(place) in SKIP and place < index + 3:
            place += 1
        if plain(doc, place):
            application = noun in ("platform", "system", "product", "project", "stack")
            yield from make(doc, doc.lower(place), ROLES.get(noun), place, place + 1, application, True)


_QUOTES = frozenset("' \" \u201c \u201d \u2018 \u2019".split())


def _marked(doc: Document) -> Iterator[Named]:
    """`"intake" is a web app`, `our web shop 'kettle'`: one word in quotes that a role introduces or follows."""
    for index in range(1, len(doc.tokens) - 1):
        if doc.lower(index - 1) not in _QUOTES or doc.lower(index + 1) not in _QUOTES or not plain(doc, index):
            continue
        sentence = doc.sentence(index)
        after = doc.words(index + 2, min(index + 9, sentence.last))
        before = doc.words(max(index - 4, sentence.first), index - 1)
        defines = after[:2] in (("is", "a"), ("is", "an"), ("is", "the"), ("is", "our")) and set(ROLES) & set(after)
        noun = next((word for word in before[-1:] if word in ROLES or word in APPLICATION or word in _WHOLES), None)
        if defines or noun:
            kinds = [ROLES[word] for word in ((noun,) if noun else after) if ROLES.get(word or "")]
            yield from make(doc, doc.lower(index), kinds[0] if kinds else None, index, index + 1)


_WHOLES = frozenset("shop engine prototype tool program bot monolith".split())


_LISTED = _QUOTES | frozenset(", and & ` + /".split())
_OPEN_LABELS = frozenset("application app service services apps".split())
_LABELS = _OPEN_LABELS | frozenset(
    "name component workload microservice svc dienst anwendung applikation komponente servicio aplicaci\u00f3n servizio "
    "applicazione nom nombre nome naam".split()
)
_SORTS = frozenset("system product project program tool bot".split())
_LABELS |= _SORTS


def _one(doc: Document, label: int) -> bool:
    """`System: rain-gauge`, one word in its line; `Project: move to the cloud` has more."""
    return doc.sentence(label).last - label <= 4 and doc.lower(label + 3) not in ("and", ",") and plain(doc, label + 2)


def _labelled(doc: Document) -> Iterator[Named]:
    """`application: shop`, `service: api`, `services: api, worker`, `app name is shop`; `app: shop` beside `services: ...`."""
    parted = any(token.lower == "services" and doc.lower(index + 1) == ":" for index, token in enumerate(doc.tokens))
    for index, token in enumerate(doc.tokens):
        word = token.lower
        if word not in _LABELS or doc.sentence(index).foreign:
            continue
        place = index + 1
        if word in ("application", "app", "service") and doc.lower(place) == "name":
            place += 1
        marked = doc.lower(place) in _QUOTES and doc.lower(place + 2) in _QUOTES
        named = doc.lower(place - 1) == "name" and (doc.lower(place) == "is" or marked and place > index + 1)
        if doc.lower(place) not in (":", "=") and not named:
            continue
        place -= named and marked
        if word not in _OPEN_LABELS and index != doc.sentence(index).first or word in _SORTS and not _one(doc, index):
            continue
        place += 1
        while doc.lower(place) in SKIP and place < index + 6:
            place += 1
        while plain(doc, place) and doc.sentence_of[place] == doc.sentence_of[index]:
            if doc.lower(place) == "web" and word == "services":
                yield Named("web", "web", place, place + 1, doc.status[place])
            yield from make(
                doc,
                doc.lower(place),
                ROLES.get(doc.lower(place).rpartition("-")[2]),
                place,
                place + 1,
                word == "application"
                or word == "app"
                and (parted or doc.lower(index + 1) == "name" or doc.lower(index - 1) == "("),
                doc.lower(place - 1) in _QUOTES,
            )
            if word not in ("services", "apps"):
                break
            place += 1
            while doc.lower(place) in _LISTED and place < len(doc.tokens):
                place += 1


def _tailed(doc: Document) -> Iterator[Named]:
    """`payments-api`, `order-worker`: an identifier whose last part is a role."""
    for index, token in enumerate(doc.tokens):
        head, _, tail = token.lower.rpartition("-")
        if (
            not plain(doc, index)
            or not head
            or (tail not in ROLES and tail not in ("jobs", "services"))
            or tail in ("apis", "workers")
        ):
            continue
        if head in ADJECTIVES or of_another_thing(doc, index) or doc.lower(index + 1) in OTHER_THINGS:
            continue
        if doc.lower(index - 2) in OTHER_THINGS and doc.lower(index - 1) in ("called", "named", "is"):
            continue
        yield from make(doc, token.lower, ROLES.get(tail), index, index + 1)


_HOLDERS = frozenset("cluster namespace bucket repo repository branch team registry vpc subnet label tag zone".split())


def _with_role(doc: Document) -> Iterator[Named]:
    """`the checkout service`, `our payments api`, `the service checkout`."""
    for index, token in enumerate(doc.tokens):
        role = token.lower
        if role not in ROLES or token.kind != "word":
            continue
        before = doc.lower(index - 1)
        opener = doc.lower(index - 2)
        same = index >= 1 and doc.sentence_of[index - 1] == doc.sentence_of[index]
        if before in _HOLDERS and role not in ANAPHORA:  # `in the namespace portal`
            continue
        after = index + 1
        marked = doc.lower(after) in ("`", '"', "'") and doc.lower(after + 2) == doc.lower(after)
        follows = marked and plain(doc, after + 1)  # `our Rails app "shop"`: the name follows
        follows = follows or doc.lower(after) in ("called", "named") and "-" not in before
        if same and not follows and before not in NOT_NAMES and before not in ROLES and plain(doc, index - 1):
            determined = opener in ADJECTIVES and (article(doc, index - 1) or index - 2 == doc.sentence(index).first)
            if (
                determined
                or opener in VERBS
                or opener in ("the", "our", "my", "a", "an", "and", ",", ":", "`", '"', "this", "for", "of", "\u201c")
                or before.count("-")
            ):
                joined = (
                    before if role in ANAPHORA or role in ("cron", "batch", "cronjob", "job") else f"{before}-{role}"
                )
                if not before.endswith(("ed", "ing", "ly", "'s")) or "-" in before:
                    yield from make(doc, joined, ROLES[role], index - 1, index + 1)
        if marked and plain(doc, after + 1):
            yield from make(doc, doc.lower(after + 1), ROLES[role], after + 1, after + 2)


def _whole(doc: Document) -> Iterator[Named]:
    """`our checkout platform`: the whole that the services make up."""
    for index, token in enumerate(doc.tokens):
        if (
            token.lower not in ("platform", "system", "product", "suite", "shop")
            or index < 2
            or not plain(doc, index - 1)
        ):
            continue
        before = doc.lower(index - 1)
        if (
            (
                doc.sentence_of[index - 2] == doc.sentence_of[index]
                and doc.lower(index - 2) in ("the", "our", "my", "this")
                and before not in NOT_NAMES
            )
            and before not in ROLES
            and not before.endswith(("ing", "ed", "al"))
        ):
            yield from make(doc, before, None, index - 1, index + 1, True)


def _after_verb(doc: Document) -> Iterator[Named]:
    """`deploy orders to ...`, `put checkout on ...`: a plain word between the verb and where it goes."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in VERBS:
            continue
        if doc.lower(index - 1) in ("the", "a") and token.lower in ("run", "release", "host", "put", "push"):
            continue
        if token.lower == "roll" and doc.lower(index + 1) != "out":
            continue
        place = index + 1
        while doc.lower(place) in SKIP and place - index < 4:
            place += 1
        while plain(doc, place) and doc.sentence_of[place] == doc.sentence_of[index]:
            end = place + 2 if RELEASE.match(doc.lower(place + 1)) else place + 1
            following = doc.lower(end) if end < doc.sentence(index).last else ""
            if following not in AFTER or doc.lower(place) in NOT_NAMES or doc.lower(place) in ROLES:
                break
            if following == "for" and "-" not in doc.lower(place):
                break
            if doc.lower(place) in OTHER_THINGS and following in (":", "(", ""):  # `Deploy window: weekdays`
                break
            yield from make(
                doc,
                doc.lower(place),
                ROLES.get(doc.lower(place).rpartition("-")[2]),
                place,
                place + 1,
                following == ":",
            )
            if following not in ("and", ",", "`"):
                break
            place = end + 1
            while doc.lower(place) in SKIP or doc.lower(place) in ("and", ",", "then"):
                place += 1


_WISHES = frozenset("like want need get have wants needs".split())
_RUNNING = frozenset("running deployed hosted live shipped moved migrated released".split())


def _wished(doc: Document) -> Iterator[Named]:
    """`we'd like checkout running on ...`: a plain word between a wish and what should become of it."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _WISHES:
            continue
        place = index + 1
        while doc.lower(place) in SKIP and place - index < 4:
            place += 1
        verb = doc.lower(place + 1) in _RUNNING or doc.words(place + 1, place + 3) in (
            ("to", "run"),
            ("to", "go"),
            ("to", "live"),
        )
        if verb and plain(doc, place) and doc.lower(place) not in ROLES:
            yield from make(doc, doc.lower(place), ROLES.get(doc.lower(place).rpartition("-")[2]), place, place + 1)


_BACKED = frozenset("queue cache storage session message event database data state job task broker".split())
"""`Redis as the queue backend`: what a backing service does."""


_NO_SERVICE = frozenset("gateway server key keys token tests test scope call calls dashboard".split())
_PEOPLE = frozenset("people team teams folks guys engineers devs developers developer dev squad colleagues".split())
_DOINGS = frozenset("do does did doing done".split())
_CREDENTIALS = frozenset(
    "password passwords passphrase credential credentials account accounts user users login logins key keys token tokens "
    "secret secrets email".split()
)


_ALONE = {"cronjob": "job", "workers": "worker"}


def bare(doc: Document) -> Iterator[Named]:
    """`a frontend on 3000 and a backend on 8000`: the role is the name."""
    for index, token in enumerate(doc.tokens):
        if token.lower in ("front", "back") and doc.lower(index + 1) == "end":
            yield Named(f"{token.lower}end", "web", index, index + 2, doc.status_of(index, index + 2), sure=False)
        shared = token.lower == "workers" and ("same", "image") in pairwise(doc.words(index, index + 9))
        if (token.lower.removesuffix("'s") in BARE or shared) and token.kind == "word" and index not in doc.in_commands:
            if doc.lower(index + 1) in ("called", "named") or doc.lower(index - 1) in _BACKED:
                continue
            after = doc.lower(index + 1)
            if token.lower in ("api", "web") and after in _NO_SERVICE or after in _PEOPLE:
                continue
            if token.lower == "job" and _DOINGS & {*doc.words(index - 3, index)}:  # `Kibana does the job`
                continue
            if ROLES.get(token.lower) == "web" and after in _CREDENTIALS:  # `the admin password`
                continue
            if (
                token.lower in ("admin", "web", "job", "dashboard", "site")
                and not article(doc, index)
                and doc.lower(index + 1) not in ("(", ":", "on", "runs", "listens")
            ):
                continue
            if token.lower == "dashboard" and doc.lower(index - 1) in ("grafana", "a", "monitoring", "the"):
                continue
            role = token.lower.removesuffix("'s")
            yield Named(
                _ALONE.get(role, role),
                ROLES.get(role),
                index,
                index + 1,
                doc.status_of(index, index + 1),
                sure=False,
            )


def article(doc: Document, index: int) -> bool:
    """Whether an article or the like stands before a token, with adjectives between."""
    place = index - 1
    while doc.lower(place) in ADJECTIVES and doc.lower(place) not in (
        "a",
        "an",
        "the",
        "our",
        "my",
        "one",
        "and",
        "of",
        "for",
        "in",
        "on",
        "at",
        "to",
        "with",
    ):
        place -= 1
    return doc.lower(place) in ("a", "an", "the", "our", "my", "one", "and", ",", ":", "for", "two", "each")
