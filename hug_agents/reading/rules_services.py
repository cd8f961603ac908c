"""Which services and which application a text is about: only names that stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hug_agents.reading.document import Document
from hug_agents.reading.scope import Status
from hug_agents.reading.vocabulary import (
    AWS_PLACES,
    AWS_REGIONS,
    AZURE_REGIONS,
    CLOUDS,
    DEPENDENCIES,
    ENVIRONMENTS,
    FRAMEWORKS,
    GCP_REGIONS,
    LANGUAGES,
    STRATEGIES,
    SYSTEMS,
    UNSUPPORTED,
)

ROLES: dict[str, str | None] = {
    **dict.fromkeys("api apis backend frontend web webapp website site ui gateway server".split(), "web"),
    **dict.fromkeys("portal bff admin dashboard".split(), "web"),
    **dict.fromkeys("worker workers consumer processor daemon bot listener poller".split(), "worker"),
    **dict.fromkeys("job cronjob cron batch".split(), "job"),
    **dict.fromkeys("service app application svc microservice scheduler".split(), None),
}  # fmt: skip
_BARE = frozenset(
    "api backend frontend worker ui gateway web webapp website dashboard consumer scheduler admin bff job "
    "cronjob".split()
)
_ANAPHORA = frozenset("service app application svc microservice".split())
_APPLICATION = frozenset("app application platform system product project stack shop".split()) - {"shop"}
_VERBS = frozenset(
    "deploy put ship run launch host release move migrate bring get publish push install deploying running "
    "shipping hosting redeploy roll-out rollout deploys deployed migrating moving releasing put".split()
)
_SKIP = frozenset("our the my a an this new up out of over brand-new existing `".split()) | {'"', "'", "*", "\u201c"}
_AFTER = frozenset("on to in onto into at with using as behind from via under , ( : . ! and `".split()) | {
    "",
    '"',
    "'",
    ";",
    "\u2014",
    "-",
    "please",
    "across",
    "\u201d",
    "for",
}
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_ADJECTIVES = frozenset(
    "new old main internal public external private python node node.js go golang java rest restful graphql grpc "
    "simple small big large stateless stateful background nightly daily weekly hourly cron batch single first "
    "second third other web http https backend frontend customer-facing containerized dockerized production "
    "staging dev legacy whole entire existing same one two three four five several both each every all any no our "
    "my your their its this that these those the a an of and or for to in on at with from by is are was be has "
    "have as only just async our little tiny current separate more another public-facing internet-facing critical "
    "backing managed cloud aws which what typescript javascript rust ruby php spring celery small full-stack "
    "monolithic called named actual new-ish serverless single-page mobile docker container health metrics load "
    "scheduled recurring periodic import sample demo simple open-source payload message queue stateless "
    "low-traffic high-traffic headless plain basic said given following above below also see ingest-only".split()
)
_NOT_NAMES = (
    frozenset(
        "it this that these those everything app application applications service services code project something "
        "stuff them changes version versions our new traffic software product image images container containers "
        "docker pods tasks updates update release releases us we you me in on at to and or of for with an a the "
        "production prod staging dev please only all both each first then there here one two three four five "
        "migrations migration tests test smoke health canary rolling blue monorepo repo repository infrastructure "
        "database databases db cache queue bucket cluster clusters behind way done rid back ready live away off "
        "out up over down things thing anything nothing money time place microservices monolith system platform "
        "website users user requests request half people systems latest build builds artifact artifacts binary "
        "job jobs worker workers as by from via into onto if when while so such very zero no not never always can "
        "will should must what which how".split()
    )
    | frozenset(SYSTEMS)
    | frozenset(CLOUDS)
    | frozenset(STRATEGIES)
    | frozenset(DEPENDENCIES)
    | frozenset(ENVIRONMENTS)
    | frozenset(UNSUPPORTED)
    | frozenset(FRAMEWORKS)
    | frozenset(LANGUAGES)
    | AWS_REGIONS
    | GCP_REGIONS
    | AZURE_REGIONS
    | frozenset(AWS_PLACES)
    | _ADJECTIVES
)
_OTHER_THINGS = frozenset(
    "cluster namespace bucket queue repo repository branch team role policy user group database table topic "
    "stream account region host hostname domain channel secret vpc subnet registry env environment owner by "
    "environments label tag zone profile".split()
)


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


def named(doc: Document) -> tuple[Named, ...]:
    """Every name in the order of the text, without overlaps; weak ones only where nothing better stands."""
    found: dict[int, Named] = {}
    for item in (
        *_called(doc),
        *_labelled(doc),
        *_tailed(doc),
        *_with_role(doc),
        *_whole(doc),
        *_after_verb(doc),
        *_wished(doc),
    ):
        if not any(item.first < other.last and other.first < item.last for other in found.values()):
            found[item.first] = item
    weak = [item for item in _bare(doc) if not any(item.first < o.last and o.first < item.last for o in found.values())]
    strong = {item.name for item in found.values() if item.status == "asserted" and not item.application}
    for item in weak:
        tails = {name for name in strong if name.rpartition("-")[2] == item.name}
        if len(tails) == 1:  # "payments-api ... the api": the same one again
            found[item.first] = Named(tails.pop(), item.kind, item.first, item.last, item.status, sure=False)
        elif not strong or _article(doc, item.first) or item.name in {name.partition("-")[0] for name in strong}:
            found[item.first] = item
    return tuple(found[place] for place in sorted(found))


def _make(
    doc: Document, name: str, kind: str | None, first: int, last: int, application: bool = False
) -> Iterator[Named]:
    name = name.lower().replace("_", "-")
    if _NAME.match(name) and name not in _NOT_NAMES:
        yield Named(name, kind, first, last, doc.status_of(first, last), application)


def _plain(doc: Document, place: int) -> bool:
    """Whether a token is one word of a sentence that can be a name."""
    return (
        0 <= place < len(doc.tokens)
        and doc.tokens[place].kind == "word"
        and bool(_NAME.match(doc.lower(place).replace("_", "-")))
    )


def _called(doc: Document) -> Iterator[Named]:
    """`an app called shop`, `a worker named mailer`."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in ("called", "named"):
            continue
        noun = doc.lower(index - 1)
        if noun not in ROLES and noun not in _APPLICATION:
            continue
        place = index + 1
        while doc.lower(place) in _SKIP and place < index + 3:
            place += 1
        if _plain(doc, place):
            application = noun in ("platform", "system", "product", "project", "stack")
            yield from _make(doc, doc.lower(place), ROLES.get(noun), place, place + 1, application)


def _labelled(doc: Document) -> Iterator[Named]:
    """`application: shop`, `service: api`, `services: api, worker`, `app name is shop`."""
    for index, token in enumerate(doc.tokens):
        word = token.lower
        if word not in ("application", "app", "service", "services", "name", "apps") or doc.sentence(index).foreign:
            continue
        place = index + 1
        if word in ("application", "app", "service") and doc.lower(place) == "name":
            place += 1
        if doc.lower(place) not in (":", "=") and not (doc.lower(place) == "is" and doc.lower(place - 1) == "name"):
            continue
        if word == "name" and index != doc.sentence(index).first:
            continue
        place += 1
        while doc.lower(place) in _SKIP and place < index + 6:
            place += 1
        while _plain(doc, place) and doc.sentence_of[place] == doc.sentence_of[index]:
            yield from _make(
                doc,
                doc.lower(place),
                ROLES.get(doc.lower(place).rpartition("-")[2]),
                place,
                place + 1,
                word in ("application",),
            )
            if word not in ("services", "apps"):
                break
            place += 1
            while doc.lower(place) in (",", "and", "&") and place < len(doc.tokens):
                place += 1


def _tailed(doc: Document) -> Iterator[Named]:
    """`payments-api`, `order-worker`: an identifier whose last part is a role."""
    for index, token in enumerate(doc.tokens):
        head, _, tail = token.lower.rpartition("-")
        if (
            token.kind != "word"
            or not head
            or (tail not in ROLES and tail not in ("jobs", "services"))
            or tail in ("apis", "workers")
        ):
            continue
        if head in _ADJECTIVES or doc.lower(index - 1) in _OTHER_THINGS or doc.lower(index + 1) in _OTHER_THINGS:
            continue
        if doc.lower(index - 2) in _OTHER_THINGS and doc.lower(index - 1) in ("called", "named", "is", ":"):
            continue
        yield from _make(doc, token.lower, ROLES.get(tail), index, index + 1)


def _with_role(doc: Document) -> Iterator[Named]:
    """`the checkout service`, `our payments api`, `the service checkout`."""
    for index, token in enumerate(doc.tokens):
        role = token.lower
        if role not in ROLES or token.kind != "word":
            continue
        before = doc.lower(index - 1)
        opener = doc.lower(index - 2)
        same = index >= 1 and doc.sentence_of[index - 1] == doc.sentence_of[index]
        if same and before not in _NOT_NAMES and before not in ROLES and _plain(doc, index - 1):
            determined = opener in _ADJECTIVES and _article(doc, index - 1)
            if (
                determined
                or opener in _VERBS
                or opener in ("the", "our", "my", "a", "an", "and", ",", ":", "`", '"', "this", "for", "of", "\u201c")
                or before.count("-")
            ):
                joined = before if role in _ANAPHORA or role in ("cron", "batch", "cronjob") else f"{before}-{role}"
                if not before.endswith(("ed", "ing", "ly", "'s")) or "-" in before:
                    yield from _make(doc, joined, ROLES[role], index - 1, index + 1)
        after = index + 1
        marked = doc.lower(after) in ("`", '"', "'") and doc.lower(after + 2) == doc.lower(after)
        if marked and role in ("service", "app", "application", "worker", "job") and _plain(doc, after + 1):
            yield from _make(doc, doc.lower(after + 1), ROLES[role], after + 1, after + 2)


def _whole(doc: Document) -> Iterator[Named]:
    """`our checkout platform`: the whole that the services make up."""
    for index, token in enumerate(doc.tokens):
        if (
            token.lower not in ("platform", "system", "product", "suite", "shop")
            or index < 2
            or not _plain(doc, index - 1)
        ):
            continue
        before = doc.lower(index - 1)
        if (
            (
                doc.sentence_of[index - 2] == doc.sentence_of[index]
                and doc.lower(index - 2) in ("the", "our", "my", "this")
                and before not in _NOT_NAMES
            )
            and before not in ROLES
            and not before.endswith(("ing", "ed", "al"))
        ):
            yield from _make(doc, before, None, index - 1, index + 1, True)


def _after_verb(doc: Document) -> Iterator[Named]:
    """`deploy orders to ...`, `put checkout on ...`: a plain word between the verb and where it goes."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _VERBS:
            continue
        if doc.lower(index - 1) in ("the", "a") and token.lower in ("run", "release", "host", "put", "push"):
            continue
        place = index + 1
        while doc.lower(place) in _SKIP and place - index < 4:
            place += 1
        while _plain(doc, place) and doc.sentence_of[place] == doc.sentence_of[index]:
            following = doc.lower(place + 1) if place + 1 < doc.sentence(index).last else ""
            if following not in _AFTER or doc.lower(place) in _NOT_NAMES or doc.lower(place) in ROLES:
                break
            if following == "for" and "-" not in doc.lower(place):
                break
            yield from _make(
                doc,
                doc.lower(place),
                ROLES.get(doc.lower(place).rpartition("-")[2]),
                place,
                place + 1,
                following == ":",
            )
            if following not in ("and", ",", "`"):
                break
            place += 2
            while doc.lower(place) in _SKIP or doc.lower(place) in ("and", ",", "then"):
                place += 1


_WISHES = frozenset("like want need get have wants needs".split())
_RUNNING = frozenset("running deployed hosted live shipped moved migrated released".split())


def _wished(doc: Document) -> Iterator[Named]:
    """`we'd like checkout running on ...`: a plain word between a wish and what should become of it."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _WISHES:
            continue
        place = index + 1
        while doc.lower(place) in _SKIP and place - index < 4:
            place += 1
        verb = doc.lower(place + 1) in _RUNNING or doc.words(place + 1, place + 3) in (
            ("to", "run"),
            ("to", "go"),
            ("to", "live"),
        )
        if verb and _plain(doc, place) and doc.lower(place) not in ROLES:
            yield from _make(doc, doc.lower(place), ROLES.get(doc.lower(place).rpartition("-")[2]), place, place + 1)


def _bare(doc: Document) -> Iterator[Named]:
    """`a frontend on 3000 and a backend on 8000`: the role is the name."""
    for index, token in enumerate(doc.tokens):
        if token.lower in _BARE and token.kind == "word":
            if doc.lower(index - 1) in ("cron", "batch", "rest", "public", "admin") and token.lower in ("job",):
                pass
            if (
                doc.lower(index + 1)
                in (
                    "gateway",
                    "server",
                    "key",
                    "keys",
                    "token",
                    "tests",
                    "test",
                    "scope",
                    "call",
                    "calls",
                    "dashboard",
                    "port",
                    "health",
                )
                and token.lower in ("api", "web")
                and doc.lower(index + 1) not in ("port", "health")
            ):
                continue
            if (
                token.lower in ("admin", "web", "job", "dashboard", "site")
                and not _article(doc, index)
                and doc.lower(index + 1) not in ("(", ":", "on", "runs", "listens")
            ):
                continue
            if token.lower == "dashboard" and doc.lower(index - 1) in ("grafana", "a", "monitoring", "the"):
                continue
            name = "job" if token.lower == "cronjob" else token.lower
            yield Named(name, ROLES.get(token.lower), index, index + 1, doc.status_of(index, index + 1), sure=False)


def _article(doc: Document, index: int) -> bool:
    place = index - 1
    while doc.lower(place) in _ADJECTIVES and doc.lower(place) not in (
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
