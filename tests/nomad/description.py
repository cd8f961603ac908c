"""The operations of Nomad that the target nomad uses: methods, paths, parameters and requests, written over by hand.

Source: HashiCorp's own OpenAPI description, hashicorp/nomad-openapi, v1/openapi.yaml (MPL-2.0; names and types only). It has what
Nomad 1.3 had, and is no longer kept; newer than it are `Variables` of a parse with its namespace, `IdPrefixTemplate` and `Priority`
of a dispatch, `EvalPriority`, `Submission`, two parameters of a stop, and the services: they are as the package nomadpy (MPL-2.0)
has them. What jobs and answers consist of is held against the structures of that package, see tests/nomad/server.py.
"""

from __future__ import annotations

from typing import Any

from tests.described import ANYTHING, BOOLEAN, INTEGER, OBJECT, STRING, TEXT, Operation, Schema, body, many, nullable
from tests.described import judged as _judged

_ANSWER: dict[int, Schema] = {200: ANYTHING}
_WHERE: dict[str, Schema] = {"region": STRING, "namespace": STRING}
_PAGE: dict[str, Schema] = {"per_page": INTEGER, "next_token": STRING}
_READ: dict[str, Schema] = {**_WHERE, **_PAGE, "wait": STRING, "stale": STRING, "prefix": STRING}
_WRITE: dict[str, Schema] = {**_WHERE, "idempotency_token": STRING}
_STOP: dict[str, Schema] = {
    "purge": BOOLEAN,
    "global": BOOLEAN,
    "eval_priority": INTEGER,
    "no_shutdown_delay": BOOLEAN,
}
_REQUEST: dict[str, Schema] = {"Namespace": STRING, "Region": STRING, "SecretID": STRING}
_JOB = "/v1/job/[^/]+"
_DEPLOYMENT = "/v1/deployment/{action}/[^/]+"
PARSE = body("JobHCL", JobHCL=STRING, Canonicalize=BOOLEAN, hclv1=BOOLEAN, Variables=STRING)
PLAN = body("Job", Job=OBJECT, Diff=BOOLEAN, PolicyOverride=BOOLEAN, **_REQUEST)
REGISTER = body(
    "Job",
    Job=OBJECT,
    EnforceIndex=BOOLEAN,
    JobModifyIndex=INTEGER,
    PolicyOverride=BOOLEAN,
    PreserveCounts=BOOLEAN,
    EvalPriority=INTEGER,
    Submission=OBJECT,
    **_REQUEST,
)
DISPATCH = body(
    JobID=STRING,
    Meta=nullable({"type": "object", "additionalProperties": STRING}),
    Payload=nullable(STRING),
    IdPrefixTemplate=STRING,
    Priority=INTEGER,
)
REVERT = body("JobID JobVersion", JobID=STRING, JobVersion=INTEGER, EnforcePriorVersion=nullable(INTEGER), **_REQUEST)
PROMOTE = body("DeploymentID", DeploymentID=STRING, All=BOOLEAN, Groups=many(STRING), **_REQUEST)
PAUSE = body("DeploymentID Pause", DeploymentID=STRING, Pause=BOOLEAN, **_REQUEST)
FAIL = body(DeploymentID=STRING, **_REQUEST)
OPERATIONS = (
    Operation("POST", "/v1/jobs", _ANSWER, sent=REGISTER, query=_WRITE),
    Operation("POST", "/v1/jobs/parse", _ANSWER, sent=PARSE, query=_WHERE),
    Operation("GET", _JOB, _ANSWER, query=_READ),
    Operation("DELETE", _JOB, _ANSWER, query={**_WRITE, **_STOP}),
    Operation("GET", f"{_JOB}/allocations", _ANSWER, query={**_READ, "all": BOOLEAN}),
    Operation("GET", f"{_JOB}/deployment", _ANSWER, query=_READ),
    Operation("GET", f"{_JOB}/evaluations", _ANSWER, query=_READ),
    Operation("GET", f"{_JOB}/versions", _ANSWER, query={**_READ, "diffs": BOOLEAN}),
    Operation("POST", f"{_JOB}/plan", _ANSWER, sent=PLAN, query=_WRITE),
    Operation("POST", f"{_JOB}/dispatch", _ANSWER, sent=DISPATCH, query=_WRITE),
    Operation("POST", f"{_JOB}/revert", _ANSWER, sent=REVERT, query=_WRITE),
    Operation("POST", _DEPLOYMENT.format(action="promote"), _ANSWER, sent=PROMOTE, query=_WRITE),
    Operation("POST", _DEPLOYMENT.format(action="pause"), _ANSWER, sent=PAUSE, query=_WRITE),
    Operation("POST", _DEPLOYMENT.format(action="fail"), _ANSWER, sent=FAIL, query=_WRITE),
    Operation("GET", "/v1/service/[^/]+", _ANSWER, query=_READ),
)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What HashiCorp's description has against a call and its answer; a refusal is a text.

    PUT is as good as POST: the description posts, Nomad's own client puts.
    """
    return _judged(OPERATIONS, TEXT, "POST" if method == "PUT" else method, path, query, sent, status, said)
