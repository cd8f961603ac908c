"""The ablation with the small local model: `python -m tests.ablate FILE`, which can be stopped and goes on where it was.

`hug eval --ablation --gates` over every 33rd request of the suite that ships, all four parts, with two differences:
the lists and texts of each answer are kept short, as in the recordings, since a model of this size fills what it is
given room for; and each score is a line of FILE as soon as it is known. At the end the table of what is in FILE.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hug_agents.agents.budget import Budget
from hug_agents.evaluate.crew import Arm, ablation
from hug_agents.evaluate.reading import RequestScore, score_request
from hug_agents.evaluate.report import Report
from hug_agents.evaluate.suite import load
from tests.agents.small import small
from tests.record import serving

EVERY = 33
BUDGET = Budget(attempts=2, seconds=3600)
COUNTED = ("fields right", "wrong with evidence", "questions too many", "gates passed after repair")


def main() -> int:
    """Score what is not scored yet, then print the table."""
    file = Path(sys.argv[1])
    done = _read(file)
    cases = load(()).requests[::EVERY]
    with serving() as address:
        # Room for three claims, which are what is scored, and for one of everything else.
        model = small(address).model_copy(update={"most": 1, "room": {"claims": 3, "candidates": 0}, "max_tokens": 600})
        arms = ablation(model, budget=BUDGET)
        todo = [(case, arm) for case in cases for arm in arms if (arm.name, case.id) not in done]
        for number, (case, arm) in enumerate(todo, 1):
            print(f"{number}/{len(todo)} {case.id}, {arm.name} ...", file=sys.stderr, flush=True)
            score = done[arm.name, case.id] = score_request(case, arm, gates=True)
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"arm": arm.name, "score": score.model_dump(mode="json")}) + "\n")
    print("\n".join(_table(arms, [case.id for case in cases], done)))
    return 0


def _read(file: Path) -> dict[tuple[str, str], RequestScore]:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines() if file.exists() else ())
    return {(row["arm"], row["score"]["case"]): RequestScore.model_validate(row["score"]) for row in rows}


def _table(arms: tuple[Arm, ...], cases: list[str], done: dict[tuple[str, str], RequestScore]) -> Iterable[str]:
    cases = [case for case in cases if all((arm.name, case) in done for arm in arms)]
    yield f"{len(cases)} requests: {', '.join(cases)}\n"
    yield f"| | {' | '.join(COUNTED)} | notes kept | nothing usable | model requests | tokens in (cached), out | s |"
    yield "|---|" + "---|" * (len(COUNTED) + 5)
    for arm in arms:
        scores = tuple(done[arm.name, case] for case in cases)
        report = Report(suite="shipped", arm=arm.name, model=arm.model, requests=scores)
        shares = [report.figures().get(name) for name in COUNTED]
        used = report.usage()
        tokens = f"{used.input_tokens:,} ({used.cached_tokens:,}), {used.output_tokens:,}"
        cells = [f"{share.count}/{share.of}" if share else "-" for share in shares]
        cells += [str(sum(score.notes for score in scores)), str(len(report.errors())), str(used.requests), tokens]
        yield f"| {arm.name} | {' | '.join(cells)} | {report.seconds:,.0f} |"


if __name__ == "__main__":
    raise SystemExit(main())
