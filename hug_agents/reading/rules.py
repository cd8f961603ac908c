"""The offline reader: rules that turn a request into claims, each with the words that make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hug_agents.reading.binding import path_of
from hug_agents.reading.claims import Claim, Question, Reading, Unmet, field
from hug_agents.reading.document import Mention, document
from hug_agents.reading.mentions import mentions, names
from hug_agents.reading.placing import ALL
from hug_agents.reading.redact import redact
from hug_agents.reading.rules_config import secret_names
from hug_agents.reading.rules_disputes import to_settle
from hug_agents.reading.rules_open import left_open
from hug_agents.reading.rules_toolchain import clusters_to_make, unsupported
from hug_agents.reading.shapes import misshapen
from hug_agents.request import Answer

_MOST_CLAIMS = 120


def read(text: str, facts_summary: str = "", answers: Sequence[Answer] = ()) -> Reading:
    """What a request states. Never raises; nothing uncertain becomes a claim.

    Answers and repository facts are laid over the result by `assemble`; the rules read the request alone.
    """
    del facts_summary, answers
    clean = redact(text).text
    claims: dict[tuple[str, str], Claim] = {}
    for claim in (*_name_claims(clean), *_mention_claims(clean)):
        claims.setdefault((claim.path, repr((claim.value, claim.negated))), claim)
    found = tuple(claims.values())
    unmet = [*_unmet(clean)]
    if len(found) > _MOST_CLAIMS:
        unmet.insert(0, Unmet(quote="", reason=f"the request states more than {_MOST_CLAIMS} values; ask in parts"))
    return Reading(
        claims=found[:_MOST_CLAIMS],
        questions=(*_questions(clean), *_keyless(clean), *_open(clean), *_disputes(clean))[:40],
        unmet=tuple(unmet[:80]),
    )


def _name_claims(text: str) -> Iterator[Claim]:
    doc = document(text)
    services = list(
        dict.fromkeys(item.name for item in names(text) if item.status == "asserted" and not item.application)
    )
    for item in names(text):
        if item.status != "asserted":
            continue
        quote = doc.raw(item.first, item.last)
        if item.application:
            yield Claim(path="application", value=item.name, quote=quote)
            if not services:
                yield Claim(path=f"services.{item.name}.name", value=item.name, quote=quote)
            continue
        yield Claim(path=f"services.{item.name}.name", value=item.name, quote=quote)
        if item.kind:
            yield Claim(path=f"services.{item.name}.kind", value=item.kind, quote=quote)


def _mention_claims(text: str) -> Iterator[Claim]:
    doc = document(text)
    for item in mentions(text):
        path = path_of(item)
        quote = doc.text[item.begin : item.end]
        if path is None or item.status not in ("asserted", "negated") or len(quote) > 400 or len(path) > 200:
            continue
        value = 0 if item.field == "service.no_autoscaling" else item.value
        if path == "toolchain.monitors":
            value = (str(value),)
        if isinstance(value, str) and len(value) > 500:
            continue
        row = field(path)
        if row is None or item.field != "service.no_autoscaling" and misshapen(row, path, value):
            continue
        yield Claim(path=path, value=value, quote=quote, negated=item.status == "negated")


def _questions(text: str) -> Iterator[Question]:
    doc = document(text)
    seen: set[str] = set()
    for item in mentions(text):
        if item.status != "asserted" or item.field in seen:
            continue
        quote = doc.text[item.begin : item.end]
        if item.field == "number.window":
            yield Question(
                id="windows",
                text="When may production be changed? Days, hours and time zone, please.",
                options=("mon,tue,wed,thu 09:00-17:00 UTC",),
                why=f"the request says: {quote[:300]}",
            )
        elif item.field == "number.schedule":
            yield Question(
                id=f"services.{_job(text) or ALL}.schedule",
                text="At which time does the job run? A cron expression of five fields, in UTC.",
                options=("0 3 * * *",),
                why=f"the request says: {quote[:300]}",
            )
        else:
            continue
        seen.add(item.field)


def _open(text: str) -> Iterator[Question]:
    doc = document(text)
    stated = {path for item in mentions(text) if item.status == "asserted" and (path := path_of(item))}
    for item in left_open(doc):
        head, leaf = item.path.partition(".")[0], item.path.rpartition(".")[2]
        one = ".*." not in item.path
        if not any(
            path == item.path or not one and path.startswith(head) and path.endswith(f".{leaf}") for path in stated
        ):
            yield Question(
                id=item.path, text=item.text, why=f"the request says: {doc.raw(item.first, item.last)[:300]}"
            )


def _disputes(text: str) -> Iterator[Question]:
    doc = document(text)
    for path, asked, options, item in to_settle(doc, mentions(text)):
        span = doc.sentence(item.first).span
        yield Question(
            id=path, text=asked, options=options, why=f"the request says: {doc.text[span.start : span.end][:300]}"
        )


def _keyless(text: str) -> Iterator[Question]:
    """`DB_PASSWORD comes from Vault`: a secret by its name, and nobody says under which key it lies."""
    doc = document(text)
    known = {item.field.rpartition(".")[2] for item in mentions(text) if ".secrets." in item.field}
    services = {item.name for item in names(text) if item.status == "asserted" and not item.application}
    service = services.pop() if len(services) == 1 else None
    for name, sentence in secret_names(doc):
        if name not in known:
            key = f"{service or 'app'}/{name.lower().replace('_', '-')}"
            yield Question(
                id=f"services.{service or ALL}.secrets.{name}",
                text=f"Under which key does the secret store hold {name}?",
                options=(key,),
                why=f"the request says: {doc.raw(sentence.first, sentence.last)[:300]}",
            )


def _job(text: str) -> str | None:
    jobs = {item.name for item in names(text) if item.kind == "job" and item.status == "asserted"}
    return jobs.pop() if len(jobs) == 1 else None


def _unmet(text: str) -> Iterator[Unmet]:
    doc = document(text)
    for first, last, family, name in unsupported(doc):
        reason = (
            f"{name} is not something that this version writes"
            if family != "dependency"
            else f"{name} is not among the backing services that this version writes"
        )
        yield Unmet(quote=doc.raw(first, last)[:400], reason=reason)
    for first, last in clusters_to_make(doc):
        yield Unmet(quote=doc.raw(first, last)[:400], reason=_NO_CLUSTER)
    for item in mentions(text):
        path = path_of(item)
        row = field(path) if path else None
        if item.status == "asserted" and path and row and item.field != "service.no_autoscaling":
            value = (str(item.value),) if path == "toolchain.monitors" else item.value
            if problem := misshapen(row, path, value):
                yield Unmet(quote=doc.text[item.begin : item.end][:400], reason=problem[:300])
        if item.status == "asserted" and item.field in _REASONS:
            yield Unmet(quote=doc.text[item.begin : item.end][:400], reason=_REASONS[item.field])
        elif item.status == "asserted" and item.field.startswith("service.") and item.service is None:
            yield Unmet(quote=doc.text[item.begin : item.end][:400], reason=_unbound(item))


_NO_CLUSTER = "a cluster is not made: the bundle deploys to one that exists, and which has to be named"


def _unbound(item: Mention) -> str:
    return f"it is not clear which service this {item.field.partition('.')[2].replace('_', ' ')} belongs to"


_REASONS = {
    "number.latency_without_percentile": "a latency objective needs its percentile, e.g. p99 under 300 ms",
    "number.latency_trigger": "a latency trigger is judged at the 99th percentile; this one names another",
    "number.separate_job": "a job beside a web service needs a name of its own, e.g. `a job called cleanup`; it is not written",
    "number.storage": "the size of a disk is carried for databases only, in whole GiB",
    "dependency.storage_gib": "it is not clear which database this storage is for",
}
