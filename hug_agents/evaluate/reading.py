"""One request through the crew: read, asked about, answered, scored; where wanted, written and judged by the gates too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from hug_agents.agents import deployment, devops, prompt_refiner
from hug_agents.agents.budget import Usage, spent_by
from hug_agents.errors import ModelError, UnsupportedError
from hug_agents.evaluate.person import ROUNDS, answers
from hug_agents.evaluate.score import FieldScore, Questions, score_fields, score_questions
from hug_agents.evaluate.suite import RequestCase
from hug_agents.planning import plan
from hug_agents.plans import Note
from hug_agents.render import render
from hug_agents.repair import applicable, apply_fixes
from hug_agents.request import Request
from hug_agents.spec import DeploymentSpec, Line, Model
from hug_agents.validate import run_gates, verdict

if TYPE_CHECKING:
    from hug_agents.evaluate.crew import Arm

Verdict = Literal["passed", "failed", "incomplete", "refused"]
REPAIRS = 3
"""Rounds of repair that the gates allow, as in a release."""


class RequestScore(Model):
    """How one request went."""

    case: Line
    fields: tuple[FieldScore, ...]
    questions: Questions
    made: bool = Field(description="a spec was made")
    gates: tuple[Verdict, ...] = Field((), description="what the gates said: at first, then after each repair")
    notes: int = Field(0, description="remarks of the deployment and the DevOps agent that were kept")
    usage: tuple[Usage, ...] = ()
    seconds: float = 0.0
    error: str = ""


def score_request(case: RequestCase, arm: Arm, *, gates: bool = False) -> RequestScore:
    """Read a request, answer what is asked, judge the outcome. A model that gives nothing usable is an error, not a raise."""
    started = time.monotonic()
    asked: list[str] | None = None
    usage: list[Usage] = []
    spec: DeploymentSpec | None = None
    error = ""
    request = Request(text=case.request)
    judged: dict[str, object] = {}
    try:
        for _ in range(ROUNDS):
            result = prompt_refiner.refine(request, None, arm.refiner, arm.budget)
            usage.append(result.usage)
            spec = result.refinement.spec
            asked = [item.id for item in result.refinement.questions] if asked is None else asked
            more = answers(case, result.refinement.questions)
            if spec is not None or not more:
                break
            request = request.model_copy(update={"answers": (*request.answers, *more)})
        if spec is not None and gates:
            judged = _judge(spec, arm, usage)
    except ModelError as failed:
        usage += spent_by(failed)
        error = f"{failed.where}: {failed.what}"
    return RequestScore(
        case=case.id,
        fields=score_fields(case, spec),
        questions=score_questions(case, asked or ()),
        made=spec is not None,
        usage=tuple(usage),
        seconds=round(time.monotonic() - started, 3),
        error=error,
        **judged,
    )


def _judge(spec: DeploymentSpec, arm: Arm, usage: list[Usage]) -> dict[str, object]:
    """Write the bundle with the agents' remarks, run the gates, and let the agents choose among the fixes offered."""
    notes: list[Note] = []
    for agent in (deployment, devops):
        designed = agent.design(spec, arm.others, arm.budget)
        usage.append(designed.usage)
        notes += designed.notes
    said: list[Verdict] = []
    for repairs in range(REPAIRS + 1):
        blueprint = plan(spec, notes=notes)
        try:
            results = run_gates(render(blueprint), blueprint)
        except UnsupportedError:
            return {"gates": (*said, "refused"), "notes": len(notes)}
        said.append(verdict(results))
        findings = [finding for result in results for finding in result.findings]
        if said[-1] != "failed" or repairs == REPAIRS or not applicable(spec, findings):
            break
        for agent in (deployment, devops):
            mended = agent.repair(findings, spec, arm.others, arm.budget)
            usage.append(mended.usage)
            spec = apply_fixes(spec, mended.fixes)
    return {"gates": tuple(said), "notes": len(notes)}
