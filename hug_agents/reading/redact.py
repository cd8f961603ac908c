"""Secrets that someone wrote into a request are taken out before anything reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hug_agents.request import Request

MARK = "[redacted]"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key",
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,8000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?")),
    ("a password in a URL", re.compile(r"(?<=://)[^\s:/@]{0,100}:([^\s@/]{1,200})(?=@)")),
    ("an AWS key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a token", re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,80}|github_pat_[A-Za-z0-9_]{20,100}|glpat-[A-Za-z0-9_-]{15,60}"
        r"|xox[abprs]-[A-Za-z0-9-]{10,100}|sk[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{12,150}"
        r"|AIza[A-Za-z0-9_-]{30,50}|eyJ[A-Za-z0-9_-]{10,500}\.[A-Za-z0-9_-]{5,1000}(?:\.[A-Za-z0-9_-]{0,500})?)"
    )),
    ("a secret value", re.compile(r"(?i)\b(?:pw|pass|pin)\s{0,2}[:=]\s{0,2}[`'\"]?([^\s`'\",;]{3,200})")),
    (
        "a secret value",
        re.compile(
            r"(?i)\b(?:[a-z0-9_-]{0,60}(?:password|passwd|passphrase|pwd|secret[_ -]?key|secret|api[_ -]?key|"
            r"access[_ -]?key|auth[_ -]?token|access[_ -]?token|token|credentials?)[a-z0-9_]{0,20})[`'\"]?\s{0,3}"
            r"(?:=|:|\bis\b|\bto\b|\bof\b)\s{0,3}[`'\"]?([^\s`'\",;]{3,200})"
        ),
    ),
)  # fmt: skip
_NO_SECRET = re.compile(
    r"(?i)(?:in|stored|kept|from|the|a|an|our|at|by|not|needed|required|managed|rotated|read|taken|under|held|available|provided|"
    r"called|named|manager|secrets?|vault|ssm|aws|be|use|it|this|that|empty|set|come|comes|for|on|as|also|there|already|injected|"
    r"passed|shared|inside|via|through|referenced|mounted|living|lives|only|always|never|secretsmanager|kubernetes|external|true|false|null|none|yes|no|\[redacted\])[.!?]?\Z"
)
_SECRET_WORDS = frozenset("password passwd secret token key credential credentials apikey pwd dsn private auth".split())
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_REFERENCE = re.compile(r"[a-z0-9-]+(?:/[a-z0-9._-]+)+\Z")


_ELSEWHERE = re.compile(
    r"""\$\{|[\[{(*]|(?:var|local|module|data|each|self|(?:aws|random|kubernetes)_[a-z0-9_]+)\.[a-z_]"""
)
"""How a value of code begins that says where the secret stands: an expression, a reference, a structure."""
_OF_ANOTHER = re.compile(
    r"(?:Ref|Refs|Name|Names|_arn|_arns|_id|_ids|_name|_names|_policy)[`'\"]?\s{0,3}[:=]\s{0,3}[`'\"]?\Z"
)
"""A key of code whose value only names a secret."""


def secret_like(name: str) -> bool:
    """Whether a variable's name says that its value is secret."""
    return any(part in _SECRET_WORDS for part in name.lower().split("_"))


def _listed(words: str) -> bool:
    """`Secrets: NAME ...` lists names; `password: NAME` gives one away."""
    return words.lower().startswith("secrets")


_KEY = re.compile(r"\s+(?:(?:from|in|at|is|as|[-=]>|<-|[\u2192=(])\s*)?[a-z0-9-]+/")
_TAG = re.compile(r"v?\d+(?:\.\d+){1,3}(?:-[a-z0-9.]{1,20})?[.]?\Z")
_IMAGE_PATH = re.compile(r"[a-z0-9.-]+(?:[:/][a-z0-9._-]+)*/[a-z0-9._-]*:\Z")


def _tagged(match: re.Match[str], group: int) -> bool:
    """`image alps/ski-pass:7.1`: the tag of an image whose name ends like a secret's."""
    before = match.string[max(match.start(group) - 200, 0) : match.start(group)].split()
    attached = bool(before) and not match.string[match.start(group) - 1].isspace()
    return attached and bool(_TAG.match(match.group(group))) and bool(_IMAGE_PATH.match(before[-1]))


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text without its secrets, and what kinds were found."""

    text: str
    found: tuple[str, ...]


def redact_code(text: str) -> Redacted:
    """`redact` for files of code, in which most words for secrets say where one is kept."""
    return redact(text, code=True)


def redact(text: str, *, code: bool = False) -> Redacted:
    """Replace literal secrets by a mark. Idempotent."""
    found: list[str] = []
    for kind, pattern in _PATTERNS:

        def replaced(match: re.Match[str], kind: str = kind) -> str:
            following = match.string[match.end(1 if match.re.groups else 0) :][:80]
            group = 1 if match.re.groups else 0
            value = match.group(group)
            if _tagged(match, group):
                return match.group()
            name = value.rstrip(":=")
            given = _KEY.match(following) or secret_like(name) and name == value
            listed = (
                _listed(match.group()) or bool(_KEY.match(following)) and match.group().lower().startswith("secret:")
            )
            if listed and _VARIABLE.match(name) and given:
                return match.group()  # `Secrets: DB_PASSWORD from prod/db`, `secrets: DB_PASSWORD, CACHE_TOKEN`
            before = match.group()[: match.start(group) - match.start()]
            if code and group and (_ELSEWHERE.match(value) or _OF_ANOTHER.search(before)):
                return match.group()
            if value.startswith("[redacted") or group and (_NO_SECRET.match(value) or _REFERENCE.match(value)):
                return match.group()
            found.append(kind)
            begin, end = match.span(group)
            return match.group()[: begin - match.start()] + MARK + match.group()[end - match.start() :]

        text = pattern.sub(replaced, text)
    return Redacted(text, tuple(dict.fromkeys(found)))


def clean_request(request: Request) -> Request:
    """The request as it may be kept: secrets in its text and its answers are taken out, and their kinds noted."""
    text = redact(request.text)
    answers = [(item, redact(item.value)) for item in request.answers]
    found = (*request.redacted, *text.found, *(kind for _, answer in answers for kind in answer.found))
    return request.model_copy(
        update={
            "text": text.text,
            "answers": tuple(item.model_copy(update={"value": answer.text}) for item, answer in answers),
            "redacted": tuple(dict.fromkeys(found)),
        }
    )
