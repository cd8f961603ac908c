"""A text taken apart once: tokens, sentences, the status of every token. Pure, and cached by the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Generic, TypeVar

from hug_agents.reading.claims import Value
from hug_agents.reading.forms import plain_lines
from hug_agents.reading.others import of_others, worked_for
from hug_agents.reading.quoted import quoted
from hug_agents.reading.scope import Status, statuses
from hug_agents.reading.sentences import Sentence, sentences
from hug_agents.reading.tokens import Token, tokenize

Payload = TypeVar("Payload")

_SHORT = 5
_FOREIGN = frozenset(
    "de merci danke gracias nur und auf mit nicht bitte kein keine der das f\u00fcr ist wir auch von zum eine "
    "einen einer im ohne sollen soll muss dem den werden wird \u00fcber nach bei le la les des du sur avec pas et "
    "sans une dans est pour nous que qui aux ne il faut sont doit el los las con por para una del y en sin "
    "desplegar ejecutar non il lo gli con della di per che sono una het een niet op voor met zijn wij geen".split()
)
_ENGLISH = frozenset(
    "the a an and on in to with for of is are it we our no not should must at by from as be put deploy run use "
    "please has needs this that two three one every each".split()
)
_INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|skip|disable|circumvent|drop)\s+(?:\w+\s+){0,3}?(?:rules?|instructions?|"
    r"prompts?|polic(?:y|ies)|checks?|gates?|approvals?|reviews?|guardrails?|validations?|checkpoints?|governance)\b"
    r"|\bapprove\s+(?:everything|all|it\s+(?:yourself|automatically))|\byou\s+are\s+now\b|\bact\s+as\s+(?:an?\s+)?(?:admin|root|system)"
    r"|\b(?:system|developer)\s+prompt\b|\bauto-?approve\b|\bmark\s+(?:it|this|everything|all\s+\w+)\s+as\s+(?:approved|passed|validated)"
    r"|\bpretend\b|\bjailbreak\b|\bwithout\s+(?:any\s+)?(?:approvals?|review)\b|\bdo\s+not\s+ask\b.{0,40}\bapprov",
    re.I,
)


_OPTION = re.compile(r"(?<!\S)--?[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Mention:
    """Something of one type that the text speaks of: a candidate for a claim, wanted or not.

    `first` and `last` are the token span of the value, `begin` and `end` the characters that state it. `field` is the
    path's leaf for a service (`service.port`) or an environment (`environment.region`), or a whole path.
    """

    field: str
    value: Value
    first: int
    last: int
    begin: int
    end: int
    status: Status
    service: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence by its tokens: `tokens[first:last]`."""

    first: int
    last: int
    span: Sentence
    foreign: bool
    injected: bool
    question: bool
    quoted: bool = False


class Document:
    """A text and everything that is known about its words before any rule looks at it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: tuple[Token, ...] = _inside(tokenize(plain_lines(text)), sentences(text))
        self.sentences: tuple[Clause, ...] = tuple(self._answered(list(self._sentences())))
        status: list[Status] = ["asserted"] * len(self.tokens)
        ours = worked_for(text)
        self.sentence_of: list[int] = [0] * len(self.tokens)
        for number, sentence in enumerate(self.sentences):
            part = self.tokens[sentence.first : sentence.last]
            doubtful = sentence.question or sentence.foreign or sentence.injected or sentence.quoted
            status[sentence.first : sentence.last] = statuses(part, question=doubtful, ours=ours)
            self.sentence_of[sentence.first : sentence.last] = [number] * len(part)
        self.status: tuple[Status, ...] = tuple(status)

    def _sentences(self) -> Iterator[Clause]:
        place = 0
        shown = quoted(self.text)
        spans = sentences(self.text)
        others = of_others(self.text, spans)
        for number, span in enumerate(spans):
            while place < len(self.tokens) and self.tokens[place].start < span.start:
                place += 1
            first = place
            while place < len(self.tokens) and self.tokens[place].start < span.end:
                place += 1
            if place > first:
                words = [token.lower for token in self.tokens[first:place]]
                text = self.text[span.start : span.end]
                doubtful = _asks(words) or _cited(self.text, span.start) or number in others
                inside = any(start <= span.start < end for start, end in shown)
                yield Clause(first, place, span, _foreign(words), bool(_INJECTION.search(text)), doubtful, inside)

    def _answered(self, found: list[Clause]) -> Iterator[Clause]:
        """`Blue-green?` and `yes please` after it: a short question with a yes is a wish."""
        for number, one in enumerate(found):
            reply = self.words(found[number + 1].first, found[number + 1].last)[:9] if number + 1 < len(found) else ()
            asked, said = _spoken(self.words(one.first, one.last)), _spoken(reply)
            short = len(asked) <= _SHORT and "or" not in asked
            yes = said[:1] in (("yes",), ("yep",), ("yeah",)) and "but" not in said
            yield replace(one, question=False) if one.question and short and yes else one

    def lower(self, index: int) -> str:
        """The normalised token at `index`; empty outside the text."""
        return self.tokens[index].lower if 0 <= index < len(self.tokens) else ""

    def raw(self, first: int, last: int) -> str:
        """The text from token `first` up to and without token `last`."""
        return self.text[self.tokens[first].start : self.tokens[last - 1].end]

    def words(self, first: int, last: int) -> tuple[str, ...]:
        """The normalised tokens of a span, clipped to the text."""
        return tuple(token.lower for token in self.tokens[max(first, 0) : max(last, 0)])

    def sentence(self, index: int) -> Clause:
        """The sentence of a token."""
        return self.sentences[self.sentence_of[index]]

    def asked(self, index: int) -> tuple[str, ...]:
        """The words of the short question that stands just before the sentence of a token, which may answer it."""
        number = self.sentence_of[index]
        before = self.sentences[number - 1] if number else None
        words = self.words(before.first, before.last) if before else ()
        return words if words[-1:] == ("?",) and len(words) <= 5 * _SHORT else ()

    def status_of(self, first: int, last: int) -> Status:
        """The status of a span: that of its words if they agree, else uncertain."""
        found = set(self.status[first:last])
        return found.pop() if len(found) == 1 else "uncertain"

    def mention(
        self,
        field: str,
        value: Value,
        first: int,
        last: int,
        *,
        since: int | None = None,
        until: int | None = None,
        status: Status | None = None,
        service: str | None = None,
        environment: str | None = None,
    ) -> Mention:
        """A mention of `value` by the tokens from `first` to `last`; `since` and `until` widen its quote."""
        begin = self.tokens[min(first, since if since is not None else first)].start
        end = self.tokens[min(max(last, until or 0), len(self.tokens)) - 1].end
        return Mention(
            field, value, first, last, begin, end, status or self.status_of(first, last), service, environment
        )  # fmt: skip

    @cached_property
    def in_commands(self) -> frozenset[int]:
        """The tokens of commands between backticks or quotes: `celery -A shop worker`."""
        found: set[int] = set()
        for start, end in self.code_spans:
            if " " in self.text[start:end].strip() and (self.text[end] == "`" or _OPTION.search(self.text, start, end)):
                found |= {place for place, token in enumerate(self.tokens) if start <= token.start < end}
        return frozenset(found)

    @cached_property
    def code_spans(self) -> tuple[tuple[int, int], ...]:
        """Spans in backticks or double quotes on one line, without the marks."""
        found = re.finditer(r"`([^`\n]{1,300})`|\"([^\"\n]{1,300})\"", self.text)
        return tuple(match.span(1) if match.group(1) is not None else match.span(2) for match in found)


@lru_cache(maxsize=64)
def document(text: str) -> Document:
    """The text taken apart."""
    return Document(text)


class Phrases(Generic[Payload]):
    """A table of phrases, found in the tokens of a document, longest first."""

    def __init__(self, table: Mapping[str, Payload]) -> None:
        self._table: dict[str, list[tuple[tuple[str, ...], Payload]]] = {}
        for phrase, payload in table.items():
            words = tuple(token.lower for token in tokenize(phrase))
            self._table.setdefault(words[0], []).append((words, payload))
        for rows in self._table.values():
            rows.sort(key=lambda row: -len(row[0]))

    def at(self, doc: Document, index: int) -> tuple[int, Payload] | None:
        """The longest phrase that starts at a token: where it ends, and what it stands for."""
        for words, payload in self._table.get(doc.lower(index), ()):
            end = index + len(words)
            if doc.words(index, end) == words and doc.sentence_of[index] == doc.sentence_of[end - 1]:
                return end, payload
        return None

    def find(self, doc: Document, first: int = 0, last: int | None = None) -> Iterator[tuple[int, int, Payload]]:
        """Every phrase of a token span, none inside another."""
        index = first
        limit = len(doc.tokens) if last is None else last
        while index < limit:
            if (hit := self.at(doc, index)) and hit[0] <= limit:
                yield index, hit[0], hit[1]
                index = hit[0]
            else:
                index += 1


def _inside(tokens: tuple[Token, ...], spans: tuple[Sentence, ...]) -> tuple[Token, ...]:
    """The tokens of sentences; bullets and lone punctuation between them are left out."""
    kept: list[Token] = []
    place = 0
    for token in tokens:
        while place < len(spans) and spans[place].end <= token.start:
            place += 1
        if place < len(spans) and spans[place].start <= token.start:
            kept.append(token)
    return tuple(kept)


def _foreign(words: list[str]) -> bool:
    strange = {word for word in words if word in _FOREIGN}
    english = sum(word in _ENGLISH for word in words)
    return len(strange) >= 2 and sum(word in _FOREIGN for word in words) > english


def _spoken(words: tuple[str, ...]) -> tuple[str, ...]:
    """A line of a conversation without `[09:02] Priya:`."""
    return words[words.index(":") + 1 :] if words[:1] == ("[",) and ":" in words else words


def _cited(text: str, start: int) -> bool:
    """A line that begins with `>` is what somebody wrote earlier, in a mail that is answered here."""
    line = text.rfind("\n", 0, start) + 1
    return text[line:start].lstrip().startswith(">") or text[line : line + 4].lstrip().startswith("> ")


def _asks(words: list[str]) -> bool:
    """Whether a sentence asks for an opinion; `can you deploy ...?` asks for a deed, and is a request."""
    if "?" not in words[-3:]:
        return False
    return not any(
        (words[index], words[index + 1]) in _POLITE for index in range(min(len(words) - 1, 12))
    ) and words[0] not in ("please", "pls")  # fmt: skip


_POLITE = frozenset(
    {(modal, "you") for modal in ("can", "could", "would", "will")}
    | {("can", "u"), ("could", "u")}
    | {(modal, who) for modal in ("can", "could", "would") for who in ("someone", "somebody", "anyone", "anybody")}
    | {("please", "deploy"), ("can", "we"), ("could", "we"), ("can", "i"), ("could", "i")}
)
