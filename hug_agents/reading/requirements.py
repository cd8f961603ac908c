"""The requirements table: every sentence of the request, and what became of it. Nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hug_agents.plans import Requirement
from hug_agents.reading.binding import path_of
from hug_agents.reading.board import Board
from hug_agents.reading.claims import Claim, Unmet
from hug_agents.reading.document import Clause, Document, Mention, document
from hug_agents.reading.mentions import mentions
from hug_agents.reading.spec_tools import Refused
from hug_agents.spec import CONTROL

_SMALL = frozenset(
    """
    lot a an the and or but so then also please pls thanks thank you hi hello hey dear team all folks we i it its us our
    my me your this that these those there here is are be been being am was were will would should shall must can
    could may might do does did has have had having to of in on at by for with from into onto as if when while than
    over under up out off per via each every one two three four five both just only simply need needs needed want
    wants wanted like get gets got make makes made sure let lets let's let us be want run runs running deploy
    deploys deployed deploying deployment put ship host launch move moved use uses used using go goes serve serves
    listen listens listening expose exposes exposed called named name service services app application environment
    environments region cluster namespace account port ports image replica replicas pod pods instance instances task
    tasks container containers traffic percent % release releases version new old strategy rollout users them they
    their which who what where how not no don't doesn't never without instead rather keep it's we'd i'd i'm we're
    that's respectively set setup , . ; : ! ? ( ) [ ] - -- \u2014 \u2013 / \\ ' " ` * # + = > < -> => \u2192 & | ~ @
    e.g i.e etc would like currently now later today back path endpoint check checks health under above below at
    least most max min minimum maximum memory ram cpu gb mb between after before until within first second third
    finally start starts starting begin end step steps hold holds everyone automatically by itself itself back roll
    rollback alert alerts page notify errors error rate latency availability uptime slo objective target database
    cache queue bucket store key variable env secret job worker api frontend backend web weekdays time there already
    existing exist exists public production staging prod dev stateless written build built code repo repository
    platform stack system following requirements details notes note ok okay follows such thing things some any more
    other same cloud aws infrastructure pipeline pipelines ci cd ci/cd monitoring manifests registry branch main
    owned owner handles work works long time times give given well good nice great possible best regards cheers kind
    people someone everything safely quickly images come comes repo's thx pls fancy description title priority details
    push img
    """.split()
)
_MANY = 3
"""Words of a met part that nothing covers, before it is said that it is met in part only."""
_GREETING = frozenset(
    "hi hello hey dear thanks thank cheers regards greetings please morning afternoon best kind".split()
)
_OPENING = frozenset("hi hello hey dear morning evening".split())
_TICKET = frozenset("ticket priority reporter assignee severity sprint epic status type subject".split())
_CLOSING = frozenset("cheers regards thanks thank best kind greetings sincerely ciao".split())


class Verdict(NamedTuple):
    """What became of some words of the request."""

    text: str
    status: str
    fields: tuple[str, ...] = ()
    reason: str = ""


ONLY_SHOWN = "quoted material is data: what is wanted has to be said outside of it"
"""The reason of what a request shows and does not say: no agent is given it as a wish."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges parts of a sentence by what was read, understood and refused."""

    doc: Document
    claims: Sequence[Claim]
    unmet: Sequence[Unmet]
    board: Board
    refused: Sequence[Refused]
    carried: Sequence[Mention] = ()
    """What the text states and the spec has, although the reader claimed it elsewhere or a file says so."""

    def part(self, first: int, last: int) -> list[Verdict]:
        """The verdicts on one part: met, and beside it what of it is not."""
        text = self.doc.raw(first, last)
        covered: set[int] = set()
        fields: list[str] = []
        problems = list(self._problems(text))
        for claim in self.claims:
            inside = self._inside(claim.quote, first, last) if claim.source == "request" else []
            if not inside:
                continue
            covered.update(inside)
            if fate := self._fate(claim):
                problems.append(Verdict(claim.quote, "unmet", (), fate))
            elif not any(claim.quote in problem.text for problem in problems):
                fields.extend(_targets(self.board, claim))
        for item in self.carried:
            if inside := [i for i in range(first, last) if item.first <= i < item.last]:
                covered.update(self._inside(self.doc.text[item.begin : item.end], first, last) or inside)
                if not any(self.doc.raw(item.first, item.last) in problem.text for problem in problems):
                    fields.extend(_carriers(self.board, item))
        secrets = {index: self._secret(self.doc.raw(index, index + 1)) for index in range(first, last)}
        covered.update(index for index, targets in secrets.items() if targets)
        fields.extend(target for targets in secrets.values() for target in targets)
        for problem in problems:
            covered.update(self._inside(problem.text, first, last))
        left = list(_content(self.doc, first, last, covered))
        if not fields:
            if not problems:
                return [self._unread(first, last, text, left)]
            verdicts = _distinct(text, problems)
            return [*verdicts, _in_part(text, left)] if left and len(verdicts) > 1 else verdicts
        verdicts = [Verdict(text, "met", tuple(dict.fromkeys(fields))), *problems]
        if (len(left) >= _MANY or any(_is_data(word) for word in left)) and not problems:
            verdicts.append(_in_part(text, left))
        return verdicts

    def _secret(self, name: str) -> tuple[str, ...]:
        """The paths of a secret that is named in the words, and whose key was answered."""
        return tuple(sorted(self.board.used.get(f"services.*.secrets.{name}", ())))

    def _problems(self, text: str) -> Iterator[Verdict]:
        for item in self.refused:
            if item.quote and item.quote in text:
                yield Verdict(item.quote, "refused", (), item.reason)
        for row in self.unmet:
            if row.quote and row.quote in text:
                yield Verdict(row.quote, "unmet", (), row.reason)
        for quote, reason in self.board.unmet.items():
            if quote in text:
                yield Verdict(quote, "unmet", (), reason)

    def _fate(self, claim: Claim) -> str:
        """Why a claim that holds is not in the spec; empty if it is, or still may be."""
        if claim.path in self.board.overruled:
            return f"given way: {self.board.overruled[claim.path]}"
        return "" if _used(self.board, claim) else "understood, and no part of the spec could take it"

    def _inside(self, quote: str, first: int, last: int) -> list[int]:
        """The tokens of a part that stand in the quote."""
        begin, end = self.doc.tokens[first].start, self.doc.tokens[last - 1].end
        found: list[int] = []
        for start in _places(self.doc.text, quote, begin, end):
            stop = start + len(quote)
            found.extend(
                i for i in range(first, last) if self.doc.tokens[i].start < stop and self.doc.tokens[i].end > start
            )
        return found

    def _unread(self, first: int, last: int, text: str, left: list[str]) -> Verdict:
        """A part that states nothing: small talk, history, a plan for later, or a wish that nothing carries."""
        statuses = set(self.doc.status[first:last])
        if all(word in _GREETING for word in left) or self._civil(first, last):
            return Verdict(text, "context")
        if "past" in statuses:
            return Verdict(text, "context", (), "it speaks of the past")
        if "hypothetical" in statuses:
            return Verdict(text, "context", (), "it speaks of a possibility, not of a wish")
        return Verdict(text, "unmet", (), "no field of the spec carries this")

    def _civil(self, first: int, last: int) -> bool:
        """`Hi Dana,`, `thanks for the call`, `Subject: go-live`, and the name below `Cheers`."""
        words = self.doc.words(first, last)
        named = sum(any(char.isalnum() for char in word) for word in words)
        before = self.doc.sentences[max(self.doc.sentence_of[first] - 1, 0)]
        signed = self.doc.lower(before.first) in _CLOSING and before.first < first and before.last - before.first <= 4
        if named and (words[-1] == ":" and named <= 4 or words[0] in _TICKET and words[1:2] == (":",)):
            return True  # a heading, and what a ticket says of itself
        opened = words[0] in _OPENING and named <= 4 or words[0] in ("thanks", "thank")
        return opened or signed and named <= 3


def requirements(
    text: str, claims: Sequence[Claim], unmet: Sequence[Unmet], board: Board, refused: Sequence[Refused]
) -> tuple[Requirement, ...]:
    """One row a sentence, or one a part of it where its parts fare differently."""
    doc = document(text)
    carried = [item for item in mentions(text) if item.status == "asserted" and _carriers(board, item)]
    judge = Judge(doc, claims, unmet, board, refused, carried)
    rows = [row for sentence in doc.sentences for row in _sentence(judge, sentence)]
    return tuple(_row(f"R{number}", verdict) for number, verdict in enumerate(rows, 1))


def _carriers(board: Board, item: Mention) -> tuple[str, ...]:
    """The settled paths that hold what a mention states, whichever source settled them."""
    path = path_of(item)
    if path is None:
        return ()
    wanted = path.split(".")
    found: set[str] = set()
    for stated, targets in board.used.items():
        parts = stated.split(".")
        fits = len(parts) == len(wanted) and all(a == b or "*" in (a, b) for a, b in zip(parts, wanted, strict=True))
        if fits and any(_same(row.value, item.value) for row in board.candidates.get(stated, ())):
            found |= targets
    return tuple(sorted(found))


def _same(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other or one.rpartition("/")[2] == other
    return one == other


def _row(id: str, verdict: Verdict) -> Requirement:
    clean = CONTROL.sub(" ", verdict.text)
    reason = " ".join(CONTROL.sub(" ", verdict.reason).split())
    return Requirement.model_validate(
        {"id": id, "text": clean[:10_000], "status": verdict.status, "fields": verdict.fields, "reason": reason[:2000]}
    )


def _sentence(judge: Judge, sentence: Clause) -> list[Verdict]:
    text = judge.doc.text[sentence.span.start : sentence.span.end]
    if sentence.injected:
        return [Verdict(text, "context", (), "an instruction to the tool is data, and is not followed")]
    if sentence.quoted:
        stated = any(
            path_of(item) and sentence.first <= item.first < sentence.last for item in mentions(judge.doc.text)
        )
        return [Verdict(text, "unmet" if stated else "context", (), ONLY_SHOWN)]
    if sentence.foreign:
        return [Verdict(text, "unmet", (), "this is not English; only English is read by the rules")]
    judged = [verdict for part in _parts(judge.doc, sentence) for verdict in judge.part(*part)]
    statuses = {verdict.status for verdict in judged}
    if statuses <= {"met", "context"}:
        fields = tuple(dict.fromkeys(name for verdict in judged for name in verdict.fields))
        reason = next((verdict.reason for verdict in judged if verdict.reason), "nothing is asked for")
        return [Verdict(text, "met", fields) if fields else Verdict(text, "context", (), reason)]
    if len({(verdict.status, verdict.reason) for verdict in judged if verdict.status != "context"}) == 1:
        bad = next(verdict for verdict in judged if verdict.status != "context")
        return [bad._replace(text=text)]
    return [verdict._replace(text=_trimmed(verdict.text)) for verdict in judged]


def _trimmed(text: str) -> str:
    """A part without the joints around it, and without half a pair of brackets."""
    text = text.lstrip(",;&\u2014 ").removeprefix("and ").removeprefix("but ")
    if text.count(")") > text.count("("):
        text = text.rstrip().removesuffix(")")
    if text.count("(") > text.count(")") and text.startswith("("):
        text = text[1:]
    return text


def _is_data(word: str) -> bool:
    """Whether one word alone is worth a line: a number, a path, a name with digits or dots."""
    return any(char.isdigit() or char in "./_:@" for char in word) and len(word) > 1


def _in_part(text: str, left: Sequence[str]) -> Verdict:
    return Verdict(text, "unmet", (), f"in part: nothing carries {' '.join(left[:12])!r}")


def _distinct(text: str, problems: list[Verdict]) -> list[Verdict]:
    """One row a reason; a single one speaks of the whole part."""
    distinct = list({(problem.status, problem.reason): problem for problem in problems}.values())
    return [distinct[0]._replace(text=text)] if len(distinct) == 1 else distinct


def _parts(doc: Document, sentence: Clause) -> Iterator[tuple[int, int]]:
    """The sentence cut at commas, `and`, `but`; a cut that leaves only small words joins its neighbour."""
    cuts = [sentence.first]
    for index in range(sentence.first + 1, sentence.last - 1):
        if doc.lower(index) in (",", "and", "but", ";", "plus", "\u2014") and index > cuts[-1]:
            cuts.append(index)
    parts = [(cut, cuts[number + 1] if number + 1 < len(cuts) else sentence.last) for number, cut in enumerate(cuts)]
    merged: list[tuple[int, int]] = []
    for part in parts:
        if merged and not _content(doc, *part, set()):
            merged[-1] = (merged[-1][0], part[1])
        else:
            merged.append(part)
    yield from merged


def _content(doc: Document, first: int, last: int, covered: set[int]) -> list[str]:
    """The words of a part that mean something and that nothing covers."""
    words = [doc.lower(index) for index in range(first, last) if index not in covered]
    return [word for word in words if word not in _SMALL and any(char.isalnum() for char in word)]


def _places(text: str, quote: str, begin: int, end: int) -> Iterator[int]:
    limit = end + len(quote)
    place = text.find(quote, max(0, begin - len(quote)), limit)
    while 0 <= place < end:
        if place + len(quote) > begin:
            yield place
        place = text.find(quote, place + 1, limit)


def _used(board: Board, claim: Claim) -> bool:
    """Whether a claim became part of the spec; while questions are open, it still may."""
    if board.questions or claim.negated or claim.path.endswith((".name", ".kind", ".role", ".cloud")):
        return True
    key = (
        f"{claim.path}.{claim.value[0]}"
        if claim.path == "toolchain.monitors" and isinstance(claim.value, tuple) and claim.value
        else claim.path
    )
    return (
        bool(board.used.get(key))
        or claim.path in ("toolchain.monitors", "strategy.one_at_a_time", "services.*.dockerfile")
        or claim.path.startswith("services.")
        and "." in claim.path
        and any(path.startswith(claim.path) for path in board.used)
    )


def _targets(board: Board, claim: Claim) -> tuple[str, ...]:
    """The paths of the spec that a claim became."""
    path = (
        f"{claim.path}.{claim.value[0]}"
        if claim.path == "toolchain.monitors" and isinstance(claim.value, tuple) and claim.value
        else claim.path
    )
    found = sorted(board.used.get(path, ()))
    if not found and path.startswith("services.") and path.endswith(".name"):
        return (path.removesuffix(".name"),)
    return tuple(found) or (claim.path,)
