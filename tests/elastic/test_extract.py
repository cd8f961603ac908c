"""The extract says where it is from, and is what the package holds."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.elastic.extract import DESCRIPTION, OPERATIONS, REFUSAL, VERSION, extract, fetch, text
from tests.elastic.judge import problems


def test_the_extract_says_where_it_is_from() -> None:
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    assert document["x-source"]["version"] == VERSION
    assert document["x-source"]["licence"].startswith("Apache-2.0")
    assert {REFUSAL, *(name for row in OPERATIONS for name in row[2:] if name)} <= document["definitions"].keys()
    assert text(document) == DESCRIPTION.read_text(encoding="utf-8")


def test_a_wrong_property_is_found_however_deep_it_lies() -> None:
    def mapped(kind: str) -> dict[str, object]:
        inner = {"properties": {"b": {"properties": {"c": {"type": kind, "ignore_above": 8}}}}}
        return {"template": {"mappings": {"properties": {"a": inner}}}}

    assert problems("ClusterPutComponentTemplateRequest", mapped("keyword")) == []
    assert problems("ClusterPutComponentTemplateRequest", mapped("match_only_text"))
    assert problems("ClusterPutComponentTemplateRequest", mapped("keywrd"))


@pytest.mark.nightly
def test_the_extract_is_what_the_package_holds() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: install with apt-get install npm")
    try:
        schemas = fetch(VERSION)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot fetch @elastic/elasticsearch {VERSION} here: {error}")
    assert text(extract(schemas)) == DESCRIPTION.read_text(encoding="utf-8")
