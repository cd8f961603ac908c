"""Environment variables, references to secrets, owners and languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.reading.document import Clause, Document, Mention, Phrases
from hug_agents.reading.redact import secret_like
from hug_agents.reading.vocabulary import FRAMEWORKS, LANGUAGES, PACKAGE_MANAGERS

VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z|[A-Z]{3,}\Z")
_ASSIGNED = re.compile(
    r"(?<![\w$])([A-Z][A-Z0-9_]{1,60})\s?=\s?((?:[^\s,;`\"')]|,(?![A-Z][A-Z0-9_]*=)(?=[^\s])){1,200})"
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)+\Z")
_STORE = frozenset("secrets secret manager vault ssm parameter store".split())
_FRAMEWORKS = Phrases(FRAMEWORKS)
_LANGUAGES = Phrases(LANGUAGES)
_VERSION = re.compile(r"v?(\d{1,2}(?:\.\d{1,2}){0,2})\+?\Z")


_NO_VARIABLES = frozenset("CI CD IAC CPU RAM SLO SLA NS".split())
"""`CI = GitHub Actions` says what is used; `CI=true` is a variable."""


def variables(doc: Document) -> Iterator[Mention]:
    """`LOG_LEVEL=info`, `set LOG_LEVEL to info`; never one whose name says secret."""
    starts = {token.start: index for index, token in enumerate(doc.tokens)}
    for match in _ASSIGNED.finditer(doc.text):
        index = starts.get(match.start())
        value = match.group(2).rstrip(".:!?")
        if index is None or not value or secret_like(match.group(1)) or "[redacted]" in value or value.startswith("["):
            continue
        if match.group(1) in _NO_VARIABLES and value not in ("true", "false", "1", "0"):
            continue
        last = (
            next(
                (
                    place
                    for place in range(index, len(doc.tokens))
                    if doc.tokens[place].end >= match.start(2) + len(value)
                ),
                index,
            )
            + 1
        )
        yield doc.mention(f"service.env.{match.group(1)}", value, index, last)
    yield from _listed(doc, starts)
    yield from _worded_values(doc)


_LINKS = frozenset("is are be to should must shall will can needs has have set as value of equals a the : = `".split())
_LINKED = frozenset("is are be to as equals :".split())
_ENDS = frozenset(", . ; ) and in for on by at everywhere there while but please throughout across ( `".split()) | {""}
_NO_VALUES = frozenset(
    "the a an whatever be set needed not required optional missing unset used read what where it defined given taken "
    "available new old different same there here still now also only always never secret secrets empty wrong gone".split()
)


def _worded_values(doc: Document) -> Iterator[Mention]:
    """`LOG_LEVEL should be warn`, `set CACHE_TTL to 60`; `LOG_LEVEL is required` gives it no value."""
    for index, token in enumerate(doc.tokens):
        name = doc.text[token.start : token.end]
        told = VARIABLE.match(name) and ("_" in name or _switched(doc, index))
        if not told or secret_like(name):
            continue
        last = doc.sentence(index).last
        place = index + 1 + (doc.lower(index + 1) == "`")
        while place < last and doc.lower(place) in _LINKS and place < index + 7:
            place += 1
        linked = _LINKED & set(doc.words(index + 1, place))
        if place >= last or not linked or doc.lower(place) in _NO_VALUES or doc.tokens[place].kind == "punct":
            continue
        if address := _ADDRESS.match(doc.text, doc.tokens[place].start):
            value = address[0].rstrip(".")
            until = next(
                at for at in range(place, len(doc.tokens)) if doc.tokens[at].end >= address.start() + len(value)
            )
            yield doc.mention(f"service.env.{name}", value, index, until + 1)
        elif doc.lower(place + 1) in _ENDS or place + 1 >= last:
            yield doc.mention(f"service.env.{name}", doc.raw(place, place + 1), index, place + 1)
    yield from _behind_a_colon(doc)


_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s`'\",;)]{1,300}")


def _switched(doc: Document, index: int) -> bool:
    """`DEBUG has to be false`: a word in capitals is a variable where it is switched on or off."""
    return bool({"true", "false"} & set(doc.words(index + 1, min(index + 7, doc.sentence(index).last))))


def _behind_a_colon(doc: Document) -> Iterator[Mention]:
    """`FHIR_BASE_URL is not a secret and can stay a variable: https://x.org/r4`: the one variable, and what ends it."""
    for sentence in doc.sentences:
        names = [p for p in range(sentence.first, sentence.last) if _NAMED.match(doc.raw(p, p + 1))]
        last = sentence.last - 1 - (doc.lower(sentence.last - 1) == ".")
        apart = len(names) == 1 and doc.lower(last - 1) == ":" and last - 1 > names[0] + 1
        if apart and doc.tokens[last].kind == "url" and not secret_like(doc.raw(names[0], names[0] + 1)):
            name = doc.raw(names[0], names[0] + 1)
            yield doc.mention(
                f"service.env.{name}", doc.raw(last, last + 1).rstrip("."), last, last + 1, since=names[0]
            )


_NAMED = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_BLOCK = re.compile(
    r"^[ \t]*(?:env|environment|variables):[ \t]*\n((?:[ \t]+(?:- )?[A-Z][A-Z0-9_]{0,60}:[ \t][^\n]{1,300}(?:\n|\Z))+)",
    re.M,
)
_ENTRY = re.compile(r"([A-Z][A-Z0-9_]{1,60}):[ \t]+[\"']?([^\s\"'#]{1,200})")


def _listed(doc: Document, starts: dict[int, int]) -> Iterator[Mention]:
    """`environment:` of a pasted YAML, and `KEY: value` in the lines below it."""
    for block in _BLOCK.finditer(doc.text):
        for entry in _ENTRY.finditer(doc.text, block.start(1), block.end(1)):
            index = starts.get(entry.start())
            if index is None or secret_like(entry.group(1)) or entry.group(2).startswith(("[", "$")):
                continue
            last = index + 1
            while last < len(doc.tokens) and doc.tokens[last].end <= entry.end():
                last += 1
            yield doc.mention(f"service.env.{entry.group(1)}", entry.group(2), index, last)


def secrets(doc: Document) -> Iterator[Mention]:
    """`STRIPE_KEY from payments/stripe`, `the Stripe key is in Secrets Manager as payments/stripe`."""
    headed = False
    for sentence in doc.sentences:
        words = doc.words(sentence.first, sentence.last)
        headed = _headed(doc, sentence, headed)
        listed = headed or secret_like(words[0])
        if not listed and not any(word in ("secret", "secrets", "ssm", "vault", "parameter") for word in words):
            continue
        keys = [
            p
            for p in range(sentence.first, sentence.last)
            if doc.tokens[p].kind == "word"
            and _KEY.match(doc.raw(p, p + 1))
            and doc.lower(p) not in ("ci/cd", "and/or", "blue/green")
            and ":" not in doc.lower(p)
        ]
        names = [
            p for p in range(sentence.first, sentence.last) if VARIABLE.match(doc.raw(p, p + 1)) and "_" in doc.lower(p)
        ]
        pairs = _paired(doc, keys, names)
        for name, key in pairs:
            path = f"service.secrets.{doc.raw(name, name + 1)}"
            low, high = min(name, key), max(name, key) + 1
            yield doc.mention(path, doc.raw(key, key + 1), key, key + 1, since=low, until=high)
        if pairs:
            continue
        if len(keys) == 1 and not names:
            yield from _worded(doc, sentence.first, keys[0])


def _headed(doc: Document, sentence: Clause, before: bool) -> bool:
    """Whether `Secrets (all in the store): ...` stands above, and lines of a name and a key have followed since."""
    words = doc.words(sentence.first, sentence.last)
    if words[-1:] == (":",):
        return bool({"secrets", "secret"} & set(words[:4]))
    return before and bool(VARIABLE.match(doc.raw(sentence.first, sentence.first + 1)))


_STORES = frozenset("vault secret secrets ssm secretsmanager keyvault".split())
_LIST = ("secrets", ":")
_TAKEN = frozenset("come comes from in stored kept lives live provided held sits lie lies".split())


def secret_names(doc: Document) -> Iterator[tuple[str, Clause]]:
    """`DB_PASSWORD and SECRET_KEY come from Vault`, `secrets: DB_PASSWORD`: variables whose names say secret."""
    for sentence in doc.sentences:
        words = set(doc.words(sentence.first, sentence.last))
        kept = (
            words & _STORES
            and words & _TAKEN
            or _LIST
            in zip(doc.words(sentence.first, sentence.last), doc.words(sentence.first + 1, sentence.last), strict=False)
        )
        if sentence.quoted or not kept:
            continue
        for index in range(sentence.first, sentence.last):
            name = doc.raw(index, index + 1)
            if VARIABLE.match(name) and "_" in name and secret_like(name) and doc.status[index] == "asserted":
                yield name, sentence


def _paired(doc: Document, keys: list[int], names: list[int]) -> list[tuple[int, int]]:
    """Each key with its variable: alone with it in the sentence, or in its part of the sentence."""
    if len(keys) == 1 and len(names) == 1:
        return [(names[0], keys[0])]
    pairs: list[tuple[int, int]] = []
    for key in keys:
        near = [
            name for name in names
            if not any(doc.lower(p) in (",", ";", "and") for p in range(min(name, key), max(name, key)))
        ]  # fmt: skip
        pointed = [name for name in names if name < key and set(doc.words(name + 1, key)) <= _POINTS and key > name + 1]
        if chosen := pointed[-1:] or (near if len(near) == 1 else []):
            pairs.append((chosen[0], key))
    return pairs if len({name for name, _ in pairs}) == len(pairs) else []


_POINTS = frozenset("< - <- -> => : = from in at , ( key path under is".split())


def _worded(doc: Document, start: int, key: int) -> Iterator[Mention]:
    """`the Stripe key is in ...`: the variable is made of the words that name the secret."""
    for place in range(start, key):
        if doc.lower(place) in ("key", "token", "password", "secret", "dsn", "credential") and place > start:
            before = place - 1
            parts = [doc.lower(place)]
            while (
                before >= start
                and len(parts) < 4
                and doc.tokens[before].kind == "word"
                and doc.lower(before) not in ("the", "a", "an", "our", "my", "its", "and", "is", "in", "api's")
            ):
                parts.insert(0, doc.lower(before))
                before -= 1
            name = "_".join(parts).upper().replace("-", "_")
            if len(parts) > 1 and re.fullmatch(r"[A-Z][A-Z0-9_]{1,60}", name):
                yield doc.mention(f"service.secrets.{name}", doc.raw(key, key + 1), key, key + 1, since=before + 1)
            return


def languages(doc: Document) -> Iterator[Mention]:
    """`a Python 3.12 FastAPI app`, `written in Go 1.23`."""
    for first, last, (framework, language) in _FRAMEWORKS.find(doc):
        if (
            framework in ("express", "spring", "flask")
            and doc.text[doc.tokens[first].start].islower()
            and framework != "flask"
            and last - first == 1
            and "." not in doc.lower(first)
        ):
            continue
        yield doc.mention("service.framework", framework, first, last)
        yield doc.mention("service.language", language, first, last)
    for first, last, language in _LANGUAGES.find(doc):
        word = doc.raw(first, last)
        if doc.lower(last).endswith((".py", ".js", ".jar")) or doc.lower(last) in ("-", "run", "build"):
            continue  # `python manage.py ...` is a command
        if (
            word == "go"
            or word == "Go"
            and not (
                _VERSION.match(doc.lower(last))
                or doc.lower(last) in ("service", "app", "api", "program", "binary", "backend", "worker")
                or doc.lower(first - 1) in ("in", "a", "with")
            )
        ):
            continue
        yield doc.mention("service.language", language, first, last)
        if (match := _VERSION.match(doc.lower(last))) and doc.lower(last + 1) not in (
            "replicas",
            "services",
            "instances",
            "pods",
            "workers",
            "apps",
        ):
            yield doc.mention("service.language_version", match.group(1), last, last + 1, since=first)
    for index, token in enumerate(doc.tokens):
        if token.lower in PACKAGE_MANAGERS and doc.lower(index - 1) in (
            "with",
            "using",
            "uses",
            "use",
            "by",
            "via",
            "(",
            ",",
            "and",
        ):
            yield doc.mention("service.package_manager", token.lower, index, index + 1)


_WRITES = frozenset("write generate create make need needs want add produce give".split())
_THERE = frozenset("a the has have our with from using".split())


def dockerfiles(doc: Document) -> Iterator[Mention]:
    """A path that is a Dockerfile's, else the word alone where one is there and none is to be written."""
    for index, token in enumerate(doc.tokens):
        if "dockerfile" not in token.lower:
            continue
        sentence = doc.sentence(index)
        files = [p for p in range(sentence.first, sentence.last) if _DOCKERFILE.match(doc.lower(p))]
        if index in files:
            since = next((p for p in range(sentence.first, index) if doc.lower(p) == "dockerfile"), index)
            yield doc.mention(
                "service.dockerfile", doc.raw(index, index + 1).removeprefix("./"), index, index + 1, since=since
            )
        elif token.lower == "dockerfile" and not files and doc.status[index] == "asserted":
            before = doc.words(max(index - 6, sentence.first), index)
            from_it = {"from", "with", "using"} & set(before[-3:])
            if _THERE & set(doc.words(index - 3, index)) and (from_it or not _WRITES & set(before)):
                yield doc.mention("service.dockerfile", "Dockerfile", index, index + 1)


_DOCKERFILE = re.compile(r"(?:[\w.-]+/)*(?:dockerfile\.[a-z0-9][\w-]*|[\w-]+\.dockerfile)\Z|(?:[\w.-]+/)+dockerfile\Z")
"""`docker/Dockerfile.prod`: a path that says by itself what it is."""
_FOLDERS = frozenset("folder directory subfolder subdirectory dir context dockerfile monorepo".split())


def contexts(doc: Document) -> Iterator[Mention]:
    """`the Dockerfile in services/board`, `built from the folder apps/web`: where an image is built."""
    for index, token in enumerate(doc.tokens):
        sentence = doc.sentence(index)
        near = doc.words(max(index - 6, sentence.first), min(index + 3, sentence.last))
        text = doc.raw(index, index + 1).rstrip("/").removeprefix("./").removeprefix("/")
        relative = token.kind == "word" or doc.text[max(token.start - 1, 0)] == "."
        before = doc.lower(index - 1 - (doc.lower(index - 1) in (":", "is", "=", "(")))
        repository = before in ("repo", "repository", "monorepo") and bool(re.fullmatch(r"[^/]+/[^/]+", text))
        folder = (
            relative
            and not repository
            and "/" in doc.raw(index, index + 1)
            and re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_./-]*", text)
        )
        if folder and set(near) & _FOLDERS and "image" not in near and not _DOCKERFILE.match(text.lower()):
            since = next((p for p in range(max(index - 6, sentence.first), index) if doc.lower(p) in _FOLDERS), index)
            yield doc.mention("service.context", text, index, index + 1, since=since)
