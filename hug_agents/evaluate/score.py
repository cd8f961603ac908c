"""A spec against the truth of its request: each value right, missing, wrong or invented, and whether its words were there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from hug_agents.evaluate.suite import RequestCase
from hug_agents.evaluate.values import Stated, plain, values
from hug_agents.spec import DeploymentSpec, Line, Model

Outcome = Literal["right", "missing", "wrong", "invented"]
"""right: as the request says · missing: assumed, left out, or asked though it is stated · wrong: another value ·
invented: a value said to be stated that the request does not state."""
_IMPLIED = re.compile(r"application|services\.[^.]+\.kind|environments\.[^.]+\.(role|cloud)")
"""What follows from other words: judged only where a case lists it."""


class FieldScore(Model):
    """One value and how it was judged."""

    path: Line
    outcome: Outcome
    expected: Any = None
    found: Any = None
    quote: str = Field("", description="the words that are said to state it")
    forged: bool = Field(False, description="those words are not in the request")

    @property
    def wrong_with_evidence(self) -> bool:
        """It stands in the spec with a source, and the source does not say so."""
        return self.forged or (bool(self.quote) and self.outcome in ("wrong", "invented"))


class Questions(Model):
    """What was asked in the first round, against what had to be."""

    right: tuple[Line, ...] = Field((), description="asked, and had to be")
    missing: tuple[Line, ...] = Field((), description="had to be asked, and something was taken for it")
    extra: tuple[Line, ...] = Field((), description="asked, though the request says it or it does not matter")


def score_fields(case: RequestCase, spec: DeploymentSpec | None) -> tuple[FieldScore, ...]:
    """Every expected value, then every value with evidence that the case does not expect. None: nothing was made."""
    table = values(spec) if spec else {}
    stated = {path: item for path, item in table.items() if item.evidence.kind in ("request", "repository")}
    scores = [_expected(key, value, table, case) for key, value in case.expect.items()]
    listed = [*case.expect, *case.ask, *case.allow]
    for path, item in stated.items():
        if not _IMPLIED.fullmatch(path) and not _covered(path, listed):
            scores.append(_judged(path, "invented", None, item, case))
    if spec:
        scores += _strangers(spec, case)
    return tuple(scores)


def score_questions(case: RequestCase, asked: Iterable[str]) -> Questions:
    """The ids of the first round against those of the case."""
    ids = list(asked)
    right = [wanted for wanted in case.ask if any(matches(wanted, item) for item in ids)]
    return Questions(
        right=tuple(right),
        missing=tuple(wanted for wanted in case.ask if wanted not in right),
        extra=tuple(item for item in ids if not any(matches(wanted, item) for wanted in case.ask)),
    )


def matches(pattern: str, path: str) -> bool:
    """Whether a path, or an id with `*`, is one of a pattern's."""
    made = "|".join(re.escape(part).replace(r"\*", r"[^.]+") for part in pattern.split("|"))
    return re.fullmatch(made, path) is not None


def _expected(pattern: str, wanted: Any, table: Mapping[str, Stated], case: RequestCase) -> FieldScore:
    """All that is at the paths of a pattern; the worst of it counts."""
    found = [(path, item) for path, item in table.items() if matches(pattern, path)] or [
        (path, item) for path, item in table.items() if _everywhere(pattern, path)
    ]
    if wanted is None:
        stood = [(path, item) for path, item in found if item.value is not None]
        if stood:
            return _judged(stood[0][0], "wrong" if _sourced(stood[0][1]) else "missing", wanted, stood[0][1], case)
        return FieldScore(path=pattern, outcome="right")
    for path, item in found:
        if not _equal(item.value, wanted):
            return _judged(path, "wrong" if _sourced(item) else "missing", wanted, item, case)
    if not found:
        return FieldScore(path=pattern, outcome="missing", expected=wanted)
    path, item = next(((path, item) for path, item in found if not _read(item)), found[0])
    return _judged(path, "right" if _read(item) else "missing", wanted, item, case)


def _sourced(item: Stated) -> bool:
    return item.evidence.kind in ("request", "repository")


def _read(item: Stated) -> bool:
    """Read from the words, or right by default: not asked for though it is stated."""
    return item.evidence.kind != "answer"


def _judged(path: str, outcome: Outcome, wanted: Any, item: Stated, case: RequestCase) -> FieldScore:
    quote = item.evidence.quote if _sourced(item) else ""
    forged = item.evidence.kind == "request" and _words(quote) not in _words(case.request)
    return FieldScore(path=path, outcome=outcome, expected=wanted, found=item.value, quote=quote, forged=forged)


def _strangers(spec: DeploymentSpec, case: RequestCase) -> list[FieldScore]:
    """Services and environments that the case does not know."""
    found = []
    known = [path for path in (*case.expect, *case.ask, *case.allow) if path.startswith("services.")]
    for service in spec.services:
        if known and not any(matches(path, f"services.{service.name}.{part.split('.', 2)[2]}")
                             for path in known for part in path.split("|")):  # fmt: skip
            row = spec.evidence_for(f"services.{service.name}.name")
            found.append(
                FieldScore(path=f"services.{service.name}", outcome="invented", found=service.name, quote=row.quote)
            )
    places = {
        part.split(".")[1] for path in case.expect for part in path.split("|") if path.startswith("environments.")
    }
    for place in spec.environments:
        if place.name not in (*places, "staging", "production"):
            row = spec.evidence_for(f"environments.{place.name}.role")
            found.append(
                FieldScore(path=f"environments.{place.name}", outcome="invented", found=place.name, quote=row.quote)
            )
    return found


def _covered(path: str, patterns: Iterable[str]) -> bool:
    return any(matches(pattern, path) or _everywhere(pattern, path) for pattern in patterns)


def _everywhere(pattern: str, path: str) -> bool:
    """`services.api.replicas` holds for `environments.staging.replicas.api` where the environment does not differ."""
    parts = pattern.split(".")
    return len(parts) == 4 and parts[0] == "environments" and path == f"services.{parts[3]}.{parts[2]}"


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and "|" in wanted:
        return any(_equal(value, float(part) if part.isdigit() else part) for part in wanted.split("|"))
    if isinstance(wanted, list) and isinstance(value, list) and all(isinstance(item, str) for item in wanted):
        return value == wanted or sorted(map(str, value)) == sorted(wanted)
    return bool(value == plain(wanted))


def _words(text: str) -> str:
    return " ".join(text.split()).lower()
