"""Claims, answers, options and repository facts put on one board; what fails the evidence check becomes a question."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from hug_agents.reading.answers import value_of
from hug_agents.reading.board import Board, Candidate
from hug_agents.reading.claims import Claim, Reading, Value, field
from hug_agents.reading.evidence import check
from hug_agents.reading.redact import redact
from hug_agents.request import Answer, Choices, Request

if TYPE_CHECKING:
    from hug_agents.scan.report import Component, Fact, RepositoryFacts

LEAVES = {
    "port": "port", "health_path": "health_path", "health_port": "health_port", "metrics_path": "metrics_path",
    "language": "language",
    "language_version": "language_version", "framework": "framework", "package_manager": "package_manager",
    "dockerfile": "dockerfile",
    "start_command": "command", "migrate_command": "migrate_command", "lock_file": "lock_file",
    "requirements_file": "requirements_file",
    "build_script": "build_script", "module": "module", "test_command": "test_command",
}  # fmt: skip
"""What a repository's fact is called in the spec. The last five are no field of a request."""

_SERVING = ("port", "health_path", "health_port", "metrics_path", "start_command", "migrate_command")


def gather(request: Request, reading: Reading, facts: RepositoryFacts | None) -> tuple[Board, tuple[Claim, ...]]:
    """The board, and the claims of the request that hold."""
    board = Board()
    text = redact(request.text).text
    good = tuple(_checked(board, request, reading.claims, text, facts))
    for claim in good:
        _take(board, claim)
    _options(board, request.choices)
    _answers(board, request.answers)
    if facts is not None:
        for name in ("repository", "default_branch"):
            for fact in facts.facts:
                if fact.path == name:
                    board.add(candidate(name, fact))
    for question in reading.questions:
        if not board.best(question.id) or board.best(question.id)[0].source != "answer":
            board.questions.setdefault(question.id, question)
    return board, good


def candidate(path: str, fact: Fact) -> Candidate:
    """A repository's fact as a candidate."""
    return Candidate(path, fact_value(fact.value), "repository", fact.quote, fact.file, fact.line)


def fact_value(value: bool | int | str) -> Value:
    """A fact's value; a JSON list of arguments becomes a tuple."""
    if isinstance(value, str) and value.startswith("["):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        if isinstance(parsed, list):
            return tuple(str(item) for item in parsed)
    return value


def component_facts(board: Board, service: str, component: Component, *, process: bool = False) -> None:
    """Put what the repository says about one service on the board.

    `process`: the service is a further process of the component, under its own name; what serves there is another.
    """
    paths: dict[str, list[Fact]] = {}
    for fact in component.facts:
        if process and fact.path == f"process.{service}":
            board.add(candidate(f"services.{service}.command", fact))
            board.add(replace(candidate(f"services.{service}.kind", fact), value="worker"))
        elif fact.path in LEAVES and not (process and fact.path in _SERVING):
            paths.setdefault(fact.path, []).append(fact)
    if "dockerfile" in paths and "start_command" in paths:
        paths["start_command"] = _of_the_image(paths["start_command"], paths["dockerfile"])
    for path, found in paths.items():
        certain = [fact for fact in found if fact.confidence == "certain"] or found
        for fact in certain:
            board.add(candidate(f"services.{service}.{LEAVES[path]}", fact))


def _of_the_image(commands: list[Fact], dockerfiles: list[Fact]) -> list[Fact]:
    """What the Dockerfile starts, where it starts something: a `npm start` beside it is not what the image runs."""
    files = {fact.file for fact in dockerfiles}
    return [fact for fact in commands if fact.file in files] or commands


def variables_read(component: Component) -> tuple[str, ...]:
    """The environment variables that the code reads; a repository says their names, never their values."""
    return tuple(dict.fromkeys(str(fact.value) for fact in component.values("env")))


def _checked(
    board: Board, request: Request, claims: Iterable[Claim], text: str, facts: RepositoryFacts | None
) -> Iterable[Claim]:
    doubtful: list[tuple[Claim, str]] = []
    for claim in claims:
        reason = check(claim, text, request.answers, facts)
        if reason is None:
            yield claim
        else:
            doubtful.append((claim, reason))
    for claim, reason in doubtful:
        if field(claim.path) is None or claim.negated:
            board.notes.append(f"not believed: {claim.path[:100]} = {str(claim.value)[:100]}: {reason}")
            continue
        board.doubts.setdefault(claim.path, []).append((claim, reason))


def _take(board: Board, claim: Claim) -> None:
    if claim.path == "toolchain.monitors":
        values: tuple[Value, ...] = claim.value if isinstance(claim.value, tuple) else (claim.value,)
        for value in values:
            if claim.negated:
                board.reject(claim.path, value, claim.quote)
            else:
                board.add(Candidate(f"toolchain.monitors.{value}", value, "request", claim.quote))
    elif claim.negated:
        board.reject(claim.path, claim.value, claim.quote)
    else:
        source = (
            "answer" if claim.source.startswith("answer:") else "request" if claim.source == "request" else "repository"
        )
        file, _, line = claim.source.rpartition(":") if source == "repository" else ("", "", "0")
        board.add(Candidate(claim.path, claim.value, source, claim.quote, file, int(line) if line.isdigit() else 0))  # type: ignore[arg-type]


def _options(board: Board, choices: Choices) -> None:
    for name in ("iac", "ci", "runtime", "rollout", "registry"):
        value = getattr(choices, name)
        if value is not None:
            board.add(Candidate(f"toolchain.{name}", value, "option", reason=f"--{name}"))
    for value in choices.monitors:
        board.add(Candidate(f"toolchain.monitors.{value}", value, "option", reason="--monitors"))


def _answers(board: Board, answers: Iterable[Answer]) -> None:
    last = {answer.id: answer for answer in answers}
    for answer in last.values():
        shown = redact(answer.value).text[:400]
        special = _special(board, answer.id, shown)
        if special:
            continue
        parsed = value_of(answer.id, answer.value)
        if parsed.reason is None:
            board.add(Candidate(answer.id, parsed.value, "answer", shown, reason=answer.id[:200]))
        elif field(answer.id) is None:
            board.notes.append(f"an answer was given to {answer.id[:100]!r}, and nothing was asked under that name")
        else:
            board.unusable[answer.id] = parsed.reason


def _special(board: Board, id: str, shown: str) -> bool:
    """Answers that settle more than one path: how a service is built, what becomes of a database."""
    from hug_agents.reading.rules import read

    parts = id.split(".")
    if (
        parts[0] == "services"
        and parts[-1] == "port"
        and shown.partition(":")[0].strip().lower().rstrip(".")
        in ("none", "no port", "worker", "a worker", "job", "a job")
    ):
        kind = "job" if "job" in shown.lower() else "worker"
        board.add(Candidate(f"services.{parts[1]}.kind", kind, "answer", shown, reason=id))
        return True
    if parts[0] == "dependencies" and parts[-1] == "managed" and len(parts) == 3:
        word = shown.strip().lower().rstrip(".")
        if word in ("none", "no", "neither", "not needed"):
            board.add(Candidate(f"dependencies.{parts[1]}.wanted", False, "answer", shown, reason=id))
            return True
        return False
    if parts[0] == "services" and parts[-1] == "image" and len(parts) == 3 and value_of(id, shown).reason is not None:
        built = [
            claim
            for claim in read(f"It is a {shown} app.").claims
            if claim.path.rpartition(".")[2] in ("language", "language_version", "framework", "package_manager")
        ]
        if "dockerfile" in shown.lower():
            path = next((word for word in shown.split() if "dockerfile" in word.lower()), "Dockerfile").strip("`'\".,")
            board.add(Candidate(f"services.{parts[1]}.dockerfile", path, "answer", shown, reason=id))
            return True
        for claim in built:
            board.add(
                Candidate(
                    f"services.{parts[1]}.{claim.path.rpartition('.')[2]}", claim.value, "answer", shown, reason=id
                )
            )
        return bool(built)
    return False
