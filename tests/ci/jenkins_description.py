"""What the target jenkins asks of a Jenkins, written over by hand from what its own sources export.

Jenkins publishes no OpenAPI description; its API is what the sources mark as `@Exported` (a controller shows it as a schema at
`…/api/schema`) and the web methods (`doStop` …). From jenkinsci/jenkins (MIT): Queue, Queue.Item and its kinds, Run, Job,
ParametersAction, ParameterizedJobMixIn, CrumbIssuer; jenkinsci/git-plugin (MIT): BuildData; jenkinsci/git-client-plugin
(MIT): Revision. The stages: the OpenAPI description of the plugin Pipeline: REST API,
rest-api/src/main/webapp/docs/openapi.yaml of jenkinsci/pipeline-stage-view-plugin (MIT), and the statuses of its StatusExt. A
third party's description, oapicf/swaggy-jenkins (MIT), has the same names for the crumb, an item of the queue and a build; it says
that one item is answered as a queue, and has no `buildWithParameters`, no cancelling and no actions but causes.
"""

from __future__ import annotations

import re
from typing import Any

from tests.described import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NOTHING,
    STRING,
    TEXT,
    Operation,
    Schema,
    body,
    many,
    nullable,
    one_of,
)
from tests.described import judged as _judged

_NUMBERED = body(_class=STRING, number=INTEGER, url=STRING)
_REVISION = body(_class=STRING, SHA1=STRING, branch=many(body(_class=STRING, SHA1=STRING, name=STRING)))
ACTION = body(
    _class=STRING,
    parameters=many(body(_class=STRING, name=STRING, value=ANYTHING)),
    causes=many(ANYTHING),
    buildsByBranchName=ANYTHING,
    lastBuiltRevision=_REVISION,
    remoteUrls=many(STRING),
    scmName=STRING,
)
BUILD = body(
    _class=STRING,
    actions=many(ACTION),
    artifacts=many(body(_class=STRING, displayPath=nullable(STRING), fileName=STRING, relativePath=STRING)),
    building=BOOLEAN,
    description=nullable(STRING),
    displayName=STRING,
    duration=INTEGER,
    estimatedDuration=INTEGER,
    executor=ANYTHING,
    fullDisplayName=STRING,
    id=STRING,
    keepLog=BOOLEAN,
    number=INTEGER,
    queueId=INTEGER,
    result=nullable(one_of("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")),
    timestamp=INTEGER,
    url=STRING,
)
JOB = body(_class=STRING, allBuilds=many(BUILD), builds=many(BUILD), name=STRING, url=STRING, inQueue=BOOLEAN)
ITEM = body(
    _class=STRING,
    actions=many(ACTION),
    blocked=BOOLEAN,
    buildable=BOOLEAN,
    buildableStartMilliseconds=INTEGER,
    id=INTEGER,
    inQueueSince=INTEGER,
    params=STRING,
    pending=BOOLEAN,
    stuck=BOOLEAN,
    task=body(_class=STRING, name=STRING, url=STRING, color=STRING),
    timestamp=INTEGER,
    url=STRING,
    why=nullable(STRING),
    cancelled=BOOLEAN,
    executable=nullable(_NUMBERED),
)
QUEUE = body(_class=STRING, discoverableItems=many(ANYTHING), items=many(ITEM))
CRUMB = body("crumb crumbRequestField", _class=STRING, crumb=STRING, crumbRequestField=STRING)
_LINKS: dict[str, Schema] = {"_links": ANYTHING}
_WHEN: dict[str, Schema] = {"startTimeMillis": INTEGER, "endTimeMillis": INTEGER, "durationMillis": INTEGER}
_STATUS = one_of(
    "NOT_EXECUTED", "ABORTED", "SUCCESS", "IN_PROGRESS", "PAUSED_PENDING_INPUT", "FAILED", "SKIPPED", "UNSTABLE"
)  # fmt: skip
_STAGE = body("id name status", id=STRING, name=STRING, status=_STATUS, **_LINKS, **_WHEN)
STAGES = body("id name status stages", id=STRING, name=STRING, status=_STATUS, stages=many(_STAGE), **_LINKS, **_WHEN)
FORM: Schema = {"type": "object", "additionalProperties": STRING}
"""The parameters of a job, by name."""
_TREE: dict[str, Schema] = {"tree": STRING}
_JOB = "/ci/job/[^/]+/job/[^/]+"
_BUILD = f"{_JOB}/[0-9]+"
OPERATIONS = (
    Operation("GET", "/ci/crumbIssuer/api/json", {200: CRUMB}),
    Operation("GET", "/ci/queue/api/json", {200: QUEUE}, query=_TREE),
    Operation("GET", "/ci/queue/item/[0-9]+/api/json", {200: ITEM}, query=_TREE),
    # An older core leads back to the page where one was.
    Operation("POST", "/ci/queue/cancelItem", {204: NOTHING, 302: NOTHING}, sent=body("id", id=STRING)),
    Operation("GET", f"{_JOB}/api/json", {200: JOB}, query=_TREE),
    Operation("POST", f"{_JOB}/buildWithParameters", {201: NOTHING}, sent=FORM),
    Operation("GET", f"{_BUILD}/api/json", {200: BUILD}, query=_TREE),
    Operation("GET", f"{_BUILD}/wfapi/describe", {200: STAGES}),
    Operation("GET", f"{_BUILD}/logText/progressiveText", {200: TEXT}, query={"start": INTEGER}),
    Operation("POST", f"{_BUILD}/stop", {302: NOTHING}, sent=body()),
)
_TREES = (
    (r".*/queue/api/json", QUEUE),
    (r".*/queue/item/\d+/api/json", ITEM),
    (r".*/\d+/api/json", BUILD),
    (r".*", JOB),
)
Tree = dict[str, "Tree"]


def parsed(tree: str) -> Tree:
    """`a,b[c,d]{0,5}` as nested names. ValueError where it is none."""
    found, rest = _names(tree)
    if rest:
        raise ValueError(f"what is {rest!r}?")
    return found


def _names(text: str) -> tuple[Tree, str]:
    found: Tree = {}
    while match := re.match(r"(\w+)(\[)?", text):
        text = text[match.end() :]
        found[match[1]] = {}
        if match[2]:
            found[match[1]], text = _names(text)
            if not text.startswith("]"):
                raise ValueError(f"an open bracket before {text!r}")
            text = re.sub(r"^\](\{\d*,\d*\})?", "", text)
        if not text.startswith(","):
            break
        text = text[1:]
    return found, text


def cut(value: Any, tree: Tree) -> Any:
    """What Jenkins shows of an object by a tree: the names in it, and what each object is."""
    if isinstance(value, list):
        return [cut(item, tree) for item in value]
    if not isinstance(value, dict) or not tree:
        return value
    return {key: cut(item, tree.get(key, {})) for key, item in value.items() if key == "_class" or key in tree}


def _unknown(tree: Tree, schema: Schema, where: str = "") -> list[str]:
    schema = next((item for item in schema.get("anyOf", ()) if item != NOTHING), schema)
    schema = schema.get("items", schema)
    if "properties" not in schema:
        return []
    found = []
    for name, inner in tree.items():
        if name not in schema["properties"]:
            found.append(f"?tree: nothing exports {where}{name}")
        else:
            found += _unknown(inner, schema["properties"][name], f"{where}{name}.")
    return found


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Jenkins' sources have against a call and its answer; a refusal is a page."""
    found = _judged(OPERATIONS, ANYTHING, method, path, query, sent, status, said)
    if "tree" in query:
        schema = next(schema for pattern, schema in _TREES if re.fullmatch(pattern, path))
        found += _unknown(parsed(query["tree"]), schema)
    return found
