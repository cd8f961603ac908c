"""HUG-B3: a new version takes over in steps that are judged by themselves, and goes back by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from hug_agents.slo import scraped
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.isolated_tests import production
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Automate canary and blue-green deployments for safe rollouts."
SCRIPT = "deploy/deploy.sh"
PIPELINES = "spinnaker/pipelines/deploy-"


def no_trigger(facts: Facts) -> Iterator[Hit]:
    """A strategy with nothing that would stop it."""
    if not facts.spec.triggers:
        rolling = facts.spec.strategy.kind == "rolling"
        yield Hit(
            f"nothing says when a {facts.spec.strategy.kind.replace('_', '-')} rollout goes back by itself",
            *facts.spec_place("triggers"),
            severity="warning" if rolling else None,
        )


def unjudged_step(facts: Facts) -> Iterator[Hit]:
    """Traffic that moves on without the new version having been judged."""
    steps = facts.blueprint.rollout.steps
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        if step.action == "shift" and (following is None or following.action != "analyse"):
            yield Hit(f"step {step.order} moves {step.weight} % of the traffic and nothing judges it", "", 0)
    if facts.blueprint.rollout.strategy == "rolling" and not any(step.action == "analyse" for step in steps):
        yield Hit("a rolling update is not judged at its end", "", 0)


def script_differs(facts: Facts) -> Iterator[Hit]:
    """A deploy script that cannot do what the plans say."""
    if SCRIPT not in facts.bundle:
        if facts.spec.services:
            yield Hit("there is no deploy/deploy.sh: pipelines, runbook and rollback plan have nothing to call")
        return
    code = [
        (number, row)
        for number, row in enumerate(facts.text(SCRIPT).splitlines(), 1)
        if not row.lstrip().startswith(("#", "say ", "echo ", "printf "))
    ]
    # Spinnaker carries the steps out, and the script starts it.
    handed = [row for item in facts.bundle.under(PIPELINES) for row in item.content.splitlines() if '"name"' in row]
    whole = "\n".join([*(row for _, row in code), *handed])
    for verb in ("plan", "rollout", "rollback", "status"):
        if not re.search(rf"^[^#]*\b{verb}\b[^|)]*(?:\||:|\))", whole, re.MULTILINE):
            yield Hit(f"the script has no command {verb}", SCRIPT, 1)
    rows = [row for _, row in code if re.search(r"shift|traffic|weight", row)]
    moves = "\n".join([*rows, *(row for row in handed if " takes " in row)])
    rollouts = [document.data for _, document in facts.manifests if document.data.get("kind") == "Rollout"]
    if rollouts:  # Argo Rollouts goes by the steps of its own manifests
        moves = json.dumps(rollouts)
    for step in facts.spec.strategy.steps:
        if step.weight < 100 and not re.search(rf"(?<![\w.]){step.weight}(?![\w.])", moves):
            yield Hit(f"the script has no step at {step.weight} % of the traffic", SCRIPT, 1)
    if not re.search(r"judge|analy|alarm|verify", whole, re.IGNORECASE):
        if handed and not ("prometheus" in facts.spec.toolchain.monitors and scraped(facts.spec)):
            text = "Spinnaker judges the new version by its health alone: no Prometheus of this bundle measures it"
            yield Hit(text, SCRIPT, 1, severity="warning")
        else:
            yield Hit("the script judges no step", SCRIPT, 1)
    if not re.search(r"\bsmoke\b|smoke\.sh", whole):
        yield Hit("the script runs no smoke test", SCRIPT, 1)


def stays_broken(facts: Facts) -> Iterator[Hit]:
    """Rollouts that stop at a bad step and leave it there."""
    for path, block in facts.resources("aws_ecs_service"):
        if any(
            item.text("type").strip('"') in ("CODE_DEPLOY", "EXTERNAL") for item in block.of("deployment_controller")
        ):
            continue
        breaker = next(block.of("deployment_circuit_breaker"), None)
        if breaker is None or breaker.text("enable") != "true" or breaker.text("rollback") != "true":
            yield Hit("ECS does not take back a deployment that fails", path, breaker.line if breaker else block.line)
    for resource in facts.stack_resources("AWS::ECS::Service"):
        if resource.text("DeploymentController", "Type") in ("CODE_DEPLOY", "EXTERNAL"):
            continue
        place = ("DeploymentConfiguration", "DeploymentCircuitBreaker")
        if any(resource.text(*place, name) != "true" for name in ("Enable", "Rollback")):
            line = resource.at(*place)
            yield Hit(f"ECS does not take back a deployment of {resource.name} that fails", resource.file, line)
    script = facts.text(SCRIPT)
    itself = re.search(r"^\s*trap\b", script, re.MULTILINE) and re.search(r"roll(ing)?[ _-]?back|go_back", script)
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            call = job.rolls_out(production(facts))
            if call is None or itself:
                continue
            undone = [item for other in pipeline.jobs.values() for item in other.calls if item.verb == "rollback"]
            if not undone:
                yield Hit(
                    f"the job {job.id} rolls out {call.environment}; when it fails, nothing goes back",
                    job.file,
                    call.line,
                )


def not_by_hand(facts: Facts) -> Iterator[Hit]:
    """A CI system was chosen and no pipeline carries the strategy out."""
    if facts.spec.toolchain.ci is None or not facts.spec.production:
        return
    done = {
        call.environment
        for pipeline in facts.pipelines
        for job in pipeline.jobs.values()
        for call in job.calls
        if call.verb == "rollout"
    }
    for name in sorted(production(facts) - done):
        file = facts.pipelines[0].file if facts.pipelines else ""
        yield Hit(f"no pipeline rolls out {name} with {SCRIPT}", file, 1 if file else 0)


RULES = (
    Rule(
        "HUG-B3a", "A rollout knows when to go back", SOURCE,
        "A canary that nothing judges is a slow way to break everything.",
        "state a rollback trigger: an error rate, a latency, health or the smoke tests", no_trigger,
    ),
    Rule(
        "HUG-B3b", "Every step is judged", SOURCE,
        "Traffic that moves on its own tells nothing.",
        "let an analysis follow each shift of traffic", unjudged_step,
    ),
    Rule(
        "HUG-B3c", "The deploy script carries the strategy out", SOURCE,
        "A plan that the script does not follow is a wish.",
        "render deploy/deploy.sh again from the spec", script_differs,
    ),
    Rule(
        "HUG-B3d", "A failed rollout is taken back", SOURCE,
        "A rollout that stops half-way leaves users on the bad version until somebody wakes up.",
        "roll back when a step fails: in the script, in the pipeline or in the platform", stays_broken,
    ),
    Rule(
        "HUG-B3e", "The pipeline does the rollout", SOURCE,
        "Steps done by hand are done differently each time.",
        "let a job call deploy/deploy.sh rollout for the environment", not_by_hand, owner="devops",
    ),
)  # fmt: skip
