"""The ablation with the small local model: `python -m tests.ablate 2`, for two requests of the suite that ships.

`hug eval --ablation` with one difference: the lists and texts of each answer are kept short, as in the recordings, since
a model of this size fills what it is given room for. Takes minutes.
"""

from __future__ import annotations

import json
import sys

from hug_agents.agents.budget import Budget
from hug_agents.evaluate.crew import ablation
from hug_agents.evaluate.run import evaluate
from hug_agents.evaluate.suite import load
from tests.agents.small import small
from tests.record import serving


def main() -> int:
    """Print each arm's figures as JSON."""
    suite = load((), split="develop", limit=int(sys.argv[1]))
    suite = suite.model_copy(update={"repositories": ()})  # no model reads them
    with serving() as address:
        for arm in ablation(small(address), budget=Budget(attempts=2, seconds=3600)):
            report = evaluate(suite, arm)
            print(json.dumps(report.to_json(), indent=1), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
