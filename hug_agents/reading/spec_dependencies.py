"""From the board to backing services; one that only the repository uses is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hug_agents.reading.board import Board, Candidate
from hug_agents.spec import Dependency

if TYPE_CHECKING:
    from hug_agents.scan.report import RepositoryFacts


_KINDS = ("postgres", "mysql", "redis", "queue", "object_store")


def dependencies(board: Board, facts: RepositoryFacts | None) -> tuple[Dependency, ...]:
    """Backing services that the request names; one that only the repository uses is asked about."""
    made: list[Dependency] = []
    names = list(dict.fromkeys(path.split(".")[1] for path in board.paths("dependencies.")))
    for name in names:
        stated = board.choose(f"dependencies.{name}.kind")
        if stated is None:
            continue
        values: dict[str, Any] = {"name": name, "kind": stated.value}
        for leaf in ("version", "storage_gib", "managed"):
            chosen = board.choose(f"dependencies.{name}.{leaf}")
            if chosen is not None:
                values[leaf] = chosen.value
        if "managed" not in values:
            board.default(f"dependencies.{name}.managed", "nothing says that it exists, so it is created")
        made.append(Dependency.model_validate(values))
    settled = {str(item.kind) for item in made}
    settled |= {str(kind) for path in board.negated if path.startswith("dependencies.") for kind in board.negated[path]}
    for component in facts.components if facts else ():
        for fact in component.values("dependency"):
            kind = str(fact.value)
            if kind in _KINDS and kind not in settled:
                settled.add(kind)
                seen = Candidate("", kind, "repository", fact.quote, fact.file, fact.line)
                made.extend(_used_by_repository(board, kind, seen))
    return tuple(made)


def _used_by_repository(board: Board, kind: str, seen: Candidate) -> list[Dependency]:
    name = {"object_store": "bucket"}.get(kind, kind)
    path = f"dependencies.{name}.managed"
    answer = board.best(path)
    if board.best(f"dependencies.{name}.wanted"):
        return []
    if not answer:
        board.ask(
            path,
            f"The repository uses {kind.replace('_', ' ')}, and the request does not speak of it. Create one, or does "
            "it exist?",
            options=("create", "existing", "none"),
            why=seen.where,
        )
        return []
    board.settle(path, answer[0])
    board.evidence[f"dependencies.{name}.kind"] = seen.evidence(f"dependencies.{name}.kind")
    return [Dependency.model_validate({"name": name, "kind": kind, "managed": bool(answer[0].value)})]


def uncreated(board: Board, need: Dependency) -> Dependency:
    """A backing service where no infrastructure is written: it is referred to, and that nothing creates it is said."""
    path = f"dependencies.{need.name}"
    reason = f"no infrastructure as code is written here, so nothing creates {need.name}: it must exist"
    for row in board.best(f"{path}.kind"):
        if row.quote:
            board.unmet[row.quote] = reason
    board.default(f"{path}.managed", reason)
    board.notes.append(f"{path}: {reason}")
    return need.model_copy(update={"managed": False})
