"""The operations that the target gitlab_ci uses, as GitLab's own API description has them, written over by hand.

Source: gitlabhq/gitlabhq, doc/api/openapi/openapi_v3.yaml of GitLab 19.5 (the file is CC BY-SA 4.0; here are names and types only),
and lib/api, which it is generated from, for what requests take. Three answers are as lib/api gives them and not as the file says:

- the rows of `GET pipelines` have a `name`: lib/api/ci/pipelines.rb presents PipelineBasicWithMetadata, described is PipelineBasic;
- what makes a commit or a branch answers 201, Grape's own status of a POST; described is 200 for the commit;
- the trace of a job and the content of a blob are text; described is no body.

What is made, cancelled or tried again (`Ci::Pipeline`) has no `name`; only what is looked at has.
"""

from __future__ import annotations

from typing import Any

from tests.described import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NOTHING,
    NUMBER,
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

STATUS = one_of(
    *"created waiting_for_resource preparing waiting_for_callback pending running success failed canceling canceled skipped "
    "manual scheduled".split()
)
SOURCE = one_of(
    *"unknown push web trigger schedule api external pipeline chat webide merge_request_event external_pull_request_event "
    "parent_pipeline ondemand_dast_scan ondemand_dast_validation security_orchestration_policy container_registry_push "
    "duo_workflow pipeline_execution_policy_schedule dependency_management_security_update".split()
)
PROJECT = body(
    "id path_with_namespace default_branch",
    id=INTEGER,
    name=STRING,
    path=STRING,
    path_with_namespace=STRING,
    default_branch=STRING,
    web_url=STRING,
)
"""Of some hundred properties those that say which project it is."""
_COMMIT: dict[str, Schema] = {
    "id": STRING,
    "short_id": STRING,
    "created_at": TIME,
    "parent_ids": many(STRING),
    "title": STRING,
    "message": STRING,
    "author_name": STRING,
    "author_email": STRING,
    "authored_date": TIME,
    "committer_name": STRING,
    "committer_email": STRING,
    "committed_date": TIME,
    "trailers": OBJECT,
    "extended_trailers": OBJECT,
    "web_url": STRING,
}
COMMIT = body("id message", **_COMMIT)
COMMIT_DETAIL = body(
    "id message", **_COMMIT, stats=OBJECT, status=nullable(STRING), project_id=INTEGER, last_pipeline=nullable(OBJECT)
)
BRANCH = body(
    "name commit",
    name=STRING,
    commit=COMMIT,
    merged=BOOLEAN,
    protected=BOOLEAN,
    developers_can_push=BOOLEAN,
    developers_can_merge=BOOLEAN,
    can_push=BOOLEAN,
    default=BOOLEAN,
    web_url=STRING,
)
TREE = body(
    "id name type path mode", id=STRING, name=STRING, type=one_of("tree", "blob", "commit"), path=STRING, mode=STRING
)
_MERGE_REQUEST: dict[str, Schema] = {
    "id": INTEGER,
    "iid": INTEGER,
    "project_id": INTEGER,
    "title": STRING,
    "description": nullable(STRING),
    "state": one_of("opened", "closed", "locked", "merged"),
    "created_at": TIME,
    "updated_at": TIME,
    "merged_at": nullable(TIME),
    "closed_at": nullable(TIME),
    "target_branch": STRING,
    "source_branch": STRING,
    "source_project_id": INTEGER,
    "target_project_id": INTEGER,
    "draft": BOOLEAN,
    "merge_status": STRING,
    "detailed_merge_status": STRING,
    "merge_after": nullable(TIME),
    "sha": nullable(STRING),
    "merge_commit_sha": nullable(STRING),
    "squash_commit_sha": nullable(STRING),
    "reference": STRING,
    "references": OBJECT,
    "web_url": STRING,
    "squash": BOOLEAN,
    "squash_on_merge": BOOLEAN,
    "has_conflicts": BOOLEAN,
    "blocking_discussions_resolved": BOOLEAN,
}
MERGE_REQUEST_ROW = body("iid state source_branch target_branch web_url", **_MERGE_REQUEST)
MERGE_REQUEST = body(
    "iid state source_branch target_branch web_url has_conflicts detailed_merge_status",
    **_MERGE_REQUEST,
    merge_error=nullable(STRING),
    diff_refs=OBJECT,
    head_pipeline=nullable(OBJECT),
)
_PIPELINE: dict[str, Schema] = {
    "id": INTEGER,
    "iid": INTEGER,
    "project_id": INTEGER,
    "sha": STRING,
    "ref": STRING,
    "status": STATUS,
    "source": SOURCE,
    "created_at": TIME,
    "updated_at": TIME,
    "web_url": STRING,
}
_MORE: dict[str, Schema] = {
    "before_sha": STRING,
    "tag": BOOLEAN,
    "yaml_errors": nullable(STRING),
    "user": OBJECT,
    "started_at": nullable(TIME),
    "finished_at": nullable(TIME),
    "committed_at": nullable(TIME),
    "duration": nullable(INTEGER),
    "queued_duration": nullable(INTEGER),
    "coverage": nullable(NUMBER),
    "detailed_status": OBJECT,
    "archived": BOOLEAN,
}
_SHOWN = "id iid project_id sha ref status source web_url"
PIPELINE_ROW = body(f"{_SHOWN} name", **_PIPELINE, name=nullable(STRING))
PIPELINE_MADE = body(_SHOWN, **_PIPELINE, **_MORE)
PIPELINE = body(f"{_SHOWN} name", **_PIPELINE, **_MORE, name=nullable(STRING))
_JOB: dict[str, Schema] = {
    "id": INTEGER,
    "status": STATUS,
    "stage": STRING,
    "name": STRING,
    "ref": STRING,
    "tag": BOOLEAN,
    "coverage": nullable(NUMBER),
    "allow_failure": BOOLEAN,
    "created_at": TIME,
    "started_at": nullable(TIME),
    "finished_at": nullable(TIME),
    "erased_at": nullable(TIME),
    "duration": nullable(NUMBER),
    "queued_duration": nullable(NUMBER),
    "user": OBJECT,
    "commit": COMMIT,
    "pipeline": OBJECT,
    "failure_reason": STRING,
    "web_url": STRING,
    "project": OBJECT,
}
JOB = body(
    "id status name",
    **_JOB,
    archived=BOOLEAN,
    artifacts=many(OBJECT),
    artifacts_expire_at=nullable(TIME),
    artifacts_file=OBJECT,
    runner=nullable(OBJECT),
    runner_manager=nullable(OBJECT),
    tag_list=many(STRING),
)
JOB_BASIC = body("id status name", **_JOB)

_ACTION = body(
    "action file_path",
    action=one_of("create", "delete", "move", "update", "chmod"),
    file_path=STRING,
    previous_path=STRING,
    content=STRING,
    encoding=one_of("text", "base64"),
    last_commit_id=STRING,
    execute_filemode=BOOLEAN,
)
_NEW_COMMIT = body(
    "branch commit_message actions",
    branch=STRING,
    commit_message=STRING,
    actions=many(_ACTION),
    start_branch=STRING,
    start_sha=STRING,
    start_project=STRING,
    author_email=STRING,
    author_name=STRING,
    stats=BOOLEAN,
    force=BOOLEAN,
)
_OF_A_REQUEST: dict[str, Schema] = {
    "title": STRING,
    "target_branch": STRING,
    "description": STRING,
    "remove_source_branch": BOOLEAN,
    "allow_collaboration": BOOLEAN,
    "squash": BOOLEAN,
    "merge_after": STRING,
}
_NEW_REQUEST = body(
    "title source_branch target_branch", **_OF_A_REQUEST, source_branch=STRING, target_project_id=INTEGER
)
_CHANGED_REQUEST = {
    **body(**_OF_A_REQUEST, state_event=one_of("close", "reopen"), discussion_locked=BOOLEAN),
    "minProperties": 1,
}
_MERGE = body(
    merge_commit_message=STRING,
    squash_commit_message=STRING,
    should_remove_source_branch=BOOLEAN,
    merge_when_pipeline_succeeds=BOOLEAN,
    auto_merge=BOOLEAN,
    sha=STRING,
    squash=BOOLEAN,
)
_VARIABLE = body(key=STRING, value=STRING, variable_type=one_of("env_var", "file"))
_NEW_PIPELINE = body("ref", ref=STRING, variables=many(_VARIABLE), inputs=OBJECT)

_PAGES: dict[str, Schema] = {"page": INTEGER, "per_page": {"type": "integer", "minimum": 1, "maximum": 100}}
_TREE = {"ref": STRING, "path": STRING, "recursive": BOOLEAN, "pagination": one_of("legacy", "keyset", "none")}
_REQUESTS = {
    "state": one_of("opened", "closed", "locked", "merged", "all"),
    "source_branch": STRING,
    "target_branch": STRING,
    "sort": one_of("asc", "desc"),
}
_PIPELINES = {
    "scope": one_of("running", "pending", "finished", "branches", "tags"),
    "status": STATUS,
    "ref": STRING,
    "sha": STRING,
    "username": STRING,
    "order_by": one_of("id", "status", "ref", "updated_at", "user_id"),
    "sort": one_of("asc", "desc"),
    "source": SOURCE,
    "name": STRING,
}
_P = "/api/v4/projects/[^/]+"
OPERATIONS = (
    Operation("GET", _P, {200: PROJECT}),
    Operation("GET", f"{_P}/repository/branches/[^/]+", {200: BRANCH}),
    Operation("DELETE", f"{_P}/repository/branches/[^/]+", {204: NOTHING}),
    Operation("POST", f"{_P}/repository/branches", {201: BRANCH}, sent=body("branch ref", branch=STRING, ref=STRING)),
    Operation("GET", f"{_P}/repository/tree", {200: many(TREE)}, query=_TREE | _PAGES),
    Operation("GET", f"{_P}/repository/blobs/[0-9a-f]+/raw", {200: TEXT}),
    Operation("POST", f"{_P}/repository/commits", {201: COMMIT_DETAIL}, sent=_NEW_COMMIT),
    Operation("GET", f"{_P}/merge_requests", {200: many(MERGE_REQUEST_ROW)}, query=_REQUESTS | _PAGES),
    Operation("POST", f"{_P}/merge_requests", {201: MERGE_REQUEST}, sent=_NEW_REQUEST),
    Operation("GET", rf"{_P}/merge_requests/\d+", {200: MERGE_REQUEST}),
    Operation("PUT", rf"{_P}/merge_requests/\d+", {200: MERGE_REQUEST}, sent=_CHANGED_REQUEST),
    Operation("PUT", rf"{_P}/merge_requests/\d+/merge", {200: MERGE_REQUEST}, sent=_MERGE),
    Operation("GET", f"{_P}/pipelines", {200: many(PIPELINE_ROW)}, query=_PIPELINES | _PAGES),
    Operation("POST", f"{_P}/pipeline", {201: PIPELINE_MADE}, sent=_NEW_PIPELINE),
    Operation("GET", rf"{_P}/pipelines/\d+", {200: PIPELINE}),
    Operation(
        "GET",
        rf"{_P}/pipelines/\d+/jobs",
        {200: many(JOB)},
        query={"include_retried": BOOLEAN, "scope": STATUS} | _PAGES,
    ),
    Operation("POST", rf"{_P}/pipelines/\d+/cancel", {200: PIPELINE_MADE}),
    Operation("POST", rf"{_P}/pipelines/\d+/retry", {201: PIPELINE_MADE}),
    Operation("POST", rf"{_P}/jobs/\d+/play", {200: JOB_BASIC}),
    Operation("GET", rf"{_P}/jobs/\d+/trace", {200: TEXT}),
)
REFUSAL: Schema = {"anyOf": [body("message", message=ANYTHING), body("error", error=STRING, error_description=STRING)]}


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What GitLab's description has against a call and its answer."""
    return _judged(OPERATIONS, REFUSAL, method, path, query, sent, status, said)
