"""The operations of Gate that the target spinnaker uses, and what the bodies are that Gate's description types as maps.

Paths and parameters: Gate's Swagger description, gateapi/api/swagger.yaml of spinnaker/spin. Statuses: PipelineController of
spinnaker/gate. Bodies, by name and type: Pipeline of front50-api and what Deck adds to it (IPipeline of npm's @spinnaker/core
0.29.1); PipelineExecutionImpl, StageExecutionImpl, DefaultTrigger, ExecutionStatus of orca; Artifact of kork-artifacts. All
Apache-2.0, written over by hand. A stage of a pipeline is a map in the source too: our gate `spinnaker-pipelines` knows its kinds.
"""

from __future__ import annotations

from typing import Any

from tests.described import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NOTHING,
    OBJECT,
    STRING,
    Operation,
    Schema,
    body,
    many,
    nullable,
    one_of,
)
from tests.described import judged as _judged

STATUS = one_of(
    "NOT_STARTED", "RUNNING", "PAUSED", "SUSPENDED", "SUCCEEDED", "FAILED_CONTINUE", "TERMINAL", "CANCELED", "REDIRECT",
    "STOPPED", "SKIPPED", "BUFFERED",
)  # fmt: skip
ARTIFACT = body(
    type=STRING,
    customKind=BOOLEAN,
    name=STRING,
    version=STRING,
    location=STRING,
    reference=STRING,
    metadata=OBJECT,
    artifactAccount=STRING,
    provenance=STRING,
    uuid=STRING,
)
EXPECTED = body(
    "id matchArtifact",
    id=STRING,
    displayName=STRING,
    matchArtifact=ARTIFACT,
    defaultArtifact=ARTIFACT,
    boundArtifact=ARTIFACT,
    useDefaultArtifact=BOOLEAN,
    usePriorArtifact=BOOLEAN,
)
PARAMETER = body(
    "name",
    name=STRING,
    label=STRING,
    description=STRING,
    default=STRING,
    required=BOOLEAN,
    hasOptions=BOOLEAN,
    options=many(body("value", value=STRING)),
    pinned=BOOLEAN,
    constraint=STRING,
    condition=OBJECT,
)
STAGE: Schema = {
    "type": "object",
    "properties": {
        "type": STRING,
        "name": STRING,
        "refId": STRING,
        "requisiteStageRefIds": many(STRING),
        "comments": STRING,
        "failPipeline": BOOLEAN,
        "continuePipeline": BOOLEAN,
        "completeOtherBranchesThenFail": BOOLEAN,
        "stageEnabled": body("type expression", type=one_of("expression"), expression=STRING),
        "notifications": many(OBJECT),
        "sendNotifications": BOOLEAN,
    },
    "required": ["type", "name", "refId", "requisiteStageRefIds"],
}
_PIPELINE: dict[str, Schema] = {
    "name": STRING,
    "application": STRING,
    "schema": STRING,
    "description": STRING,
    "type": STRING,
    "email": STRING,
    "disabled": BOOLEAN,
    "roles": many(STRING),
    "spelEvaluator": STRING,
    "executionEngine": STRING,
    "keepWaitingPipelines": BOOLEAN,
    "limitConcurrent": BOOLEAN,
    "maxConcurrentExecutions": INTEGER,
    "triggers": many(OBJECT),
    "stages": many(STAGE),
    "parameterConfig": many(PARAMETER),
    "expectedArtifacts": many(EXPECTED),
    "notifications": many(OBJECT),
    "locked": body("ui", ui=BOOLEAN, allowUnlockUi=BOOLEAN, description=STRING),
    "tags": many(body("name value", name=STRING, value=STRING)),
    "respectQuietPeriod": BOOLEAN,
    "id": STRING,
    "index": INTEGER,
}
PIPELINE = body("name application stages triggers", **_PIPELINE)
SAVED = body(
    "name application stages triggers id schema",
    createTs=STRING,
    updateTs=STRING,
    lastModified=INTEGER,
    lastModifiedBy=STRING,
    **_PIPELINE,
)
_TRIGGER: dict[str, Schema] = {
    "type": STRING,
    "correlationId": STRING,
    "user": STRING,
    "parameters": OBJECT,
    "artifacts": many(ARTIFACT),
    "notifications": many(OBJECT),
    "rebake": BOOLEAN,
    "dryRun": BOOLEAN,
    "strategy": BOOLEAN,
}
TRIGGER = body("type", **_TRIGGER)
TRIGGERED = body(
    "type correlationId user parameters artifacts notifications rebake dryRun strategy resolvedExpectedArtifacts",
    resolvedExpectedArtifacts=many(EXPECTED),
    **_TRIGGER,
)
_WHEN = nullable(INTEGER)
STAGE_EXECUTION = body(
    "id refId type name status context outputs tasks requisiteStageRefIds",
    id=STRING,
    refId=STRING,
    type=STRING,
    name=STRING,
    startTime=_WHEN,
    endTime=_WHEN,
    startTimeExpiry=_WHEN,
    scheduledTime=_WHEN,
    status=STATUS,
    # What makes a stage is taken out of its context: see PipelineBuilder and StageExecutionImpl.
    context={
        "type": "object",
        "properties": {"type": False, "name": False, "refId": False, "requisiteStageRefIds": False},
    },
    outputs=OBJECT,
    tasks=many(OBJECT),
    syntheticStageOwner=nullable(one_of("STAGE_BEFORE", "STAGE_AFTER")),
    parentStageId=nullable(STRING),
    requisiteStageRefIds=many(STRING),
    lastModified=nullable(OBJECT),
    additionalMetricTags=nullable(OBJECT),
)
EXECUTION = body(
    "type id application name buildTime canceled status stages trigger pipelineConfigId",
    type=one_of("PIPELINE"),
    id=STRING,
    rootId=STRING,
    application=STRING,
    name=nullable(STRING),
    buildTime=_WHEN,
    canceled=BOOLEAN,
    canceledBy=nullable(STRING),
    cancellationReason=nullable(STRING),
    limitConcurrent=BOOLEAN,
    maxConcurrentExecutions=INTEGER,
    keepWaitingPipelines=BOOLEAN,
    stages=many(STAGE_EXECUTION),
    startTime=_WHEN,
    endTime=_WHEN,
    startTimeExpiry=_WHEN,
    status=STATUS,
    authentication=nullable(OBJECT),
    paused=nullable(OBJECT),
    origin=nullable(STRING),
    trigger=TRIGGERED,
    description=nullable(STRING),
    pipelineConfigId=nullable(STRING),
    source=nullable(OBJECT),
    notifications=many(OBJECT),
    initialConfig=OBJECT,
    systemNotifications=many(OBJECT),
    spelEvaluator=nullable(STRING),
    templateVariables=nullable(OBJECT),
    partition=nullable(STRING),
)
_ONE = "/pipelines/[^/]+"
_LIST: dict[str, Schema] = {"expand": BOOLEAN, "limit": INTEGER, "statuses": STRING}
OPERATIONS = (
    Operation("GET", "/applications/[^/]+/pipelineConfigs", {200: many(SAVED)}),
    Operation("GET", "/applications/[^/]+/pipelines", {200: many(EXECUTION)}, query=_LIST),
    Operation("POST", "/pipelines", {200: NOTHING}, sent=PIPELINE, query={"staleCheck": BOOLEAN}),
    Operation("POST", f"{_ONE}/[^/]+", {202: body("ref", ref=STRING)}, sent=TRIGGER),
    Operation("GET", _ONE, {200: EXECUTION}),
    Operation("PUT", f"{_ONE}/cancel", {200: NOTHING}, query={"force": BOOLEAN, "reason": STRING}),
)
"""What we may call. `PATCH /pipelines/{id}/stages/{stageId}`, which answers judgments, is described too, and never ours."""
REFUSAL = body(
    "message", timestamp=ANYTHING, status=INTEGER, error=STRING, message=STRING, exception=STRING, body=ANYTHING
)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Spinnaker's description and its sources have against a call and its answer."""
    return _judged(OPERATIONS, REFUSAL, method, path, query, sent, status, said)
