"""What says of a service that it is a worker or a web app, and names none: `mailer, a queue consumer`."""

from __future__ import annotations

from dataclasses import replace

from hug_agents.reading.document import Document
from hug_agents.reading.naming_words import ADJECTIVES
from hug_agents.reading.rules_parts import part_lines
from hug_agents.reading.rules_services import Named


def predicate(doc: Document, item: Named, found: dict[int, Named]) -> bool:
    """`mailer, a queue consumer`, `it's a nightly job`: says what something is, and names nothing."""
    place = item.first - 1
    while (
        doc.lower(place) in ADJECTIVES
        and doc.lower(place) not in ("a", "an", "the", "our")
        or doc.lower(place) in ("queue", "event", "async")
    ):
        place -= 1
    before = doc.lower(place - 1)
    opener = doc.sentence(item.first).first
    if _introduces(doc, item, place, found):
        return True
    if opener in part_lines(doc) and item.first > opener + 2 and doc.lower(place) not in ("the", "our", "my"):
        return True  # `ingest: background worker, 4 replicas`
    flanked = doc.lower(item.first - 1) == "," and doc.lower(item.last) in (",", ".", ";", ")")
    if flanked and _bracketed(doc, item.first):
        return True  # `mailer (acme/mailer:1, worker)`
    ends = item.last >= doc.sentence(item.first).last and doc.lower(item.first - 1) == ","
    label = doc.lower(place - 1) if doc.lower(place) in (":", "=") else ""
    if label in ("type", "kind", "is", "role", "category", "class", "workload"):
        return True  # `type: worker`
    if (flanked or ends) and opener in found and doc.lower(found[opener].last) in (":", "("):
        return True  # `mailer: acme/mailer:1, worker, 1 replica`
    if doc.lower(place) in ("the", "our", "my") and before in ("is", "it's", "that's"):
        return True
    if doc.lower(place) not in ("a", "an") or place <= doc.sentence(item.first).first:
        return False
    if before in ("it's", "is") or before == "as":
        return True
    if before not in (",", "\u2014", "\u2013", "-", "("):
        return False
    named_before = next((one for one in found.values() if one.last == place - 1), None)
    if before == "(" or _bracketed(doc, place):
        return True
    following = doc.words(item.last, item.last + 3)
    return named_before is not None and not (
        following[:1] == ("and",) or following[:1] == (",",) and "and" in following
    )


def _introduces(doc: Document, item: Named, article: int, found: dict[int, Named]) -> bool:
    """`a cron job in Kubernetes: ledger-close, ...`, `what we want for stock-sync: a worker`: a name beside a colon."""
    if doc.lower(article) not in ("a", "an", "one"):
        return False
    if doc.lower(article - 1) == ":" and any(one.last == article - 1 for one in found.values()):
        return True
    end = min(item.last + 6, doc.sentence(item.first).last)
    colon = next((place for place in range(item.last, end) if doc.lower(place) in (":", ",", ".", "and")), 0)
    return doc.lower(colon) == ":" and colon + 1 in found if colon else False


def _bracketed(doc: Document, index: int) -> bool:
    for place in range(index - 1, max(index - 12, doc.sentence(index).first), -1):
        if doc.lower(place) in ("(", ")"):
            return doc.lower(place) == "("
    return False


def said_of(doc: Document, predicates: dict[int, Named], found: dict[int, Named]) -> list[Named]:
    """What a predicate says, as another mention of the name before it: `mailer, a queue consumer`."""
    said: list[Named] = []
    for item in predicates.values():
        before = [one for one in found.values() if one.last <= item.first and one.status == "asserted"]
        later = [one for one in found.values() if item.last < one.first < item.last + 8 and one.status == "asserted"]
        if not before and later and doc.lower(later[0].first - 1) == ":":
            before = later[:1]  # `a cron job in Kubernetes: ledger-close`
        if before:
            latest = max(before, key=lambda one: one.first)
            said.append(replace(item, name=latest.name, sure=False, application=latest.application))
    return said
