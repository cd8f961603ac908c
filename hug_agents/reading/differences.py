"""Two readings of one request, a model's and the rules': where they contradict each other a person is asked.

What only the rules read is taken too: a model that leaves something out, or was told to, changes nothing by that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hug_agents.reading.answers import value_of
from hug_agents.reading.claims import Claim, Question, Reading, Value, field
from hug_agents.reading.evidence import check
from hug_agents.request import Request
from hug_agents.spec import Model

if TYPE_CHECKING:
    from hug_agents.scan.report import RepositoryFacts

_SETS = ("toolchain.monitors",)
"""Several values hold side by side: only a wanted and an unwanted one contradict each other."""
_NAMED = ("services", "environments", "dependencies")


class Difference(Model):
    """One path that two readings give two values, each with its quote."""

    path: str
    model: Claim
    rules: Claim


class Reconciled(Model):
    """A reading without what is contradicted, with what only the rules read."""

    reading: Reading
    differences: tuple[Difference, ...] = ()
    added: tuple[Claim, ...] = ()


def reconcile(model: Reading, rules: Reading, request: Request, facts: RepositoryFacts | None) -> Reconciled:
    """Lay the rules' reading beside a model's. Claims that their source does not support take no part in it."""
    sound = [item for item in model.claims if check(item, request.text, request.answers, facts) is None]
    plain = [item for item in rules.claims if check(item, request.text, request.answers, facts) is None]
    differences: dict[str, Difference] = {}
    added: list[Claim] = []
    for item in plain:
        same = [other for other in sound if _same_path(item.path, other.path)]
        against = next((other for other in same if _contradicts(item, other)), None)
        if against is not None and not any(_agrees(item, other) for other in same):
            path = item.path if "*" in against.path else against.path
            differences.setdefault(path, Difference(path=path, model=against, rules=item))
        elif (
            not same and _at_home(item, sound) or item.path in _SETS and not any(_agrees(item, other) for other in same)
        ):
            added.append(item)
    gone = {repr(item.model) for item in differences.values()}
    kept = [item for item in model.claims if repr(item) not in gone]
    answered = {item.id for item in request.answers}
    asked = [_question(item) for path, item in differences.items() if path not in answered]
    reading = model.model_copy(
        update={"claims": (*kept, *added)[:120], "questions": (*asked, *model.questions)[:40]},
    )
    return Reconciled(reading=reading, differences=tuple(differences.values()), added=tuple(added))


def _question(item: Difference) -> Question:
    row = field(item.path)
    options = [text for claim in (item.model, item.rules) if not claim.negated and (text := _shown(claim.value))]
    return Question(
        id=item.path,
        text=f"The request can be read in two ways. What is {row.description if row else item.path}?"[:600],
        options=tuple(text for text in dict.fromkeys(options) if value_of(item.path, text).reason is None),
        why=f"the model reads {_said(item.model)}; the rules read {_said(item.rules)}"[:600],
        candidates=(item.model, item.rules),
    )


def _said(claim: Claim) -> str:
    return f"{'not ' if claim.negated else ''}{_shown(claim.value)[:80]} from {claim.quote[:160]!r}"


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _same_path(one: str, other: str) -> bool:
    left, right = one.split("."), other.split(".")
    return len(left) == len(right) and all(a == b or "*" in (a, b) for a, b in zip(left, right, strict=True))


def _contradicts(one: Claim, other: Claim) -> bool:
    equal = _plain(one.value) == _plain(other.value)
    if one.negated != other.negated:
        return equal
    return not equal and not one.negated and one.path not in _SETS and not one.path.endswith(".name")


def _agrees(one: Claim, other: Claim) -> bool:
    return one.negated == other.negated and _plain(one.value) == _plain(other.value)


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, int | float) else value.strip().lower()


def _at_home(item: Claim, sound: Iterable[Claim]) -> bool:
    """Its service, environment or dependency is one that the model knows too, by the same name; or it has none of them."""
    head, _, rest = item.path.partition(".")
    if head not in _NAMED:
        return True
    name = rest.partition(".")[0]
    known = {other.path.split(".")[1] for other in sound if other.path.startswith(f"{head}.")}
    return name == "*" or name in known or "*" in known or not known
