"""Judge one case of the corpus: what a request must state, must not state, must ask, and what must be said aloud."""

from __future__ import annotations

from typing import Any

from hug_agents.reading.assemble import Refinement, assemble
from hug_agents.reading.claims import Claim, Reading
from hug_agents.reading.evidence import check
from hug_agents.reading.rules import read
from hug_agents.request import Answer, Request


def plain(value: Any) -> Any:
    """Lists for tuples, floats for numbers: as JSON has them."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def stated(reading: Reading, path: str) -> list[Any]:
    """The values that a reading states for a path; one said of all counts for each."""
    parts = path.split(".")
    services = {
        c.path.split(".")[1] for c in reading.claims if c.path.startswith("services.") and c.path.split(".")[1] != "*"
    }
    wanted = {path}
    if parts[0] == "services":
        wanted.add(".".join(["services", "*", *parts[2:]]))
        if parts[1] == "*" and len(services) == 1:
            wanted.add(".".join(["services", *services, *parts[2:]]))
    if parts[0] == "environments":
        wanted.add(".".join(["environments", "*", *parts[2:]]))
        if len(parts) == 4:
            wanted |= {".".join([*parts[:3], "*"]), ".".join(["environments", "*", parts[2], "*"])}
    if parts[0] == "services" and parts[1] == "*" and not services:
        wanted.add(path)
    exact = [c.value for c in reading.claims if c.path == path and not c.negated]
    return exact or [claim.value for claim in reading.claims if claim.path in wanted and not claim.negated]


def failures(case: dict[str, Any]) -> list[str]:
    """What is wrong with the reading of one case; wrong values are marked WRONG, missing ones MISSING."""
    text = case["request"]
    reading = read(text)
    answers = tuple(Answer(id=key, value=value) for key, value in case.get("answers", {}).items())
    result = assemble(Request(text=text, answers=answers), reading)
    found = [
        f"WRONG {claim.path}={claim.value} fails its own check: {reason}"
        for claim in reading.claims
        if (reason := check(claim, text))
    ]
    for paths, value in case.get("expect", {}).items():
        path = next((one for one in paths.split("|") if stated(reading, one)), paths.split("|")[0])
        values = [plain(item) for item in stated(reading, path)]
        if plain(value) not in values:
            found.append(f"{'WRONG' if values else 'MISSING'} {path}: {value} expected, {values} stated")
        elif len({repr(item) for item in values}) > 1:
            found.append(f"WRONG {path}: also {values}")
    for path, values in case.get("absent", {}).items():
        bad = [item for item in stated(reading, path) if values == "any" or plain(item) in plain(values)]
        if bad:
            found.append(f"WRONG {path}: {bad} must not be stated")
    found.extend(_said(case, result))
    return found


def _said(case: dict[str, Any], result: Refinement) -> list[str]:
    found: list[str] = []
    ids = {question.id for question in result.questions}
    for path in case.get("asks", ()):
        if not ids & set(path.split("|")):
            found.append(f"MISSING question {path}: {sorted(ids)}")
    rows = [(row.status, row.text, row.reason) for row in result.requirements]
    aloud = " ".join(
        f"{text} {reason}"
        for status, text, reason in rows
        if status in ("unmet", "refused") or "nothing carries" in reason
    )
    for words in case.get("unmet", ()):
        if words not in aloud:
            found.append(f"MISSING said aloud: {words!r} in {rows}")
    for words in case.get("context", ()):
        if not any(status == "context" and words in text for status, text, _ in rows):
            found.append(f"MISSING context: {words!r} in {rows}")
    if (secret := case.get("secret")) and secret in result.model_dump_json():
        found.append(f"WRONG the secret {secret} got through")
    if (spec := case.get("spec")) is not None and result.spec is None:
        found.append(f"MISSING a spec: {sorted(ids)}")
    elif spec:
        dumped = result.spec.model_dump(mode="json") if result.spec else {}
        for path, value in spec.items():
            if plain(look(dumped, path)) != plain(value):
                found.append(f"WRONG spec {path}: {value} expected, {look(dumped, path)} made")
    return found


def look(value: Any, path: str) -> Any:
    """A value of a dumped spec by its path; lists are entered by name or by number."""
    for part in path.split("."):
        if isinstance(value, list):
            value = (
                value[int(part)]
                if part.isdigit()
                else next(
                    (
                        item
                        for item in value
                        if item.get("name") == part
                        or item.get("service") == part
                        or item.get("kind") == part
                        or item.get("metric") == part
                    ),
                    None,
                )
            )
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


__all__ = ["Claim", "failures", "look"]
