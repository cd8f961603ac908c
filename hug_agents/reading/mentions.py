"""Every typed mention of a text, bound to its service and environment. Cached: the evidence check asks again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from hug_agents.reading import (
    rules_by_place,
    rules_commands,
    rules_config,
    rules_dependencies,
    rules_exposure,
    rules_images,
    rules_objectives,
    rules_owners,
    rules_paths,
    rules_places,
    rules_ports,
    rules_replicas,
    rules_resources,
    rules_strategy,
    rules_surge,
    rules_tables,
    rules_time,
    rules_toolchain,
    rules_windows,
)
from hug_agents.reading.binding import bind, whole
from hug_agents.reading.document import Clause, Document, Mention, document
from hug_agents.reading.rules_corrections import corrected, settled
from hug_agents.reading.rules_disputes import disputed
from hug_agents.reading.rules_names import named
from hug_agents.reading.rules_services import Named

Finder = Callable[[Document], Iterable[Mention]]
FINDERS: tuple[Finder, ...] = (
    rules_toolchain.systems, rules_toolchain.clouds, rules_toolchain.strategies,
    rules_toolchain.unwatched,
    rules_places.environments, rules_places.regions, rules_places.accounts, rules_places.named_places,
    rules_places.domains, rules_by_place.by_place, rules_by_place.by_alias, rules_by_place.by_stem,
    rules_ports.ports, rules_paths.paths,
    rules_exposure.exposure, rules_exposure.elliptic, rules_exposure.serves_nothing,
    rules_images.images, rules_images.repositories, rules_images.versions, rules_images.labelled_versions,
    rules_images.stated_versions, rules_images.registries,
    rules_strategy.steps, rules_strategy.ratios, rules_surge.keep_old, rules_surge.surge,
    rules_objectives.objectives, rules_windows.drills, rules_objectives.window_days,
    rules_replicas.replicas, rules_resources.resources, rules_resources.elliptic,
    rules_dependencies.dependencies,
    rules_config.variables, rules_config.secrets, rules_config.languages, rules_config.dockerfiles,
    rules_commands.commands,
    rules_config.contexts, rules_owners.owners,
    rules_time.schedules, rules_windows.windows,
    rules_tables.tables, rules_exposure.unreachable,
)  # fmt: skip


@lru_cache(maxsize=64)
def names(text: str) -> tuple[Named, ...]:
    """The names of services and applications in a text."""
    doc = document(text)
    found = named(doc)
    return whole(doc, found, _bound(text, found))


@lru_cache(maxsize=64)
def mentions(text: str) -> tuple[Mention, ...]:
    """All mentions in the order of the text, bound."""
    doc = document(text)
    said = _corrected(doc, corrected(doc, _separate_jobs(doc, _bound(text, names(text)), names(text))))
    return disputed(doc, settled(doc, said))


@lru_cache(maxsize=64)
def _found(text: str) -> tuple[Mention, ...]:
    doc = document(text)
    found = [item for finder in FINDERS for item in finder(doc)]
    found = [_dependency(doc, item, found) for item in found if not _inside_a_variable(doc, item)]
    return tuple(sorted(found, key=lambda item: (item.first, item.last, item.field)))


def _inside_a_variable(doc: Document, item: Mention) -> bool:
    """`GOMEMLIMIT=350MiB`: what a variable is set to is nothing of the service's own, but for its port."""
    begin = doc.tokens[item.first].start
    sizes = item.field.startswith(
        ("service.memory", "service.cpu", "service.replicas", "dependency.", "objectives.", "strategy.")
    )
    return sizes and bool(_SET.search(doc.text, max(begin - 60, 0), begin))


_SET = re.compile(r"(?<![\w$])[A-Z][A-Z0-9_]{2,58}=[\"']?\Z")


def _bound(text: str, given: tuple[Named, ...]) -> tuple[Mention, ...]:
    doc = document(text)
    return rules_tables.place(doc, bind(doc, _found(text), given), given)


def _separate_jobs(doc: Document, bound: tuple[Mention, ...], given: tuple[Named, ...]) -> tuple[Mention, ...]:
    """`A nightly job at 02:30 runs "manage.py clearsessions"` beside a web service: a job that nobody named."""
    if any(item.kind == "job" and item.status == "asserted" and item.sure for item in given):
        return bound
    serving = {item.service for item in bound if item.field == "service.port" and item.status == "asserted"}
    apart = {
        doc.sentence_of[item.first]
        for item in bound
        if item.field == "service.schedule"
        and (item.service is None or item.service in serving)
        or item.field == "number.schedule"
        and serving
    }
    return tuple(
        replace(item, field="number.separate_job", begin=span.start, end=span.end)
        if doc.sentence_of[item.first] in apart and item.field in ("service.schedule", "number.schedule")
        else item
        for item in bound
        if not (doc.sentence_of[item.first] in apart and item.field in ("service.command", "service.kind"))
        for span in (doc.sentence(item.first).span,)
    )


_EDITS = frozenset("correction edit update erratum amendment".split())
_CORRECTIONS = _EDITS | frozenset("actually sorry wait scratch oops".split())


def _corrected(doc: Document, bound: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """`Correction: the port is 8010`: what was said of the same thing before does not hold any more."""
    later = {
        (item.field, item.service, item.environment): item.first
        for item in bound
        if item.status == "asserted" and _corrects(doc, doc.sentence(item.first))
    }
    return tuple(
        replace(item, status="past")
        if item.status == "asserted"
        and (key := (item.field, item.service, item.environment)) in later
        and doc.sentence(item.first).last <= doc.sentence(later[key]).first
        else item
        for item in bound
    )


def _corrects(doc: Document, sentence: Clause) -> bool:
    """A sentence that opens with `Correction`, or one of the paragraph that opens with `EDIT: ...`."""
    number, gap = doc.sentence_of[sentence.first], doc.text.rfind("\n\n", 0, sentence.span.start)
    while number and gap >= 0 and doc.sentences[number - 1].span.start > gap:
        number -= 1
    opener = doc.sentences[number].first
    title = doc.words(opener + 1, opener + 4)  # `EDIT 14:10:`, and not `Update strategy:`
    when = title[: title.index(":")] if ":" in title else ("",)
    edited = gap >= 0 and doc.lower(opener) in _EDITS and all(any(c.isdigit() for c in word) for word in when)
    return edited or doc.lower(sentence.first) in _CORRECTIONS


def _dependency(doc: Document, item: Mention, found: list[Mention]) -> Mention:
    """Storage belongs to the database of its sentence, if there is one only."""
    if item.field != "dependency.storage_gib":
        return item
    sentence = doc.sentence(item.first)
    near = [one for one in found if sentence.first <= one.first < sentence.last and one.field.endswith(".kind")]
    kinds = {one.field for one in near if one.value in ("postgres", "mysql")}
    return replace(item, field=f"{kinds.pop().removesuffix('.kind')}.storage_gib") if len(kinds) == 1 else item
