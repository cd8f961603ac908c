"""One file as text: decoded, with line ends made alike, so that a line number means the same to every reader."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cached_property

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Source:
    """A text file of the repository; `path` is relative to the root."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Its lines without their ends."""
        return self.text.split("\n")

    def line(self, number: int) -> str:
        """A line by its number from 1; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def find(self, needle: str, *, start: int = 1, within: int = 20_000) -> int:
        """The first line from `start`, of the next `within`, that holds the needle; `start` if none does."""
        for number in range(start, min(len(self.lines), start + within) + 1):
            if needle in self.lines[number - 1]:
                return number
        return start

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rsplit("/", 1)[-1]


def decode(data: bytes) -> str | None:
    """The text of a file, by its byte order mark, as UTF-8, else as Latin-1; None for a binary file."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                text = data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                return None
            break
    else:
        if b"\0" in data:
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if "\0" in text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
