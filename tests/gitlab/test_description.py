"""The judge judges: what GitLab's description does not allow is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gitlab.description import judged

P = "/api/v4/projects/acme%2Fledger"
MADE = {
    "id": 1, "iid": 1, "project_id": 7, "sha": "a", "ref": "main", "status": "created", "source": "api",
    "web_url": "https://gitlab.example/1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "query", "sent", "status", "said"),
    [
        ("POST", f"{P}/pipeline", {}, {"inputs": {}}, 201, MADE),
        ("POST", f"{P}/pipeline", {}, {"ref": "main"}, 201, {**MADE, "name": "deploy staging"}),
        ("POST", f"{P}/pipeline", {}, {"ref": "main"}, 200, MADE),
        ("POST", f"{P}/pipeline", {}, {"ref": "main", "packet": "x"}, 201, MADE),
        ("GET", f"{P}/pipelines", {"order_by": "name"}, None, 200, []),
        ("GET", f"{P}/pipelines", {"per_page": "500"}, None, 200, []),
        ("GET", f"{P}/pipelines", {"colour": "red"}, None, 200, []),
        ("PUT", f"{P}/merge_requests/1", {}, {}, 200, None),
        ("PUT", f"{P}/merge_requests/1", {}, {"state_event": "merge"}, 405, {"message": "no"}),
        ("POST", f"{P}/repository/commits", {}, {"branch": "a", "commit_message": "b", "actions": [{"file_path": "c"}]},
         400, {"message": "no"}),
        ("POST", f"{P}/pipelines/1/retry", {}, {"force": True}, 201, MADE),
        ("GET", f"{P}/nothing", {}, None, 404, {"message": "no"}),
        ("GET", f"{P}/pipelines/1", {}, None, 404, "no"),
    ],
)  # fmt: skip
def test_what_gitlab_would_not_take_or_say(
    method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any
) -> None:
    assert judged(method, path, query, sent, status, said)


def test_what_gitlab_takes_and_says() -> None:
    assert judged("POST", f"{P}/pipeline", {}, {"ref": "main", "inputs": {"action": "deploy"}}, 201, MADE) == []
    assert judged("GET", f"{P}/pipelines", {"per_page": "100"}, None, 200, [{**MADE, "name": None}]) == []
    assert judged("GET", f"{P}/pipelines/1", {}, None, 404, {"message": "404 Not found"}) == []
