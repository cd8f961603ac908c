"""A list of parts: lines that each open with a name and say what it is. `- ingest: background worker, 4 replicas`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from hug_agents.reading.document import Clause, Document
from hug_agents.reading.naming_words import APPLICATION, BARE, COMMON, NAME, NOT_NAMES, OTHER_THINGS, ROLES
from hug_agents.reading.rules_images import image_name, images
from hug_agents.reading.rules_services import Named, make, of_another_thing, plain

_OPENS = frozenset(": ( = - \u2013 \u2014 -> =>".split())
_SAYS = {
    **dict.fromkeys("port listens serves :".split(), "port"),
    **dict.fromkeys("replica replicas instance instances pod pods copy copies task tasks".split(), "copies"),
    **dict.fromkeys("health healthz liveness readiness".split(), "health"),
    **dict.fromkeys("command runs cron schedule every nightly hourly daily".split(), "command"),
    **dict.fromkeys("worker consumer job cronjob api frontend backend web ui webapp".split(), "role"),
    **dict.fromkeys("public internal".split(), "public"),
    **dict.fromkeys("core cores vcpu vcpus cpu cpus memory ram".split(), "size"),
    **dict.fromkeys("mondays tuesdays wednesdays thursdays fridays saturdays sundays weekdays".split(), "command"),
}
_MARKS = frozenset("` \" ' * \u201c \u201d".split())
_LABELS = frozenset(
    "type kind description purpose priority requester contact title summary what why who when where how usage example "
    "todo fyi ps note notes remark remarks comment comments question questions answer answers sizing size".split()
)


@lru_cache(maxsize=64)
def part_lines(doc: Document) -> dict[int, tuple[int, int]]:
    """The lines of such lists: the first token of the sentence, and the token of its name with the one after it."""
    pictures = {item.first: image_name(str(item.value)) for item in images(doc)}
    lines: dict[int, tuple[int, int]] = {}
    run: list[tuple[int, tuple[int, int]]] = []
    for sentence in (*doc.sentences, None):
        name = _opener(doc, sentence, pictures) if sentence else None
        if sentence and name:
            run.append((sentence.first, name))
            continue
        if len(run) > 1 and len({doc.lower(name[0]) for _, name in run}) == len(run):
            lines |= dict(run)
        run = []
    return lines


def parts(doc: Document) -> Iterator[Named]:
    """The names that open the lines, each with the kind that its line tells."""
    for first, (name, last) in part_lines(doc).items():
        sentence = doc.sentence(first)
        kinds = {ROLES[word] for word in doc.words(last, sentence.last) if ROLES.get(word) in ("worker", "job")}
        kind = kinds.pop() if len(kinds) == 1 else ROLES.get(doc.lower(name).rpartition("-")[2])
        yield Named(doc.lower(name).replace("_", "-"), kind, name, last, doc.status_of(name, last))


def headed(doc: Document) -> Iterator[Named]:
    """`Deployment of "meter" (three parts):` above such a list: the whole that they make up."""
    lines = part_lines(doc)
    number = min((doc.sentence_of[first] for first in lines), default=0) - 1
    for sentence in doc.sentences[: max(number + 1, 0)]:  # `App: petalo`, and its parts below
        place = sentence.first + 2
        if doc.lower(sentence.first) in APPLICATION and doc.lower(place - 1) == ":" and plain(doc, place):
            yield from make(doc, doc.lower(place), None, place, place + 1, True)
    if number < 0 or doc.lower(doc.sentences[number].last - 1) != ":":
        return
    above = doc.sentences[number]
    listed = {doc.lower(name) for name, _ in lines.values()}
    said = [
        place for place in range(above.first, above.last)
        if plain(doc, place) and ("-" in doc.lower(place) or doc.lower(place - 1) in _MARKS)
        and doc.lower(place) not in NOT_NAMES | COMMON | listed and place + 1 < above.last
        and not of_another_thing(doc, place)
    ]  # fmt: skip
    if len({doc.lower(place) for place in said}) == 1:
        yield Named(doc.lower(said[0]), None, said[0], said[0] + 1, doc.status[said[0]], application=True)


def _opener(doc: Document, sentence: Clause, pictures: dict[int, str]) -> tuple[int, int] | None:
    place = sentence.first
    place += doc.lower(place) in _MARKS
    word = doc.lower(place).replace("_", "-")
    after = place + 1
    after += doc.lower(after) in _MARKS
    if sentence.quoted or sentence.question or not plain(doc, place) or doc.lower(after) not in _OPENS:
        return None
    if word in _LABELS | OTHER_THINGS or word in NOT_NAMES | COMMON and word not in BARE or not NAME.match(word):
        return None
    said = {_SAYS[one] for one in doc.words(after + 1, sentence.last) if one in _SAYS}
    pictured = {pictures[index] for index in range(after, sentence.last) if index in pictures}
    if pictured & set(doc.words(after, sentence.last)) - {word}:
        return None  # `- Priya: scheduler is ghcr.io/a/scheduler:1`, where somebody speaks
    return (place, place + 1) if pictured or len(said) > 1 else None
