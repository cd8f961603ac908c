"""Text of a repository made fit to repeat: printable, short, and without credentials."""

from __future__ import annotations

import math
import re
from collections import Counter

MARK = "[redacted]"
LINE_LIMIT = 4_096
"""Characters of a line that are looked at; every pattern below is linear in it."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAMED = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key"
    r"|encryption[_-]?key|credential|authorization|bearer|client[_-]?secret|dsn)"
)
_USERINFO = re.compile(r"(://)[^/\s@\"']{1,512}@")
_ASSIGNED = re.compile(
    rf"""(?ix) ( {_NAMED} [\w.-]{{0,40}} (?: ["']? \s{{0,4}} (?: => | := | = | : (?!//) ) | ["'] \s{{0,4}} , )
    \s{{0,4}} ) (?: \\{{0,4}}"[^"]{{1,512}}" | \\{{0,4}}'[^']{{1,512}}' | (?! [$\[{{(] ) [^\s"',;)]{{1,512}} )"""
)
_OPTION = re.compile(rf"(?i)(--?[\w-]{{0,40}}{_NAMED}[\w-]{{0,40}}\s{{1,4}})(?![$-])[^\s]{{1,512}}")
_SHAPED = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}|xox[abprs]-[\w-]{10,255}"
    r"|sk[-_][\w-]{16,255}|AIza[\w-]{30,64}|npm_[A-Za-z0-9]{30,64}|hf_[A-Za-z0-9]{30,64}|SG\.[\w-]{16,64}\.[\w-]{16,64}"
    r"|eyJ[\w-]{10,1024}\.[\w-]{10,1024}(?:\.[\w-]{0,1024})?|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.{0,4096}"
)
_DENSE = re.compile(r"(?<![\w+/=@:-])[A-Za-z0-9+/=_-]{32,1024}(?![\w+/=-])")
_QUOTES = ('"', "'", "`")


def clean(text: str) -> str:
    """Printable and encodable: control characters become spaces, lone surrogates question marks."""
    return _UNPRINTABLE.sub(" ", text).encode("utf-8", "replace").decode("utf-8").strip()


def redact(text: str) -> str:
    """The text with everything that looks like a credential replaced by a mark."""
    text = _SHAPED.sub(MARK, text[:LINE_LIMIT])
    text = _USERINFO.sub(rf"\1{MARK}@", text)
    text = _ASSIGNED.sub(rf"\1{MARK}", text)
    text = _OPTION.sub(rf"\1{MARK}", text)
    return _DENSE.sub(lambda match: MARK if _dense(match.group()) else match.group(), text)


def holds_credential(text: str) -> bool:
    """Whether `redact` would change the text."""
    return redact(text) != text


def quote(line: str, *, around: str = "", limit: int = 300) -> str:
    """The line as it may be repeated; a long one is cut so that `around` stays in it."""
    text = redact(clean(line))
    if len(text) <= limit:
        return text
    found = max(text.find(around), 0) if around else 0
    start = max(0, min(found - limit // 3, len(text) - limit))
    return text[start : start + limit].strip()


def quote_name(line: str, name: str) -> str:
    """A line that sets or reads a variable: what leads to the name and the name, never a value before or after it."""
    text = clean(line)[:LINE_LIMIT]
    head, found, tail = text.partition(name)
    if not found:
        return quote(text)
    opening = head[-1:] if head[-1:] in _QUOTES else ""
    lead = head.removesuffix(opening) if opening else head
    lead = lead[max(lead.rfind(mark) for mark in _QUOTES) + 1 :]
    closing = tail[:1] if opening and tail[:1] == opening else ""
    rest = MARK if tail.removeprefix(closing).strip("()[]{};,. ") else tail.removeprefix(closing)
    return quote(f"{lead}{opening}{name}{closing}{rest}", around=name)


def _dense(text: str) -> bool:
    """Random rather than written: many different characters, digits among them, no words joined by / or -."""
    if not any(char.isdigit() for char in text) or not any(char.isalpha() for char in text):
        return False
    length = len(text)
    entropy = -sum(n / length * math.log2(n / length) for n in Counter(text).values())
    if all(char in "0123456789abcdefABCDEF" for char in text):
        return entropy > 2.8
    return entropy > 4.2 and any(c.isupper() for c in text) and any(c.islower() for c in text)
