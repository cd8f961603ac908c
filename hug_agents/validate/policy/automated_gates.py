"""HUG-P1: a person is asked only after machines have looked, and machines cannot be told to look away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.isolated_tests import production
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Relying solely on manual approvals without automated gates."
_NOTHING_FAILED = "!cancelled() && !failure()"
"""Together they pass over jobs that were left out, never over one that failed or was stopped."""
_ALWAYS = re.compile(r"\balways\(\)|!\s*(cancelled|failure)\(\)")
_SUPPRESSION = re.compile(
    r"(?P<what>shellcheck\s+disable=\S+|hadolint\s+(?:global\s+)?ignore=\S+|zizmor:\s*ignore(?:\[[^\]]*\])?|"
    r"(?:checkov|tfsec|trivy|kics)[:-](?:skip|ignore)\S*|nosec\b|pragma:\s*allowlist\s+(?:nextline\s+)?secret)(?P<why>.*)$"
)
_TEXT = (".md", ".json")


def approval_without_gate(facts: Facts) -> Iterator[Hit]:
    """Production jobs that only a person stands before."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            if job.rolls_out(production(facts)) is None:
                continue
            gates = [
                other
                for other in pipeline.before(job)
                if not other.tolerated
                and (
                    any(step.checks and not step.tolerated for step in other.steps)
                    or any(call.verb in ("smoke", "rollout") for call in other.calls)
                )
            ]
            if not gates:
                yield Hit(f"no automated check must pass before the job {job.id}", job.file, job.line)


def no_approval(facts: Facts) -> Iterator[Hit]:
    """Production jobs without the environment that its protection rules hang on, or that run whatever failed before."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            call = job.rolls_out(production(facts))
            if call is None:
                continue
            if not job.environment:
                yield Hit(f"the job {job.id} rolls out {call.environment} outside any environment", job.file, job.line)
            elif _ALWAYS.search(job.condition.replace(_NOTHING_FAILED, "")):
                yield Hit(f"the job {job.id} runs even when what it needs has failed", job.file, job.line)


def tolerated_failure(facts: Facts) -> Iterator[Hit]:
    """Checks and rollouts that may fail without stopping anything."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            if job.tolerated:
                yield Hit(f"the job {job.id} may fail and the pipeline goes on", job.file, job.line)
            for step in job.steps:
                if step.tolerated:
                    yield Hit(f"a step of {job.id} may fail and the job goes on", job.file, step.line)
                for number, row in enumerate(step.run.splitlines()):
                    gate = step.checks or re.search(
                        r"deploy/smoke\.sh|deploy/deploy\.sh\W+(plan|rollout|rollback)\b", row
                    )
                    if gate and re.search(r"\|\|\s*(true|:|exit 0)\s*$", row):
                        yield Hit(f"a check of {job.id} may fail unseen", job.file, step.run_line + number)


def silenced(facts: Facts) -> Iterator[Hit]:
    """Comments that switch a check off without saying why, and any that hide a secret."""
    for artifact in facts.bundle:
        if PurePosixPath(artifact.path).suffix in _TEXT:
            continue
        for number, row in enumerate(artifact.content.splitlines(), 1):
            found = _SUPPRESSION.search(row) if "#" in row or "//" in row else None
            if found is None or not re.search(r"(#|//).*" + re.escape(found["what"]), row):
                continue
            if "allowlist" in found["what"]:
                yield Hit("a comment hides this line from the secret scan", artifact.path, number)
            elif len(re.findall(r"\w{3,}", found["why"])) < 2 and not _explained(artifact.content, number):
                yield Hit(f"{found['what'].strip()} does not say why", artifact.path, number, severity="warning")


def _explained(text: str, number: int) -> bool:
    above = text.splitlines()[number - 2].strip() if number > 1 else ""
    return above.startswith(("#", "//")) and len(re.findall(r"\w{3,}", above)) >= 3 and not _SUPPRESSION.search(above)


RULES = (
    Rule(
        "HUG-P1a", "Automated gates stand before a person", SOURCE,
        "A person who is the only check approves what looks right.",
        "let the job need one that tests, scans or smoke-tests", approval_without_gate, owner="devops",
    ),
    Rule(
        "HUG-P1b", "Production is behind its environment", SOURCE,
        "Approvals, windows and credentials hang on the environment; a job outside it has none of them.",
        "set the job's environment, and let it run only on success", no_approval, owner="devops",
    ),
    Rule(
        "HUG-P1c", "A failed check stops the pipeline", SOURCE,
        "A check that may fail is a decoration.",
        "remove continue-on-error and `|| true`", tolerated_failure, owner="devops",
    ),
    Rule(
        "HUG-P1d", "No check is silenced without a reason", SOURCE,
        "A suppression outlives the reason that nobody wrote down.",
        "remove it, or write the reason beside it or on the line above", silenced,
    ),
)  # fmt: skip
