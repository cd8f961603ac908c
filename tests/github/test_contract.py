"""The judge judges: what GitHub's description forbids is found, and the committed extract is what the package says."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.github.contract import Violation, contract
from tests.github.extract import DESCRIPTION, OPERATIONS, VERSION, extract, fetch, text

REPO = "/repos/acme/ledger"


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("POST", f"{REPO}/git/refs", {}, {"ref": "refs/heads/x"}),
        ("POST", f"{REPO}/git/refs", {}, None),
        ("POST", f"{REPO}/git/refs", {}, {"ref": "refs/heads/x", "sha": 7}),
        ("POST", f"{REPO}/git/refs", {}, {"ref": "refs/heads/x", "sha": "a", "colour": "red"}),
        ("POST", f"{REPO}/git/trees", {}, {"tree": [{"path": "a", "mode": "0", "type": "blob", "content": ""}]}),
        ("POST", f"{REPO}/git/trees", {}, {"tree": [{"path": "a", "text": ""}]}),
        ("GET", f"{REPO}/pulls", {"state": "some"}, None),
        ("GET", f"{REPO}/pulls", {"colour": "red"}, None),
        ("GET", f"{REPO}/actions/runs/latest", {}, None),
        ("PUT", f"{REPO}/environments/x", {}, {"reviewers": "ana"}),
        ("PUT", f"{REPO}/pulls/1/merge", {}, {"merge_method": "octopus"}),
    ],
)
def test_a_request_that_github_would_not_take(method: str, path: str, query: dict[str, str], body: Any) -> None:
    operation = contract().match(method, path)
    assert operation
    with pytest.raises(Violation):
        contract().check_request(operation, query, body)


def test_an_answer_that_github_would_not_give() -> None:
    operation = contract().match("GET", f"{REPO}/actions/runs/1")
    assert operation
    good = contract().sample("actions/get-workflow-run", 200)
    contract().check_response(operation, 200, good)
    for status, body in ((200, {**good, "head_sha": None}), (200, {"id": 1}), (418, None), (404, {"message": 1})):
        with pytest.raises(Violation):
            contract().check_response(operation, status, body)


def test_references_with_slashes_are_one_value() -> None:
    found = contract().match("GET", f"{REPO}/git/ref/hug/abc-r1")
    assert found
    assert (found.id, found.path["ref"]) == ("git/get-ref", "hug/abc-r1")
    assert contract().match("GET", f"{REPO}/nothing") is None


def test_the_extract_says_where_it_is_from() -> None:
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    assert document["x-source"]["version"] == VERSION
    assert document["x-source"]["licence"].startswith("MIT")
    found = {data["operationId"] for item in document["paths"].values() for data in item.values()}
    assert found == set(OPERATIONS)
    assert text(document) == DESCRIPTION.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_extract_is_what_the_package_holds() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: install with apt-get install npm")
    try:
        whole = fetch(VERSION)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot fetch @octokit/openapi {VERSION} here: {error}")
    assert text(extract(whole)) == DESCRIPTION.read_text(encoding="utf-8")
