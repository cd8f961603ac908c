"""Is a claim supported by its source? The guard against an invented value, whoever claims it.

The quote must stand in the source literally, and the words of the quote must state this value for this field: wanted,
not negated, not history, not a plan for later. A claim that fails is refused; `assemble` turns it into a question.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hug_agents.reading.binding import path_of
from hug_agents.reading.claims import Claim, FieldInfo, Value, field
from hug_agents.reading.document import Document, Mention, document
from hug_agents.reading.mentions import mentions, names
from hug_agents.reading.naming_words import ROLES
from hug_agents.reading.numbers import quantities
from hug_agents.reading.placing import ALL
from hug_agents.reading.quoted import quoted
from hug_agents.reading.redact import MARK, redact, secret_like
from hug_agents.reading.shapes import misshapen
from hug_agents.request import Answer

if TYPE_CHECKING:
    from hug_agents.scan.report import Fact, RepositoryFacts

_UNITS = {
    "percent": ("percent", 1.0), "seconds": ("seconds", 1.0), "mebibytes": ("mebibytes", 1.0),
    "gibibytes": ("mebibytes", 1024.0),
    "port": ("", 1.0), "count": ("", 1.0),
}  # fmt: skip
_CUES = {
    "services.<name>.port": "port listen serve bind expose requests traffic",
    "services.<name>.health_port": "health liveness readiness probe",
    "services.<name>.replicas": "replica instance pod cop task container",
    "services.<name>.max_replicas": "max up to most scale",
    "environments.<name>.replicas.<name>": "replica instance pod cop task container",
    "strategy.keep_old_seconds": "old previous blue keep",
    "strategy.max_surge_percent": "surge extra additional",
    "strategy.max_unavailable_percent": "unavailable below missing",
    "dependencies.<name>.storage_gib": "storage disk disc gb gib",
}
_LITERAL = frozenset(
    {
        "text",
        "image",
        "http_path",
        "file_path",
        "cluster",
        "domain",
        "env_value",
        "secret_key",
        "version",
        "command",
        "name",
        "cron",
    }
)


_SAID = {
    "version": "version release tag",
    "owner": "own team maintain responsib belong call contact page",
    "repository": "repo git code source",
    "default_branch": "branch",
    "services.<name>.image": "image container pull",
    "services.<name>.context": "folder director context build built under path root monorepo",
    "services.<name>.dockerfile": "dockerfile",
    "services.<name>.language_version": "python node go golang java jdk version",
    "services.<name>.health_path": "health live alive ready probe ping status",
    "services.<name>.metrics_path": "metric prometheus scrape",
    "services.<name>.command": "command start run exec entrypoint launch cmd",
    "services.<name>.migrate_command": "migrat schema",
    "dependencies.<name>.version": "version postgres mysql redis rabbit kafka sqs queue s3 minio",
    "environments.<name>.cluster": "cluster",
    "environments.<name>.namespace": "namespace",
    "environments.<name>.domain": "domain host reach url dns http serve under at",
    "toolchain.registry_host": "registr push nexus artifactory image",
    "smoke_tests.<name>": "smoke answer respon return 200 check test",
}
"""Words that a sentence needs, beside a value that is no more than a word, to say that this is the value's field."""
CUES = {**_SAID, **_CUES}
"""By pattern: how words begin that speak of a field."""


def check(
    claim: Claim, request_text: str, answers: Sequence[Answer] = (), facts: RepositoryFacts | None = None
) -> str | None:
    """Why a claim must be refused; None if its source supports it."""
    row = field(claim.path)
    if row is None:
        return "there is no such field"
    if not claim.quote.strip():
        return "no words of the source are quoted"
    if (
        row.type == "env_value"
        and secret_like(claim.path.rpartition(".")[2])
        or isinstance(claim.value, str)
        and MARK in claim.value
    ):
        return "the value is a secret; only a reference to a secret store is carried"
    if not _no_scaling(claim) and (reason := misshapen(row, claim.path, claim.value)):
        return reason
    if claim.source == "request":
        return _in_request(claim, row, redact(request_text).text)
    if claim.source.startswith("answer:"):
        return _in_answer(claim, answers)
    return _in_repository(claim, facts)


def _in_request(claim: Claim, row: FieldInfo, text: str) -> str | None:
    there = list(_occurrences(text, claim.quote))
    if not there:
        return "the quoted words do not stand in the request"
    shown = quoted(text)
    spans = [(begin, end) for begin, end in there if not any(begin < last and first < end for first, last in shown)]
    if not spans:
        return "the words stand in material that the request only shows"
    if reason := _unknown_name(claim, text):
        return reason
    inside = [
        item
        for item in mentions(text)
        if any(begin <= _start(text, item) and _end(text, item) <= end for begin, end in spans)
    ]
    for item in inside:
        if _same_value(item, claim) and _same_place(item, claim.path):
            wanted = "negated" if claim.negated else "asserted"
            if item.status == wanted:
                return None
    for item in inside:
        if (
            _plain(item.value) == _plain(claim.value)
            and _same_leaf(item, claim.path)
            and item.status != ("negated" if claim.negated else "asserted")
        ):
            return f"the words are {item.status}, not a wish"
        if (
            _plain(item.value) == _plain(claim.value)
            and _same_leaf(item, claim.path)
            and not _same_place(item, claim.path)
        ):
            return "the words state it of another service or environment"
    if claim.negated:
        return "the words do not say that it is unwanted"
    return _stated_otherwise(claim, row, text, spans, inside)


def _stated_otherwise(
    claim: Claim, row: FieldInfo, text: str, spans: list[tuple[int, int]], inside: list[Mention]
) -> str | None:
    """Words that our rules do not bind, but that state the value plainly."""
    doc = document(text)
    for begin, end in spans:
        first = next((i for i, token in enumerate(doc.tokens) if token.start >= begin), len(doc.tokens))
        last = next((i for i in range(first, len(doc.tokens)) if doc.tokens[i].end > end), len(doc.tokens))
        if row.pattern in ("application", "services.<name>.name", "services.<name>.kind"):
            if _named(claim, row, text, first, last):
                return None
        elif row.type in _LITERAL and row.pattern not in ("services.<name>.schedule",):
            if (
                _literally(claim.value, text[begin:end])
                and _said_of_field(doc, claim, row, _asserted(text, claim.value, first, last))
                and not _taken(inside, claim)
            ):
                return None
        elif row.type in _UNITS and row.pattern in _CUES:
            unit, factor = _UNITS[row.type]
            number = any(
                item.unit == unit
                and isinstance(claim.value, int | float)
                and item.value == claim.value * factor
                and set(doc.status[item.first : item.last]) == {"asserted"}
                and _cued(doc, item.first, first, last, _CUES[row.pattern])
                for item in quantities(doc, first, last)
            )
            if number and not _taken(inside, claim):
                return None
    return "the quoted words do not state this value"


def _named(claim: Claim, row: FieldInfo, text: str, first: int, last: int) -> bool:
    for item in names(text):
        if first <= item.first and item.last <= last and item.status == "asserted":
            if row.pattern == "services.<name>.kind":
                if item.kind == claim.value and claim.path.split(".")[1] in (item.name, ALL):
                    return True
            elif item.name == claim.value and (row.pattern == "application" or claim.path.split(".")[1] == item.name):
                return True
    if row.pattern == "services.<name>.kind":
        doc = document(text)
        return any(
            ROLES.get(doc.lower(i)) == claim.value and doc.status[i] == "asserted" for i in range(first, last)
        ) and _alone(claim, text)
    return False


def _alone(claim: Claim, text: str) -> bool:
    """A kind said of no name in particular is that of the only service."""
    return (
        len({item.name for item in names(text) if item.status == "asserted"}) <= 1 and claim.path.split(".")[1] == ALL
    )


def _literally(value: Value, quote: str) -> bool:
    parts = [str(item) for item in value] if isinstance(value, tuple) else [str(value)]
    return all(_bounded(quote, part) for part in parts)


def _bounded(quote: str, part: str) -> bool:
    """Whether `part` stands in the quote as a whole, not as a piece of a longer word."""
    place = quote.find(part)
    while place >= 0:
        before, after = quote[place - 1 : place], quote[place + len(part) : place + len(part) + 1]
        if not (before.isalnum() or before in ("-", "_", "/", ".") and before) and not (
            after.isalnum() or after in ("-", "_", "/", ":", "@") and after
        ):
            return True
        place = quote.find(part, place + 1)
    return False


def _asserted(text: str, value: Value, first: int, last: int) -> list[int]:
    """The tokens of the quote that are the value's, if all of them are wanted."""
    doc = document(text)
    parts = [str(item).lower() for item in value] if isinstance(value, tuple) else [str(value).lower()]
    places = [
        i
        for i in range(first, last)
        if any(
            doc.lower(i) in part or part in doc.lower(i) for part in parts if len(doc.lower(i)) > 1 or len(part) == 1
        )
    ]
    return places if all(doc.status[i] == "asserted" for i in places) else []


def _said_of_field(doc: Document, claim: Claim, row: FieldInfo, places: list[int]) -> bool:
    """Whether a sentence that holds the value also says which field it is of: any word of a request is somebody's name."""
    name = claim.path.rpartition(".")[2].lower()
    if row.type in ("env_value", "secret_key"):
        return any(_mentioned(doc, place, name) for place in places)
    if row.type == "image" and isinstance(claim.value, str) and "/" in claim.value and {":", "@"} & set(claim.value):
        return bool(places)  # no other thing is written so
    cues = _SAID.get(row.pattern, "")
    return any(_cued(doc, place, 0, len(doc.tokens), cues) for place in places)


def _mentioned(doc: Document, place: int, name: str) -> bool:
    sentence = doc.sentence(place)
    return any(doc.lower(index) == name for index in range(sentence.first, sentence.last))


def _cued(doc: Document, place: int, first: int, last: int, cues: str) -> bool:
    """Whether a word of the field stands in the same sentence, and within the quote."""
    sentence = doc.sentence(place)
    words = doc.words(max(first, sentence.first), min(last, sentence.last))
    return any(word.startswith(cue) for word in words for cue in cues.split())


def _taken(inside: list[Mention], claim: Claim) -> bool:
    """Whether the same words state the value for another field: a health port is not a serving port."""
    return any(_plain(item.value) == _plain(claim.value) and not _same_leaf(item, claim.path) for item in inside)


def _same_value(item: Mention, claim: Claim) -> bool:
    if _no_scaling(claim):
        return item.field == "service.no_autoscaling"
    if claim.path == "toolchain.monitors" and isinstance(claim.value, tuple):
        return claim.value == (item.value,)
    return _plain(item.value) == _plain(claim.value)


def _no_scaling(claim: Claim) -> bool:
    return claim.negated and claim.path.endswith(".max_replicas") and claim.value == 0


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return tuple(
            float(part) if isinstance(part, int | float) and not isinstance(part, bool) else part for part in value
        )
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _same_leaf(item: Mention, path: str) -> bool:
    """Whether a mention speaks of the path's field, whatever service or environment it is bound to."""
    head, _, leaf = item.field.partition(".")
    if head in ("service", "environment"):
        if leaf == "no_autoscaling":
            return path.endswith(".max_replicas")
        parts = path.split(".")
        return len(parts) >= 3 and ".".join(parts[2:]) == leaf or len(parts) == 4 and parts[2] == leaf
    if head == "smoke":
        return path.startswith("smoke_tests.")
    if head in ("dependencies", "environments"):
        mine, other = item.field.split("."), path.split(".")
        return len(mine) == len(other) and (mine[0], mine[2]) == (other[0], other[2])
    return item.field == path


def _same_place(item: Mention, path: str) -> bool:
    """Whether the mention is bound to the path's service and environment; one bound to all of them fits each."""
    stated = path_of(item)
    if stated is None:
        return False
    if stated == path:
        return True
    mine, other = stated.split("."), path.split(".")
    if mine[0] == "services" and other[0] == "environments" and len(other) == 4:  # said of all, claimed of one
        return False
    if len(mine) != len(other):
        return False
    return all(a in (b, ALL) for a, b in zip(mine, other, strict=True))


def _unknown_name(claim: Claim, text: str) -> str | None:
    """A service, dependency or environment that the request does not know is an invention."""
    parts = claim.path.split(".")
    if parts[0] in ("services", "smoke_tests") and parts[1] != ALL:
        wanted = [parts[1]]
    elif parts[0] == "environments" and len(parts) == 4 and parts[2] != "env" and parts[3] != ALL:
        wanted = [parts[3]]
    else:
        return None
    spaced = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    spaced += spaced.replace("front end", "frontend").replace("back end", "backend")
    return (
        None
        if all(name.replace("-", " ") in spaced for name in wanted)
        else f"the request does not speak of {wanted[0]!r}"
    )


def _occurrences(text: str, quote: str) -> Iterator[tuple[int, int]]:
    place = text.find(quote)
    count = 0
    while place >= 0 and count < 20:
        yield place, place + len(quote)
        place = text.find(quote, place + 1)
        count += 1


def _start(text: str, item: Mention) -> int:
    return document(text).tokens[item.first].start


def _end(text: str, item: Mention) -> int:
    return document(text).tokens[item.last - 1].end


def _in_answer(claim: Claim, answers: Sequence[Answer]) -> str | None:
    from hug_agents.reading.answers import value_of

    name = claim.source.removeprefix("answer:")
    given = [answer for answer in answers if answer.id == name]
    if not given:
        return "there is no such answer"
    if name != claim.path:
        return "the answer was given to another question"
    if claim.quote not in given[-1].value:
        return "the quoted words do not stand in the answer"
    parsed = value_of(claim.path, given[-1].value)
    return (
        None
        if parsed.reason is None and _plain(parsed.value) == _plain(claim.value)
        else "the answer does not state this value"
    )


_LEAVES = {"start_command": "command"}


def _in_repository(claim: Claim, facts: RepositoryFacts | None) -> str | None:
    if facts is None:
        return "there is no repository"
    for path, fact in _of_repository(facts):
        there = path == claim.path and f"{fact.file}:{fact.line}" == claim.source and claim.quote in fact.quote
        if there and _plain(_fact_value(fact.value)) == _plain(claim.value):
            return None
    return "the repository does not say this at that place"


def _of_repository(facts: RepositoryFacts) -> Iterator[tuple[str, Fact]]:
    """Each fact with the one path that it may state: a repository speaks of its own parts, and of nothing else."""
    for fact in facts.facts:
        yield fact.path, fact
    for component in facts.components:
        for fact in component.facts:
            yield f"services.{component.name}.{_LEAVES.get(fact.path, fact.path)}", fact


def _fact_value(value: bool | int | str) -> Value:
    if isinstance(value, str) and value.startswith("["):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        return tuple(str(item) for item in parsed) if isinstance(parsed, list) else value
    return value
