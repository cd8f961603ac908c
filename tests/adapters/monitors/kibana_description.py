"""The operations of Kibana that the target elk uses, as Kibana's own API description has them, written over by hand.

Source: elastic/kibana (names and types only): x-pack/plugins/alerting/docs/openapi and packages/core/saved-objects/docs/openapi
of 8.x, and for the bodies of saved objects the schemas of 9.x in src/core/packages/saved-objects/server-internal/src/routes.
Rules of the type .es-query by ES|QL alone. `_bulk_get` is there too, deprecated and to be removed: the target asks `_export`.
"""

from __future__ import annotations

from typing import Any

from tests.described import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TEXT,
    TIME,
    Operation,
    Schema,
    body,
    many,
    nullable,
    one_of,
)
from tests.described import judged as _judged

_OFTEN = one_of("onActionGroupChange", "onActiveAlert", "onThrottleInterval")
_FREQUENCY = body("summary notify_when", summary=BOOLEAN, notify_when=_OFTEN, throttle=nullable(STRING))
_ACTION: dict[str, Schema] = {
    "id": STRING,
    "group": STRING,
    "params": OBJECT,
    "frequency": _FREQUENCY,
    "uuid": STRING,
    "alerts_filter": OBJECT,
    "use_alert_data_for_template": BOOLEAN,
}
PARAMS = body(
    "esqlQuery searchType size threshold thresholdComparator timeWindowSize timeWindowUnit",
    aggField=STRING,
    aggType=one_of("avg", "count", "max", "min", "sum"),
    esqlQuery=body("esql", esql=STRING),
    excludeHitsFromPreviousRun=BOOLEAN,
    groupBy=one_of("all", "top", "row"),
    searchType=one_of("esqlQuery"),
    size=INTEGER,
    termSize=INTEGER,
    threshold=many({"type": "integer", "minimum": 0, "maximum": 0}),
    thresholdComparator=one_of(">"),
    timeField=STRING,
    timeWindowSize=INTEGER,
    timeWindowUnit=one_of("s", "m", "h", "d"),
)
_SCHEDULE = body("interval", interval=STRING)
_CHANGED: dict[str, Schema] = {
    "name": STRING,
    "tags": many(STRING),
    "schedule": _SCHEDULE,
    "params": PARAMS,
    "actions": many(body("id params", **_ACTION)),
    "notify_when": nullable(_OFTEN),
    "throttle": nullable(STRING),
    "alert_delay": body("active", active=INTEGER),
}
_NEW_RULE = body(
    "consumer name params rule_type_id schedule",
    **_CHANGED,
    consumer=STRING,
    enabled=BOOLEAN,
    rule_type_id=one_of(".es-query"),
)
RULE = body(
    "actions api_key_owner consumer created_at created_by enabled execution_status id mute_all muted_alert_ids name params "
    "rule_type_id schedule tags throttle updated_at updated_by",
    **{**_CHANGED, "actions": many(body("id params connector_type_id", **_ACTION, connector_type_id=STRING))},
    api_key_created_by_user=BOOLEAN,
    api_key_owner=nullable(STRING),
    consumer=STRING,
    created_at=TIME,
    created_by=nullable(STRING),
    enabled=BOOLEAN,
    execution_status=body(last_duration=INTEGER, last_execution_date=TIME, status=STRING),
    id=STRING,
    last_run=nullable(OBJECT),
    mute_all=BOOLEAN,
    muted_alert_ids=nullable(many(STRING)),
    next_run=nullable(TIME),
    revision=INTEGER,
    rule_type_id=STRING,
    running=BOOLEAN,
    scheduled_task_id=STRING,
    updated_at=TIME,
    updated_by=nullable(STRING),
)
_EXPORT = body(
    type={"anyOf": [STRING, many(STRING)]},
    hasReference={"anyOf": [OBJECT, many(OBJECT)]},
    objects=many(body("type id", type=STRING, id=STRING)),
    search=STRING,
    includeReferencesDeep=BOOLEAN,
    excludeExportDetails=BOOLEAN,
)
IMPORTED = body(
    "success",
    success=BOOLEAN,
    successCount=INTEGER,
    errors=many(OBJECT),
    successResults=many(OBJECT),
    warnings=many(OBJECT),
)
_RULE = "/api/alerting/rule/[^/]+"
OPERATIONS = (
    Operation("GET", _RULE, {200: RULE}),
    Operation("POST", _RULE, {200: RULE}, sent=_NEW_RULE),
    Operation("PUT", _RULE, {200: RULE}, sent=body("name params schedule", **_CHANGED)),
    Operation("POST", "/api/saved_objects/_export", {200: TEXT}, sent=_EXPORT),
    Operation(
        "POST",
        "/api/saved_objects/_import",
        {200: IMPORTED},
        sent=TEXT,
        query={"createNewCopies": BOOLEAN, "overwrite": BOOLEAN, "compatibilityMode": BOOLEAN},
    ),
)
REFUSAL = body("message", statusCode=INTEGER, error=STRING, message=STRING, attributes=OBJECT)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Kibana's description has against a call and its answer."""
    return _judged(OPERATIONS, REFUSAL, method, path, query, sent, status, said)
