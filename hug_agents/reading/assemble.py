"""Claims, answers, options and repository facts become one spec, or questions, all at once. Pure.

Answers win over options, options over the request, the request over the repository, and all over defaults. Two values
of one source are a question that shows both. Nothing is dropped in silence: see `requirements`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from hug_agents.plans import Note, Requirement
from hug_agents.reading import spec_places, spec_release, spec_tools
from hug_agents.reading.board import Board
from hug_agents.reading.claims import Question, Reading, field
from hug_agents.reading.document import document
from hug_agents.reading.gather import gather
from hug_agents.reading.redact import redact
from hug_agents.reading.requirements import requirements
from hug_agents.reading.spec_dependencies import dependencies, uncreated
from hug_agents.reading.spec_services import ServiceMaker, application_and_services
from hug_agents.reading.spec_tools import Refused
from hug_agents.request import Checks, Request
from hug_agents.spec import DeploymentSpec, Evidence, Line, Model, SmokeTest

if TYPE_CHECKING:
    from hug_agents.scan.report import RepositoryFacts


class Refinement(Model):
    """What a request became: a spec, or the questions that stand before one."""

    spec: DeploymentSpec | None = None
    questions: tuple[Question, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    refused: tuple[Refused, ...] = ()
    notes: tuple[Line, ...] = Field((), description="assumptions, and values that gave way to others")

    def remarks(self) -> tuple[Note, ...]:
        """The notes as those who approve read them, each under the path that it speaks of."""
        found = []
        for note in self.notes:
            path, _, text = note.partition(": ")
            about = path if text and "." in path and " " not in path else "request"
            found.append(Note(agent="prompt_refiner", about=about, text=note if about == "request" else text))
        return tuple(found)


def assemble(request: Request, reading: Reading, facts: RepositoryFacts | None = None) -> Refinement:
    """One spec from everything that is known. Never raises for what a request, a model or a repository says."""
    board, claims = gather(request, reading, facts)
    refused: list[Refused] = []
    values = _parts(board, facts, refused, request)
    _doubts(board)
    _repeat_unusable(board, facts)
    spec = None
    if not board.questions and values is not None:
        try:
            spec = DeploymentSpec.model_validate({**values, "evidence": _evidence(board)})
        except ValidationError as error:
            board.contradiction("", error)
    redacted = redact(request.text)
    notes = list(board.notes)
    taken_out = tuple(dict.fromkeys((*request.redacted, *redacted.found)))
    if taken_out:
        notes.insert(
            0,
            f"the request held {', '.join(taken_out)}: taken out, and in no file; "
            "give a reference to a secret store instead",
        )
    return Refinement(
        spec=spec,
        questions=tuple(sorted(board.questions.values(), key=lambda item: (item.id != "application", item.id)))
        if spec is None
        else (),
        requirements=requirements(redacted.text, claims, reading.unmet, board, tuple(refused)),
        refused=tuple(refused),
        notes=tuple(note.replace("\n", " ").replace("\r", " ")[:2000] for note in dict.fromkeys(notes)),
    )


def _parts(
    board: Board, facts: RepositoryFacts | None, refused: list[Refused], request: Request
) -> dict[str, Any] | None:
    run = spec_tools.runtime(board, refused)
    application, names = application_and_services(board, facts)
    made = [ServiceMaker(board, name, len(names) == 1, facts is not None).make() for name in names]
    needs = dependencies(board, facts)
    services = tuple(item for item in made if item is not None)
    places = spec_places.environments(board, run, services, _only(request.text))
    clouds = {
        str(row.value) for path in board.paths("environments.") if path.endswith(".cloud") for row in board.best(path)
    }
    tools = spec_tools.toolchain(board, run or "ecs", clouds | ({"aws"} if run == "ecs" else set()), refused)
    needs = tuple(uncreated(board, item) if tools.iac is None and item.managed else item for item in needs)
    way = spec_release.strategy(board, services, places)
    goals = spec_release.objectives(board, services)
    values: dict[str, Any] = {
        "application": application, "services": services, "dependencies": needs, "environments": places,
        "toolchain": tools,
        "objectives": goals, "triggers": spec_release.triggers(board, goals), "windows": spec_release.windows(board),
        "smoke_tests": spec_release.smoke_tests(board, services),
    }  # fmt: skip
    if request.choices.checks:
        values |= _checks(board, request.choices.checks, values["smoke_tests"])
    if len(names) == 1 and names[0] in board.versions:
        board.add(board.versions[names[0]])
    for name in ("version", "owner", "repository", "default_branch", "drill_every_days"):
        chosen = board.choose(name)
        if chosen is not None:
            values[name] = chosen.value
    if "drill_every_days" not in values:
        board.default("drill_every_days", "a rollback that is not rehearsed each month is not known to work")
    if way is not None:
        values["strategy"] = way
    return values if application and services and places and way is not None else None


def _checks(board: Board, checks: Checks, stated: tuple[SmokeTest, ...]) -> dict[str, Any]:
    """The analysis and the smoke tests of a file; they come beside what the words say."""
    chosen: dict[str, Any] = {}
    if checks.analysis:
        chosen["analysis"] = checks.analysis
        board.evidence["analysis"] = Evidence(path="analysis", kind="option", quote="--checks")
    if checks.smoke_tests:
        chosen["smoke_tests"] = tuple(dict.fromkeys((*stated, *checks.smoke_tests)))
        board.evidence["smoke_tests"] = Evidence(path="smoke_tests", kind="option", quote="--checks")
    return chosen


def _only(text: str) -> bool:
    """`only production`, `just staging`: there are no other environments."""
    doc = document(redact(text).text)
    names = ("production", "prod", "staging", "dev")
    for index, token in enumerate(doc.tokens):
        if doc.status[index] != "asserted":
            continue
        if token.lower in ("only", "just", "solely") and any(word in names for word in doc.words(index + 1, index + 5)):
            gap = doc.words(index + 1, index + 5)
            place = next(position for position, word in enumerate(gap) if word in names)
            if all(
                word in ("to", "in", "a", "one", "the", "environment", "need", "want", "have") for word in gap[:place]
            ):
                return True
        if token.lower in names and doc.lower(index + 1) == "only":
            return True
    return False


def _doubts(board: Board) -> None:
    """A claim that its source does not support becomes a question, unless its path is settled by another."""
    for path, rows in board.doubts.items():
        parts = path.split(".")
        starred = ".".join("*" if number == 1 and len(parts) > 2 else part for number, part in enumerate(parts))
        if board.best(path, starred, *board.paths(f"{path}.")) or path in board.questions:
            continue
        if (
            parts[0] == "services"
            and parts[1] != "*"
            and not any(other.split(".")[1] == parts[1] for other in board.paths("services."))
        ):
            board.notes.extend(
                f"not believed: {path} = {str(claim.value)[:100]}: {reason}" for claim, reason in rows[:1]
            )
            continue
        claim, reason = rows[0]
        row = field(path)
        board.ask(
            path,
            f"What is {row.description if row else path}?",
            why=f"{str(claim.value)[:100]!r} was read from {claim.quote[:150]!r}, but {reason}",
        )


def _repeat_unusable(board: Board, facts: RepositoryFacts | None) -> None:
    """An answer that settles nothing: the question again, with why."""
    del facts
    for path, reason in board.unusable.items():
        asked = board.questions.get(path)
        row = field(path)
        text = asked.text if asked else f"What is {row.description if row else path}?"
        options = asked.options if asked else ()
        board.questions[path] = Question(
            id=path[:200],
            text=text[:600],
            options=options,
            why=f"the answer could not be used: {reason}"[:600],
            candidates=asked.candidates if asked else (),
        )


def _evidence(board: Board) -> tuple[Evidence, ...]:
    return tuple(board.evidence[path] for path in sorted(board.evidence))
