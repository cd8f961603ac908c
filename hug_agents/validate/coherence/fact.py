"""What a file says about something that other files speak of too.

A system adds its facts with one function, `facts(files: Facts) -> Iterable[Fact]`, which yields a row for each name that it
can read. What it cannot read it leaves out: an absent fact is no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from hug_agents.validate.policy.facts import Facts

Kind = Literal[
    "port", "path", "metric", "service", "environment", "secret", "variable", "image", "audience", "subject", "output"
]
"""`port` and `path` are a service's, `secret` is a key in the secret store, `variable` is what a container is given;
`audience` and `subject` are what a pipeline's token says to AWS, by the place; `output` is of the infrastructure."""
Role = Literal["defines", "refers", "lists"]
"""defines: it is so because this file says so · refers: somebody has to define it · lists: the file (or the files of its
`group`) is about every one that is defined, so none may be missing."""


@dataclass(frozen=True)
class Fact:
    """One thing that one line says."""

    kind: Kind
    value: str
    role: Role
    file: str
    line: int = 1
    subject: str = ""
    """The service that it is about; empty: any of them."""
    group: str = ""
    """For `lists`: what the rows are counted together by, such as the pipelines of one system."""


Read = Callable[[Facts], Iterable[Fact]]
