"""From the board to how a release goes: strategy, objectives, triggers, windows, smoke tests."""

from __future__ import annotations

from typing import Any

from hug_agents.reading.board import RANKS, Board
from hug_agents.reading.document import document
from hug_agents.reading.rules_paths import expected
from hug_agents.spec import Environment, Objective, Service, SmokeTest, Step, Strategy, Trigger, Window

_WEIGHTS, _HOLD = (10, 50, 100), 300


def strategy(board: Board, services: tuple[Service, ...], places: tuple[Environment, ...]) -> Strategy | None:
    """How a new version takes over; None when it must be asked."""
    chosen = board.choose("strategy.kind", text="How does a new version take over?")
    if chosen is None:
        if "strategy.kind" in board.questions:
            return None
        if board.best("strategy.steps"):
            board.settle("strategy.kind", board.best("strategy.steps")[0])
            return _canary(board)
        if board.rejected("strategy.kind", "rolling"):
            board.ask(
                "strategy.kind",
                "How does a new version take over?",
                options=("canary", "blue_green"),
                why=f"the request says {board.negated['strategy.kind']['rolling'][:150]!r}",
            )
            return None
        board.default("strategy.kind", "no strategy is stated, and a rolling update needs nothing beside the service")
        return Strategy()
    if chosen.value == "canary":
        return _canary(board)
    kind = str(chosen.value)
    for steps in board.best("strategy.steps")[:1]:
        if RANKS.index(chosen.source) >= RANKS.index(steps.source):
            board.ask(
                "strategy.kind",
                f"A {kind.replace('_', '-')} release has no steps, and steps are stated. Which is wanted?",
                why=f"{chosen.where}, and {steps.where}",
                options=(kind, "canary"),
                candidates=(chosen, steps),
            )
            return None
        board.overruled["strategy.steps"] = f"strategy.kind is {kind} ({chosen.where}), which has no steps"
    values: dict[str, Any] = {"kind": chosen.value}
    keep = board.choose("strategy.keep_old_seconds")
    if keep is not None:
        values["keep_old_seconds"] = keep.value
    if chosen.value == "rolling":
        _rolling(board, values, services, places)
    return Strategy.model_validate(values)


def _rolling(
    board: Board, values: dict[str, Any], services: tuple[Service, ...], places: tuple[Environment, ...]
) -> None:
    for leaf in ("max_surge_percent", "max_unavailable_percent"):
        chosen = board.choose(f"strategy.{leaf}")
        if chosen is not None:
            values[leaf] = chosen.value
    single = board.best("strategy.one_at_a_time")
    if not single:
        return
    counts = {
        place_service.replicas
        for place in places
        for service in services
        if service.kind != "job"
        for place_service in (_in(service, place),)
    }
    if len(counts) == 1 and 100 % max(counts) == 0 and counts != {1}:
        values["max_surge_percent"] = 100 // counts.pop()
        board.settle("strategy.max_surge_percent", single[0])
        board.settle("strategy.kind", single[0])
    else:
        board.unmet[single[0].quote] = (
            "surge is carried as a percentage, and with these replica counts it is not exactly one at a time"
        )


def _in(service: Service, place: Environment) -> Service:
    override = next((item for item in place.overrides if item.service == service.name), None)
    return service.model_copy(update={"replicas": override.replicas}) if override and override.replicas else service


def _canary(board: Board) -> Strategy | None:
    stated = board.choose("strategy.steps", text="Through which shares of traffic does a canary go, in percent?")
    if stated is None and "strategy.steps" in board.questions:
        return None
    weights = tuple(int(weight) for weight in stated.value) if stated and isinstance(stated.value, tuple) else _WEIGHTS
    if stated is None:
        board.default("strategy.steps", "no steps are stated: a tenth, half, everyone")
    if weights[-1] != 100:
        weights = (*weights, 100)
        board.notes.append("strategy.steps: a last step of 100 percent is added, where a canary ends")
    held = board.choose("strategy.hold_seconds", text="How long does each step hold?")
    if held is None and "strategy.hold_seconds" in board.questions:
        return None
    holds = _holds(held.value if held else None, len(weights))
    if holds is None:
        board.ask(
            "strategy.hold_seconds",
            "How long does each step hold, in seconds? One number for all.",
            why=f"there are {len(weights)} steps, and the holds do not fit them",
            candidates=(held,) if held else (),
        )
        return None
    if held is None:
        board.default("strategy.hold_seconds", "five minutes a step, none is stated")
    keep = board.choose("strategy.keep_old_seconds")
    values: dict[str, Any] = {"keep_old_seconds": keep.value} if keep else {}
    steps = tuple(Step(weight=weight, hold_seconds=hold) for weight, hold in zip(weights, holds, strict=True))
    return Strategy(kind="canary", steps=steps, **values)


def _holds(value: object, count: int) -> tuple[int, ...] | None:
    if value is None:
        return (_HOLD,) * count
    numbers = tuple(int(item) for item in value) if isinstance(value, tuple) else (int(value),)  # type: ignore[call-overload]
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) == count - 1:
        return (*numbers, 0)
    return numbers if len(numbers) == count else None


def objectives(board: Board, services: tuple[Service, ...]) -> tuple[Objective, ...]:
    """Service level objectives; with none stated a first one, said to be a default."""
    made: list[Objective] = []
    window = board.choose("objectives.window_days")
    days: dict[str, Any] = {"window_days": window.value} if window else {}
    for kind in ("availability", "error_rate"):
        chosen = board.choose(
            f"objectives.{kind}", text=f"Which {kind.replace('_', ' ')} is the objective, in percent?"
        )
        if chosen is not None and isinstance(chosen.value, int | float) and 0 < chosen.value < 100:
            made.append(Objective.model_validate({"kind": kind, "target_percent": chosen.value, **days}))
    latencies = board.best("objectives.latency")
    by_percent: dict[float, list[Any]] = {}
    for row in latencies:
        if isinstance(row.value, tuple) and len(row.value) == 2:
            by_percent.setdefault(float(row.value[0]), []).append(row)
    for percent, rows in sorted(by_percent.items()):
        if len({float(row.value[1]) for row in rows}) > 1:
            board.conflict("objectives.latency", rows, f"Which latency holds at {percent:g} percent?")
            continue
        board.settle("objectives.latency", rows[0])
        made.append(
            Objective.model_validate(
                {"kind": "latency", "target_percent": percent, "threshold_ms": int(rows[0].value[1]), **days}
            )
        )
    if not made and any(service.kind == "web" for service in services):
        board.default(
            "objectives.availability",
            "no objective is stated; 99.9 percent over 30 days is a first one, so that something alerts",
        )
        made.append(Objective(kind="availability", target_percent=99.9))
    return tuple(made)


def triggers(board: Board, goals: tuple[Objective, ...]) -> tuple[Trigger, ...]:
    """What rolls back by itself: what is stated, and always failing health checks and smoke tests."""
    made: list[Trigger] = []
    waits = board.choose("triggers.for_seconds")
    held: dict[str, Any] = {"for_seconds": waits.value} if waits else {}
    error = board.choose("triggers.error_rate", text="At which error rate does a release roll back, in percent?")
    if error is not None:
        made.append(Trigger.model_validate({"metric": "error_rate", "threshold": error.value, **held}))
    latency = board.choose(
        "triggers.latency", text="At which 99th percentile, in milliseconds, does a release roll back?"
    )
    if latency is not None and isinstance(latency.value, tuple):
        made.append(Trigger.model_validate({"metric": "latency", "threshold": latency.value[1], **held}))
    goal = next((item for item in goals if item.kind == "error_rate"), None)
    if error is None and goal is not None and "triggers.error_rate" not in board.questions:
        made.append(Trigger(metric="error_rate", threshold=goal.target_percent))
        board.default("triggers.error_rate", "a release that breaks the stated error rate is taken back")
    plain = (Trigger(metric="health"), Trigger(metric="smoke"))
    for item in plain:
        if board.choose(f"triggers.{item.metric}") is None:
            board.default(f"triggers.{item.metric}", "a release that is not healthy is taken back")
        made.append(item)
    return tuple(made)


def windows(board: Board) -> tuple[Window, ...]:
    """When production may change."""
    made: list[Window] = []
    for row in board.best("windows"):
        days, hours, timezone = str(row.value).split(" ")
        start, _, end = hours.partition("-")
        made.append(
            Window.model_validate({"days": tuple(days.split(",")), "start": start, "end": end, "timezone": timezone})
        )
        board.settle("windows", row)
        if timezone == "UTC" and "utc" not in row.quote.lower():
            board.notes.append("windows: no time zone is stated, UTC is taken")
    if len(made) > 1:
        board.conflict("windows", board.best("windows"), "When may production be changed?")
    return tuple(made)


def _smoke(service: str, path: str, quote: str) -> SmokeTest:
    """With the status and the time that the quoted words ask for."""
    doc = document(quote)
    after = next((place + 1 for place, token in enumerate(doc.tokens) if token.kind == "path"), 0)
    wanted = expected(doc, after, len(doc.tokens))
    values = {"status": wanted.status, "max_ms": wanted.milliseconds}
    return SmokeTest(service=service, path=path, **{name: value for name, value in values.items() if value})


def smoke_tests(board: Board, services: tuple[Service, ...]) -> tuple[SmokeTest, ...]:
    """What is stated, else the health path of each public web service."""
    made: list[SmokeTest] = []
    for service in services:
        target = f"smoke_tests.{service.name}"
        stated = board.best(target, "smoke_tests.*")
        if service.kind == "web":
            for row in stated:
                made.append(_smoke(service.name, str(row.value), row.quote))
                board.settle(target, row)
        if (
            not stated
            and service.kind == "web"
            and service.public
            and service.health_path
            and service.health_port is None
        ):
            made.append(SmokeTest(service=service.name, path=service.health_path))
            board.default(target, "its health path")
    return tuple(made)
