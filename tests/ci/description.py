"""Eight operations of CircleCI's own OpenAPI description of its API v2, written over by hand: what bodies must be.

Source: circleci/circleci-docs, docs/reference/modules/ROOT/attachments/openapi-final.json at commit c30e2bde (MIT by its own
`info.license`); descriptions and examples left out, `x-nullable` as a type. Every body that the emulator hears or says is
judged by this; a property that is not here is an error.
"""

from __future__ import annotations

from typing import Any

from tests.described import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    UUID,
    Operation,
    Schema,
    body,
    many,
    nullable,
    one_of,
)
from tests.described import judged as _judged


def listed(items: Schema) -> Schema:
    return body("items next_page_token", items=many(items), next_page_token=nullable(STRING))


VALUES: Schema = {"type": "object", "additionalProperties": {"anyOf": [INTEGER, STRING, BOOLEAN]}}
STATE = one_of("created", "errored", "setup-pending", "setup", "pending")
PIPELINE = body(
    "id number project_slug created_at errors state trigger",
    id=UUID,
    errors={
        "type": "array",
        "items": body(
            "type message",
            type=one_of(
                "config",
                "invalid-trigger-setup",
                "config-fetch",
                "timeout",
                "permission",
                "other",
                "trigger-rule",
                "plan",
            ),
            message=STRING,
        ),
    },
    project_slug=STRING,
    updated_at=TIME,
    number=INTEGER,
    trigger_parameters=OBJECT,
    state=STATE,
    created_at=TIME,
    trigger=body(
        "type received_at actor",
        type=one_of("scheduled_pipeline", "explicit", "api", "webhook"),
        received_at=TIME,
        actor=body("login avatar_url", login=STRING, avatar_url=nullable(STRING)),
    ),
    vcs=body(
        "provider_name origin_repository_url target_repository_url revision",
        provider_name=STRING,
        target_repository_url=STRING,
        branch=STRING,
        review_id=STRING,
        review_url=STRING,
        revision=nullable(STRING),
        tag=STRING,
        commit=OBJECT,
        origin_repository_url=STRING,
    ),
)
WORKFLOW = body(
    "id name status created_at stopped_at pipeline_id pipeline_number project_slug started_by",
    pipeline_id=UUID,
    canceled_by=UUID,
    id=UUID,
    auto_rerun_number=INTEGER,
    name=STRING,
    project_slug=STRING,
    errored_by=UUID,
    tag=nullable(STRING),
    status=one_of("success", "running", "not_run", "failed", "error", "failing", "on_hold", "canceled", "unauthorized"),
    started_by=UUID,
    max_auto_reruns=INTEGER,
    pipeline_number=INTEGER,
    created_at=TIME,
    stopped_at=nullable(TIME),
)
JOB = body(
    "id name started_at dependencies project_slug status type",
    canceled_by=UUID,
    dependencies={"type": "array", "items": UUID},
    job_number=INTEGER,
    id=UUID,
    started_at=TIME,
    name=STRING,
    approved_by=UUID,
    project_slug=STRING,
    status=one_of(
        "success", "running", "not_run", "failed", "retried", "queued", "not_running", "infrastructure_fail", "timedout",
        "on_hold", "terminated-unknown", "blocked", "canceled", "unauthorized",
    ),
    type=one_of("build", "approval"),
    requires=OBJECT,
    stopped_at=nullable(TIME),
    approval_request_id=UUID,
)  # fmt: skip
ARTIFACT = body("path node_index url", path=STRING, node_index=INTEGER, url=STRING)
MESSAGE = body("message", message=STRING)
TIMETABLE: Schema = {
    "anyOf": [
        body("per-hour hours-of-day days-of-week", **{
            "per-hour": INTEGER,
            "hours-of-day": {"type": "array", "items": INTEGER},
            "days-of-week": {"type": "array", "items": one_of(*"MON TUE WED THU FRI SAT SUN".split())},
            "months": {"type": "array", "items": one_of(*"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())},
        }),
        body("per-hour hours-of-day days-of-month", **{
            "per-hour": INTEGER,
            "hours-of-day": {"type": "array", "items": INTEGER},
            "days-of-month": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 31}},
            "months": {"type": "array", "items": one_of(*"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())},
        }),
    ]
}  # fmt: skip
_PROJECT = r"/api/v2/project/[^/]+/[^/]+/[^/]+"
_ID = "/[0-9a-f-]{36}"
OPERATIONS = (
    Operation(
        "POST",
        f"{_PROJECT}/pipeline",
        {201: body("id state number created_at", id=UUID, state=STATE, number=INTEGER, created_at=TIME)},
        sent=body(branch=STRING, tag=STRING, parameters=VALUES),
    ),
    Operation("GET", f"{_PROJECT}/pipeline", {200: listed(PIPELINE)}, query={"branch": STRING, "page-token": STRING}),
    Operation("GET", rf"{_PROJECT}/\d+/artifacts", {200: listed(ARTIFACT)}),
    Operation("GET", f"/api/v2/pipeline{_ID}", {200: PIPELINE}),
    Operation("GET", f"/api/v2/pipeline{_ID}/workflow", {200: listed(WORKFLOW)}, query={"page-token": STRING}),
    Operation("GET", f"/api/v2/workflow{_ID}", {200: WORKFLOW}),
    Operation("GET", f"/api/v2/workflow{_ID}/job", {200: listed(JOB)}),
    Operation("POST", f"/api/v2/workflow{_ID}/cancel", {202: MESSAGE}),
)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What CircleCI's description has against a call and its answer; any refusal says `message`."""
    return _judged(OPERATIONS, body(message=STRING), method, path, query, sent, status, said)
