"""What Jenkins' sources export, as the judge of what is asked and answered."""

from __future__ import annotations

import pytest

from hug_agents.adapters.jenkins.runner import _BUILD, _QUEUED
from tests.ci.jenkins_description import cut, judged, parsed

BUILD = {
    "_class": "WorkflowRun",
    "number": 7,
    "building": False,
    "result": "SUCCESS",
    "actions": [{}, {"parameters": []}],
}


def test_a_tree_is_read_and_an_answer_cut_by_it() -> None:
    assert parsed("a,b[c,d[e]]{0,5},f") == {"a": {}, "b": {"c": {}, "d": {"e": {}}}, "f": {}}
    assert cut(BUILD, parsed("number,actions[causes]")) == {"_class": "WorkflowRun", "number": 7, "actions": [{}, {}]}
    with pytest.raises(ValueError, match="bracket"):
        parsed("a[b")


@pytest.mark.parametrize(
    ("path", "tree", "said"),
    [
        ("/ci/job/a/job/deploy/7/api/json", _BUILD, BUILD),
        ("/ci/job/a/job/deploy/api/json", f"allBuilds[{_BUILD}]{{0,9}}", {"allBuilds": [BUILD]}),
        ("/ci/queue/api/json", f"items[{_QUEUED}]", {"items": []}),
        ("/ci/queue/item/3/api/json", _QUEUED, {"id": 3, "cancelled": True, "executable": None, "why": None}),
    ],
)
def test_what_we_ask_for_is_exported(path: str, tree: str, said: dict[str, object]) -> None:
    assert judged("GET", path, {"tree": tree}, None, 200, said) == []
    wrong = tree.replace("number", "nummer").replace("url", "uri")
    assert judged("GET", path, {"tree": wrong}, None, 200, said)


def test_what_nobody_exports_and_what_no_method_takes_is_seen() -> None:
    path = "/ci/job/a/job/deploy/7/api/json"
    assert judged("GET", path, {}, None, 200, {**BUILD, "commit": "abc"})
    assert judged("GET", path, {}, None, 200, {**BUILD, "result": "CANCELLED"})
    assert judged("POST", "/ci/queue/cancelItem", {}, {"item": "3"}, 204, None)
    assert judged("POST", "/ci/queue/cancel", {}, {"id": "3"}, 204, None)
    assert judged("POST", "/ci/job/a/job/deploy/buildWithParameters", {}, {"A": "b"}, 200, None)
