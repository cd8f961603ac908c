"""The description of Nomad sees what it is there for."""

from __future__ import annotations

import pytest

from tests.nomad.description import judged

WHERE = {"namespace": "shop"}


@pytest.mark.parametrize(
    ("method", "path", "query", "sent"),
    [
        ("POST", "/v1/job/api/revert", WHERE, {"JobID": "api", "Version": 3}),
        ("POST", "/v1/job/api/dispatch", {**WHERE, "idempotencyToken": "a"}, {"JobID": "api", "Meta": {}}),
        ("POST", "/v1/job/api/dispatch", WHERE, {"JobID": "api", "Meta": {"release": 3}}),
        ("POST", "/v1/deployment/promote/d1", WHERE, {"DeploymentID": "d1", "Group": ["api"]}),
        ("POST", "/v1/deployment/pause/d1", WHERE, {"DeploymentID": "d1"}),
        ("POST", "/v1/jobs/parse", WHERE, {"Job": "", "Canonicalize": True}),
        ("GET", "/v1/jobs/api", WHERE, None),
        ("DELETE", "/v1/job/api", {**WHERE, "purge": "yes"}, None),
    ],
)
def test_a_call_that_is_not_described_is_seen(method: str, path: str, query: dict[str, str], sent: object) -> None:
    assert judged(method, path, query, sent, 200, {})


def test_a_call_that_is_described_passes_by_either_method() -> None:
    for method in ("POST", "PUT"):
        sent = {"JobID": "api", "JobVersion": 3, "EnforcePriorVersion": 4}
        assert judged(method, "/v1/job/api/revert", WHERE, sent, 200, {}) == []
    assert judged("GET", "/v1/job/api", WHERE, None, 404, "job not found") == []
    assert judged("GET", "/v1/job/api", WHERE, None, 404, {"message": "job not found"})
