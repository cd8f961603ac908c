"""How the world differs from the stack, and the stack from the bundle."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from hug_agents.adapters.cloudformation.stack import Now, Stack
from hug_agents.adapters.cloudformation.wanted import Wanted
from hug_agents.errors import HttpError
from hug_agents.execute.target import Drift
from hug_agents.spec import CONTROL

PASSED = ("/DesiredCount", "/EngineVersion")
"""What others change on purpose: autoscaling sets numbers of tasks, RDS upgrades itself to a newer minor version."""


def stack_against_bundle(now: Now, wanted: Wanted) -> list[str]:
    """What the bundle wants otherwise than the stack has it."""
    found = []
    if now.template != wanted.template:
        found.append("the stack's template is not the bundle's")
    mine = now.parameters or {}
    names = sorted(name for name, value in wanted.parameters.items() if mine.get(name) != value)
    return found + [f"the parameter {name} is not as the bundle has it" for name in names]


def world_against_stack(stack: Stack, seconds: float, poll: float) -> list[str]:
    """Resources that were changed outside CloudFormation, by its own drift detection. Raises HttpError."""
    aws = stack.aws
    started = aws.call("cloudformation", "detect_stack_drift", StackName=stack.name)["StackDriftDetectionId"]
    until = time.monotonic() + seconds
    while True:
        row = aws.call("cloudformation", "describe_stack_drift_detection_status", StackDriftDetectionId=started)
        if row["DetectionStatus"] == "DETECTION_COMPLETE":
            break
        if row["DetectionStatus"] == "DETECTION_FAILED" or time.monotonic() >= until:
            why = row.get("DetectionStatusReason") or f"it is not done after {seconds:g} s"
            raise HttpError(f"the detection of drift failed: {why}", where=stack.name)
        time.sleep(poll)
    rows = aws.pages(
        "cloudformation",
        "describe_stack_resource_drifts",
        "StackResourceDrifts",
        StackName=stack.name,
        StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
    )
    return sorted(_lines(rows))


def _lines(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    for row in rows:
        paths = sorted(
            str(item["PropertyPath"])
            for item in row.get("PropertyDifferences") or ()
            if item["PropertyPath"] not in PASSED
        )
        what = f"{row['LogicalResourceId']} ({row['ResourceType']})"
        if row["StackResourceDriftStatus"] == "DELETED":
            yield f"outside CloudFormation: destroyed {what}"
        elif paths:
            # Names only: what a property holds may be secret.
            yield CONTROL.sub(" ", f"outside CloudFormation: changed {what}: {', '.join(paths)}")[:2_000]


def as_drift(lines: list[str], evidence: str) -> Drift:
    """The answer."""
    return Drift(status="drifted" if lines else "none", changes=tuple(dict.fromkeys(lines)), evidence=evidence)
