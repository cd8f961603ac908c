"""The operations that the target grafana uses, as Grafana's own API description has them, written over by hand.

Source: the description of Grafana 12 (public/openapi3.json of grafana/grafana, AGPL-3.0; here are names and types only), as
grafana/grafana-openapi-client-go has it (Apache-2.0, generated from it), and the structures that it is generated from for rules
(pkg/services/ngalert/api/tooling/definitions) and folders (pkg/services/folder), which are newer there.
"""

from __future__ import annotations

from typing import Any

from tests.described import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Operation,
    Schema,
    body,
    many,
    nullable,
    one_of,
)
from tests.described import judged as _judged

UID: Schema = {"type": "string", "minLength": 1, "maxLength": 40, "pattern": r"^[a-zA-Z0-9-_]+$"}
TITLE: Schema = {"type": "string", "minLength": 1, "maxLength": 190}
DURATION: Schema = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
TEXTS: Schema = {"type": "object", "additionalProperties": STRING}
FOLDER = body(
    accessControl=OBJECT,
    canAdmin=BOOLEAN,
    canDelete=BOOLEAN,
    canEdit=BOOLEAN,
    canSave=BOOLEAN,
    created=TIME,
    createdBy=STRING,
    hasAcl=BOOLEAN,
    id=INTEGER,
    managedBy=STRING,
    orgId=INTEGER,
    parentUid=STRING,
    parents=many(OBJECT),
    title=STRING,
    uid=STRING,
    updated=TIME,
    updatedBy=STRING,
    url=STRING,
    version=INTEGER,
)
_NEW_FOLDER = body(title=STRING, uid=UID, description=STRING, parentUid=STRING)
_CHANGED_FOLDER = body(title=STRING, description=STRING, overwrite=BOOLEAN, version=INTEGER)
META = body(
    annotationsPermissions=OBJECT,
    canAdmin=BOOLEAN,
    canDelete=BOOLEAN,
    canEdit=BOOLEAN,
    canSave=BOOLEAN,
    canStar=BOOLEAN,
    created=TIME,
    createdBy=STRING,
    expires=TIME,
    folderId=INTEGER,
    folderTitle=STRING,
    folderUid=STRING,
    folderUrl=STRING,
    hasAcl=BOOLEAN,
    isFolder=BOOLEAN,
    isSnapshot=BOOLEAN,
    isStarred=BOOLEAN,
    provisioned=BOOLEAN,
    provisionedExternalId=STRING,
    publicDashboardEnabled=BOOLEAN,
    publicDashboardUid=STRING,
    slug=STRING,
    type=STRING,
    updated=TIME,
    updatedBy=STRING,
    url=STRING,
    version=INTEGER,
)
DASHBOARD = body(dashboard=OBJECT, meta=META)
_NEW_DASHBOARD = body(
    UpdatedAt=TIME,
    dashboard=OBJECT,
    folderId=INTEGER,
    folderUid=STRING,
    isFolder=BOOLEAN,
    message=STRING,
    overwrite=BOOLEAN,
    userId=INTEGER,
)
SAVED = body(
    "id status title uid url version",
    id=INTEGER,
    status=STRING,
    title=STRING,
    uid=STRING,
    url=STRING,
    version=INTEGER,
    folderUid=STRING,
)
_QUERY = body(
    datasourceUid=STRING,
    model=ANYTHING,
    queryType=STRING,
    refId=STRING,
    relativeTimeRange={"type": "object", "properties": {"from": INTEGER, "to": INTEGER}, "additionalProperties": False},
)
_NOTIFIED = body(
    "receiver",
    receiver=STRING,
    group_by=many(STRING),
    group_wait=STRING,
    group_interval=STRING,
    repeat_interval=STRING,
    mute_time_intervals=many(STRING),
    active_time_intervals=many(STRING),
)
RULE = body(
    "condition data execErrState folderUID for noDataState orgID ruleGroup title",
    **{"for": DURATION},
    id=INTEGER,
    uid=UID,
    orgID=INTEGER,
    folderUID=STRING,
    ruleGroup=TITLE,
    title=TITLE,
    condition=STRING,
    data=many(_QUERY),
    updated=TIME,
    noDataState=one_of("Alerting", "NoData", "OK", "KeepLast"),
    execErrState=one_of("Alerting", "Error", "OK", "KeepLast"),
    keep_firing_for=DURATION,
    annotations=TEXTS,
    labels=TEXTS,
    provenance=STRING,
    isPaused=BOOLEAN,
    notification_settings=nullable(_NOTIFIED),
    record=nullable(OBJECT),
    missingSeriesEvalsToResolve=INTEGER,
)
GROUP = body(folderUid=STRING, interval=INTEGER, rules=many(RULE), title=STRING)
NOTE = body(
    alertId=INTEGER,
    alertName=STRING,
    avatarUrl=STRING,
    created=INTEGER,
    dashboardId=INTEGER,
    dashboardUID=STRING,
    data=OBJECT,
    email=STRING,
    id=INTEGER,
    login=STRING,
    newState=STRING,
    panelId=INTEGER,
    prevState=STRING,
    tags=many(STRING),
    text=STRING,
    time=INTEGER,
    timeEnd=INTEGER,
    updated=INTEGER,
    userId=INTEGER,
    userUID=STRING,
)
_NEW_NOTE = body(
    "text",
    dashboardId=INTEGER,
    dashboardUID=STRING,
    data=OBJECT,
    panelId=INTEGER,
    tags=many(STRING),
    text=STRING,
    time=INTEGER,
    timeEnd=INTEGER,
)
_NOTES = {"from": INTEGER, "to": INTEGER, "limit": INTEGER, "tags": STRING, "type": one_of("alert", "annotation")}
_GROUP = "/api/v1/provisioning/folder/[^/]+/rule-groups/[^/]+"
OPERATIONS = (
    Operation("POST", "/api/folders", {200: FOLDER}, sent=_NEW_FOLDER),
    Operation("GET", "/api/folders/[^/]+", {200: FOLDER}),
    Operation("PUT", "/api/folders/[^/]+", {200: FOLDER}, sent=_CHANGED_FOLDER),
    Operation("POST", "/api/dashboards/db", {200: SAVED}, sent=_NEW_DASHBOARD),
    Operation("GET", "/api/dashboards/uid/[^/]+", {200: DASHBOARD}),
    Operation("GET", _GROUP, {200: GROUP}),
    Operation("PUT", _GROUP, {200: GROUP}, sent=GROUP),
    Operation("GET", "/api/annotations", {200: many(NOTE)}, query=_NOTES),
    Operation("POST", "/api/annotations", {200: body("id message", id=INTEGER, message=STRING)}, sent=_NEW_NOTE),
)
REFUSAL = body("message", message=STRING, error=STRING, status=STRING)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Grafana's description has against a call and its answer."""
    return _judged(OPERATIONS, REFUSAL, method, path, query, sent, status, said)
