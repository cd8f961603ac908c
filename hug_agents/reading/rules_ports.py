"""Ports: the serving one, the health check's, metrics. A number is a port only where words say so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from hug_agents.reading.document import Document, Mention, Phrases
from hug_agents.reading.numbers import UNITS, quantity_at
from hug_agents.reading.vocabulary import AWS_REGIONS, SYSTEMS

Role = Literal["serve", "health", "metrics", "other", "protocol"]

_LISTEN = frozenset(
    "listen listens listening serve serves serving bind binds bound expose exposes exposing exposed accepts port "
    "ports".split()
)
_RUNS = frozenset("on at runs running is port = :".split())
_HEALTH = Phrases(
    dict.fromkeys(
        ("health", "healthcheck", "health-check", "healthchecks", "health-checks", "healthz", "liveness",
        "readiness", "probe", "probes", "livez",
         "readyz", "healthy", "alive", "ready", "health check"),
        "health",
    )
)  # fmt: skip
HEALTH_WORDS = frozenset(
    "health healthcheck health-check healthchecks health-checks healthz liveness readiness probe probes actuator "
    "readiness/liveness".split()
)
METRICS_WORDS = frozenset("metrics prometheus scrape scraped scrapes scraping metric".split())
_SAYS_WHERE = AWS_REGIONS | set(SYSTEMS)
_ANSWERS = frozenset(
    "bind binds bound answers answer answering responds reachable speaks expose exposes listen listens listening "
    "serve serves serving http available runs up started starts".split()
)
_OTHER_WORDS = frozenset(
    "admin debug debugger postgres postgresql mysql redis database db smtp ssh jmx rds amqp pprof management "
    "loadbalancer balancer alb nlb elb ingress proxy nginx traefik haproxy public-port internet "
    "outside external internally ignore unused envoy sidecar node-port nodeport kafka registry cache remote "
    "dev-server".split()
)
_PROTOCOLS = frozenset("grpc https tls ssl websocket websockets ws".split())
"""What answers there may be the service itself, where nothing else does."""
_SERVED = frozenset("http web api app rest main traffic".split())
HEALTH_PATHS = (
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/healthcheck",
    "/health-check",
    "/_health",
    "/__health",
    "/actuator/health",
)
STOPS = frozenset(", ; ( ) and but while whereas".split())


def ports(doc: Document) -> Iterator[Mention]:
    """Every number that is a port, with its role; a role other than serving, health or metrics makes no claim."""
    yield from _worded(doc)
    found = list(_found(doc))
    served = any(item.field == "service.port" for item in found)
    for item in found:
        spoken = item.field == "protocol"
        yield (
            replace(item, field="number.other_port" if served or item.value == 443 else "service.port")
            if spoken
            else item
        )


def _found(doc: Document) -> Iterator[Mention]:
    seen = False
    for index in range(len(doc.tokens)):
        value = _port_value(doc, index)
        if value is None or not _is_port(doc, index):
            continue
        role = "other" if _of_another(doc, index) else _role(doc, index)
        if role == "serve" and seen and _of_a_check(doc, index):
            role = "health"
        seen = seen or role == "serve"
        if doc.lower(index - 1) == "port" and doc.lower(index - 2) in (
            "host",
            "node",
            "external",
            "published",
            "outer",
        ):
            role = "other"
        if role == "serve" and _mapped(doc, index):
            role = "other"
        field = {"serve": "service.port", "health": "service.health_port", "protocol": "protocol"}.get(
            role, "number.other_port"
        )
        since = index
        for back in range(index - 1, max(index - 4, doc.sentence(index).first) - 1, -1):
            if doc.lower(back) in _LISTEN or doc.lower(back) in _RUNS or doc.lower(back) in HEALTH_WORDS:
                since = back
        yield doc.mention(field, value, index, index + 1, since=since)


def _of_a_check(doc: Document, index: int) -> bool:
    """`Liveness under /alive, port 8085`, where the serving port stands before: a sentence about the check."""
    place = doc.sentence(index).first
    place += doc.lower(place) in ("the", "its", "a")
    return doc.lower(place) in HEALTH_WORDS and not {"and", "but", ";"} & set(doc.words(place, index))


def _worded(doc: Document) -> Iterator[Mention]:
    """`port eight thousand and eighty`."""
    for index, token in enumerate(doc.tokens[:-2]):
        place = index + 2 if doc.lower(index + 1) in ("is", ":", "=") else index + 1
        item = quantity_at(doc, place) if token.lower == "port" and doc.tokens[place].kind == "word" else None
        if item and not item.unit and item.whole and 80 <= item.whole <= 65535 and _role(doc, item.first) == "serve":
            yield doc.mention("service.port", item.whole, item.first, item.last, since=index)


def _of_another(doc: Document, index: int) -> bool:
    """`Postgres, which it talks to, listens on 5432`: the sentence is about something that is not deployed."""
    place = doc.sentence(index).first
    bracket = next((at for at in range(index, max(index - 12, place), -1) if doc.lower(at) in ("(", ")")), place)
    if doc.lower(bracket) == "(" and _SERVERS & set(doc.words(bracket, index)):
        return True  # `the warehouse (Postgres 14, port 5432)`
    if doc.lower(place) in ("the", "our", "a", "its"):
        place += 1
    return doc.lower(place) in _SERVERS and doc.lower(place + 1) in _SAYS


_SERVERS = frozenset(
    "postgres postgresql mysql redis database db kafka registry cache nginx envoy proxy ingress".split()
)
_SAYS = frozenset(", is are listens runs sits which that answers".split())


def _port_value(doc: Document, index: int) -> int | None:
    token = doc.tokens[index]
    if token.kind == "number" and token.lower.isdigit() and 1 <= int(token.lower) <= 65535:
        return int(token.lower)
    served = re.fullmatch(r"(\d{2,5})/(?:tcp|http)", token.lower)
    inner = re.fullmatch(r"\d{2,5}:(\d{2,5})(?:/tcp)?", token.lower) if _below_ports(doc, index) else None
    if match := served or inner:
        return int(match.group(1)) if 1 <= int(match.group(1)) <= 65535 else None
    if token.kind == "word" and token.lower.startswith(("localhost:", "0.0.0.0:", "127.0.0.1:")):
        tail = token.lower.rpartition(":")[2]
        return int(tail) if tail.isdigit() and 1 <= int(tail) <= 65535 else None
    return None


_LINKS = frozenset("is stays remains becomes : = to on be was of at ( ` tcp -> => ' \"".split())


def _is_port(doc: Document, index: int) -> bool:
    """Whether words around a number make it a port; `8080 users`, `30s` and `year 2024` are none."""
    if doc.tokens[index].kind == "word":
        return True
    if doc.lower(index + 1) in UNITS or doc.lower(index + 1) in (
        "x",
        "users",
        "requests",
        "rps",
        "connections",
        "customers",
        "orders",
    ):
        return doc.lower(index - 1) in ("port", "ports")
    start = doc.sentence(index).first
    before = doc.words(max(index - 4, start), index)
    if not before:
        return _after_image(doc, index) or "port" in doc.asked(index)
    here = doc.sentence_of[index] == doc.sentence_of[min(index + 1, len(doc.tokens) - 1)]
    if here and "port" in (doc.lower(index + 1), doc.lower(index + 2) if doc.lower(index + 1) in ("the", "as") else ""):
        return True
    if doc.lower(index + 1) in ("/",) and doc.lower(index + 2) in ("tcp", "http"):
        return True
    last = before[-1]
    if last in ("port", "ports", "portnumber", "port's") or last in ("#", "number") and "port" in before:
        return True
    if last in _LINKS and ("port" in before or "ports" in before):
        return True
    if last in ('"', "-") and _mapped_to_itself(doc, index) or last == ":" and _bare_colon(doc, index):
        return True
    return int(doc.tokens[index].lower) >= 80 and not _noun_follows(doc, index) and _serves(doc, index, before)


def _serves(doc: Document, index: int, before: tuple[str, ...]) -> bool:
    """Whether the words before a number of a port's size say what answers there."""
    last, start = before[-1], doc.sentence(index).first
    answers = before[-2:-1] and before[-2] in _ANSWERS
    said = set(before) & (_LISTEN | {"runs", "running", "run", "health", "metrics", "answers"})
    return bool(
        last in ("tcp", "serves", "exposes", "listens")
        or before[-2:] in _IT_IS and (_AGAIN & {*doc.words(start, index), *_before(doc, index)})
        or last == "it's" and {"port", "listen", "listens", "listened"} & set(doc.words(start, index))
        or last in ("wants", "uses", "takes") and len(doc.lower(index)) > 3
        or last in ("on", "at", "to") and answers
        or last in ("and", "or", "/", "vs", "not", "nor", ",") and _after_port(doc, index)
        or last in (",", ";", "/", "(", "-") and (_after_image(doc, index) or last in (",", ";") and _alone(doc, index))
        or last in ("on", "at", ":", "=") and (said or _identifier_before(doc, index) and doc.lower(index + 1) != "then")
    )  # fmt: skip


_IT_IS = (
    ("it", "is"),
    ("correct", "is"),
    ("one", "is"),
    ("port", "is"),
    ("be", "it"),
    ("should", "be"),
    ("number", "is"),
)
_AGAIN = frozenset("port listen listens listened listening".split())


def _before(doc: Document, index: int) -> tuple[str, ...]:
    """The words of the sentence before."""
    number = doc.sentence_of[index]
    sentence = doc.sentences[number - 1] if number else None
    return doc.words(sentence.first, sentence.last) if sentence else ()


def _after_image(doc: Document, index: int) -> bool:
    """`ghcr.io/acme/x:3, 8080.`: an image, and a number of four or five digits that stands for itself."""
    word, digits = doc.lower(index - 2), doc.lower(index)
    if doc.sentence(index).first == index:  # `ghcr.io/acme/x:1; 8080; ...`, or in lines below each other
        word = doc.lower(index - 1) if "/" in doc.lower(index - 1) else word or doc.lower(index - 3)
    alone = (
        doc.lower(index + 1) in (".", ",", ")", "", "/", "-")
        or doc.words(index + 1, index + 3) in (("(", "http"), ("(", "tcp"))
        or doc.sentence_of[min(index + 1, len(doc.tokens) - 1)] != (doc.sentence_of[index])
    )
    bracket = doc.lower(index - 1) == "(" or doc.lower(index - 3) == "(" and doc.lower(index - 1) == ","
    tagged = bracket and _TAGGED.match(word) is not None  # `web (nginx:1.27, 80)`, `images web:3 (8080) and ...`
    return alone and ("/" in word and ":" in word and len(digits) in (4, 5) or tagged and int(digits) >= 80)


_TAGGED = re.compile(r"(?!localhost)[a-z][a-z0-9._/-]*:[a-z0-9._-]+\Z")


def _alone(doc: Document, index: int) -> bool:
    """`fargate, eu-west-1, 8080, 2 tasks`: four or five digits by themselves in a list of what is wanted."""
    sentence, digits = doc.sentence(index), doc.lower(index)
    words = set(doc.words(sentence.first, sentence.last))
    ended = doc.lower(index + 1) in (",", ";", ".", ")", "") or index + 1 >= sentence.last
    said = words & _SAYS_WHERE and not words & {"port", "ports", "year"}
    return bool(said) and ended and len(digits) in (4, 5) and not digits.startswith(("19", "20"))


def _below_ports(doc: Document, index: int) -> bool:
    """`- "80:8080"` below `ports:` of a compose file: the container's port is the second one."""
    number = doc.sentence_of[index]
    above = doc.sentences[number - 1] if number else None
    here = doc.words(doc.sentence(index).first, index)
    return "ports" in here or above is not None and doc.words(above.first, above.last)[-2:] == ("ports", ":")


def _mapped_to_itself(doc: Document, index: int) -> bool:
    """`- "8080:8080"` below `ports:`."""
    number = doc.sentence_of[index]
    above = doc.sentences[number - 1] if number else None
    title = doc.words(above.first, above.last)[-2:] if above else ()
    return doc.lower(index + 1) == ":" and doc.lower(index + 2) == doc.lower(index) and title == ("ports", ":")


def _bare_colon(doc: Document, index: int) -> bool:
    """`image acme/x:1, :8080, ECS`: a colon that belongs to the number alone."""
    here, colon = doc.tokens[index], doc.tokens[index - 1]
    before = doc.text[max(colon.start - 1, 0) : colon.start]
    return colon.end == here.start and (not before or before.isspace()) and len(here.lower) in (4, 5)


_ENDS = frozenset(
    ", . ) ; and with in at for on but while ( ` by health inside from as please ! is where - plus to not "
    "exposes exposing behind or only using via serving its then respectively over under ' \" \u2014".split()
) | {""}
"""What may stand behind a port; a noun may not."""


def _noun_follows(doc: Document, index: int) -> bool:
    following = doc.lower(index + 1)
    return index + 1 < doc.sentence(index).last and following not in _ENDS and doc.tokens[index + 1].kind != "path"


def _identifier_before(doc: Document, index: int) -> bool:
    """`a frontend on 3000`: a noun before `on`, and a number with four or five digits that is no year of a date."""
    word = doc.lower(index - 2)
    digits = doc.tokens[index].lower
    return (
        len(digits) in (4, 5)
        and doc.tokens[index - 2].kind == "word"
        and word not in _MONTHS
        and word not in ("year", "in", "since", "january")
        and not digits.startswith(("19", "20"))
    )


_MONTHS = frozenset(
    "january february march april may june july august september october november december monday friday".split()
)


def _after_port(doc: Document, index: int) -> bool:
    """`ports 3000 and 8000`, `port 3000, now 8080`: a port stands just before in the sentence."""
    start = doc.sentence(index).first
    seen = False
    for place in range(index - 1, max(index - 5, start) - 1, -1):
        word = doc.lower(place)
        if word in ("port", "ports", "listen", "listens"):
            return seen
        if doc.tokens[place].kind == "number":
            seen = True
    return False


def _role(doc: Document, index: int) -> Role:
    """The word behind a port that says what it is for, `8443 (https)`; else the nearest in its part of the sentence."""
    sentence = doc.sentence(index)
    opened = doc.lower(index + 1) == "("
    end = (
        next((at for at in range(index + 2, min(index + 9, sentence.last)) if doc.lower(at) == ")"), 0) if opened else 0
    )
    behind = range(index + 2, end) if end else range(index + 1, min(index + 2, sentence.last))
    if _SERVED & set(doc.words(behind.start, behind.stop)):
        return "serve"
    if _own_path(doc, index):
        return "metrics" if doc.lower(index + 1).endswith("metrics") else _word_role(doc, index + 1) or "serve"
    if end and (said := [role for place in behind if (role := _word_role(doc, place))]):
        return said[0]
    best: tuple[int, Role] | None = None
    crossed = 0
    for place in range(index - 1, max(index - 9, sentence.first) - 1, -1):
        word = doc.lower(place)
        if word in STOPS or doc.tokens[place].kind == "number":
            crossed += 1
        if crossed and word in STOPS:
            break
        found = _word_role(doc, place)
        if found:
            best = (index - place, found)
            break
    crossed = 0
    for place in range(index + 1, min(index + 7, sentence.last)):
        word = doc.lower(place)
        if word in STOPS or word in ("with", "/") or doc.tokens[place].kind in ("number", "path"):
            break
        found = _word_role(doc, place)
        if found and doc.lower(index - 1) == "port" and doc.tokens[min(place + 1, sentence.last - 1)].kind == "path":
            break  # `port 8181 health /healthz`: the word is the path's
        if found and (best is None or doc.lower(place - 1) in ("for", "is", "as", "the") and place - index <= 4):
            return found if best is None or best[1] == "serve" or doc.lower(index + 1) == "for" else best[1]
    return best[1] if best else "serve"


def _own_path(doc: Document, index: int) -> bool:
    """`:9090/metrics`: a path that follows at once."""
    after = doc.tokens[index + 1] if index + 1 < len(doc.tokens) else None
    return after is not None and after.kind == "path" and after.start == doc.tokens[index].end


def _word_role(doc: Document, place: int) -> Role | None:
    word = doc.lower(place)
    if word in HEALTH_WORDS or doc.tokens[place].kind == "path" and word.rstrip("/") in HEALTH_PATHS:
        return "health"
    if word in METRICS_WORDS:
        return "metrics"
    if word in _PROTOCOLS:
        return "protocol"
    if word in _OTHER_WORDS:
        return "other"
    return None


def _mapped(doc: Document, index: int) -> bool:
    """`8080:80`: two ports, and no word about which serves; `8080:8080` is one."""
    if doc.lower(index + 2) == doc.lower(index):
        return False
    return doc.lower(index + 1) == ":" and doc.lower(index + 2).isdigit()
