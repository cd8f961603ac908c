"""`apply.sh` of Nexus and Artifactory against emulators, each call and answer held against the vendor's description."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from hug_agents.bundle import Bundle
from hug_agents.validate.registry_documents import _schema
from tests.described import Schema, problems
from tests.render.repositories.test_registries import HOSTS, bundle_for
from tests.repositories import artifactory_description, nexus_description
from tests.repositories.artifactory_description import GROUP, LOCAL, PERMISSION, POLICY, REMOTE, VIRTUAL
from tests.repositories.emulator import TOKEN, USER, WORD, Artifactory, Nexus, Server

CASES = [(system, host) for system in ("nexus", "artifactory") for host in HOSTS[system]]
POLICIES = "api/cleanup/packages/policies"


@pytest.fixture(autouse=True)
def _programs() -> None:
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"{program}, install with apt-get install {program}")


@pytest.fixture
def servers() -> Iterator[dict[str, Server]]:
    made: dict[str, Server] = {"nexus": Nexus(), "artifactory": Artifactory()}
    yield made
    for server in made.values():
        server.close()
        assert server.violations == []


def written(bundle: Bundle, system: str, folder: Path) -> dict[str, Any]:
    """The files in a folder; the JSON documents by their path in the API."""
    base, found = f"registry/{system}/", {}
    for item in bundle.under(base):
        path = folder / item.path.removeprefix(base)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        if path.suffix == ".json":
            found[item.path.removeprefix(base).removesuffix(".json")] = json.loads(item.content)
    return found


def applied(folder: Path, server: Server, **env: str) -> subprocess.CompletedProcess[str]:
    given = {
        "PATH": os.environ["PATH"], "NEXUS_URL": server.url, "NEXUS_USERNAME": USER, "NEXUS_PASSWORD": WORD,
        "ARTIFACTORY_URL": f"{server.url}/artifactory", "ARTIFACTORY_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1", **env,
    }  # fmt: skip
    script = ["bash", str(folder / "apply.sh")]
    return subprocess.run(script, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("system", "host"), CASES)
def test_the_script_makes_each_document_and_can_be_run_again(
    system: str, host: str, servers: dict[str, Server], tmp_path: Path
) -> None:
    wanted, server = written(bundle_for(system, host)[1], system, tmp_path), servers[system]
    for _ in range(2):
        done = applied(tmp_path, server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(": ok") == len(wanted)
    for path in wanted:
        if path.startswith(POLICIES):
            wanted[path] |= {"enabled": True}
    assert server.documents == wanted
    refused = applied(tmp_path, server, NEXUS_PASSWORD="x", ARTIFACTORY_TOKEN="x")
    assert refused.returncode == 1 and "401" in refused.stderr


def test_a_cleanup_policy_that_was_switched_off_is_changed_and_switched_on(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    wanted, server = (
        written(bundle_for("artifactory", "shop.jfrog.io/shop")[1], "artifactory", tmp_path),
        servers["artifactory"],
    )
    assert applied(tmp_path, server).returncode == 0
    (name,) = (path for path in wanted if path.startswith(POLICIES))
    server.documents[name] |= {"enabled": False, "description": "edited"}
    server.calls.clear()
    assert applied(tmp_path, server).returncode == 0
    assert server.documents[name] == wanted[name] | {"enabled": True}
    path = f"/artifactory/{name}"
    mine = [call for call in server.calls if call[1].startswith(path)]
    assert mine == [("GET", path), ("PUT", path), ("POST", f"{path}/enablement")]


def test_what_answers_neither_there_nor_not_there_is_not_written_over(tmp_path: Path) -> None:
    class Closed(Artifactory):
        def act(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
            if method == "GET":
                return 403, self.refusal(403, "not for you")
            return super().act(method, path, sent)

    server = Closed()
    written(bundle_for("artifactory", "shop.jfrog.io/shop")[1], "artifactory", tmp_path)
    done = applied(tmp_path, server)
    server.close()
    assert done.returncode == 1 and "answered 403 to GET" in done.stderr and "not for you" in done.stderr
    assert server.documents == {} and server.violations == []


def test_an_edition_without_cleanup_policies_is_told_so(tmp_path: Path) -> None:
    wanted, server = written(bundle_for("nexus", "nexus.example.com/shop")[1], "nexus", tmp_path), Nexus(cleanup=False)
    done = applied(tmp_path, server)
    server.close()
    assert done.returncode == 0, done.stderr
    assert "this edition has no API for it" in done.stderr
    assert done.stdout.count(": ok") == len(wanted) - 1 and server.violations == []


KINDS: list[tuple[str, str, Schema]] = [
    *(("nexus", path, sent) for path, (sent, _, _) in nexus_description.COLLECTIONS.items()),
    ("artifactory", "api/security/groups", GROUP),
    ("artifactory", "api/v2/security/permissions", PERMISSION),
    ("artifactory", POLICIES, POLICY),
    ("artifactory", "system.yaml", artifactory_description.CONFIGURATION),
]


def beyond(ours: Schema, theirs: Schema, where: str = "") -> Iterator[str]:
    """Properties that our gate lets through and the vendor does not name."""
    for name, schema in ours.get("properties", {}).items():
        if "not" in schema or "properties" not in theirs:
            continue  # forbidden here; or left open there
        if name not in theirs["properties"]:
            yield f"{where}{name}"
        else:
            yield from beyond(schema, theirs["properties"][name], f"{where}{name}.")


@pytest.mark.parametrize(("system", "path", "theirs"), KINDS)
def test_the_gate_lets_nothing_through_that_the_vendor_does_not_name(system: str, path: str, theirs: Schema) -> None:
    known = {"security.hideUnauthorizedResources", "security.userLockPolicy"} if path == "system.yaml" else set()
    assert set(beyond(_schema(system)["$defs"][path], theirs)) == known


def test_the_gate_knows_the_kinds_of_repositories_as_the_vendor_does() -> None:
    ours = {
        item["properties"]["rclass"]["const"]: item
        for item in _schema("artifactory")["$defs"]["api/repositories"]["oneOf"]
    }
    for name, theirs in (("local", LOCAL), ("remote", REMOTE), ("virtual", VIRTUAL)):
        assert list(beyond(ours[name], theirs)) == []


def _edited(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**deepcopy(value), **changes}


def test_what_was_sent_once_is_seen_as_wrong(tmp_path: Path) -> None:
    """The faults that these descriptions found in our own documents."""
    documents = written(bundle_for("artifactory", "shop.jfrog.io/shop")[1], "artifactory", tmp_path)
    policy = next(item for path, item in documents.items() if path.startswith(POLICIES))
    criteria = policy["searchCriteria"]
    for wrong in (
        _edited(criteria, keepLastNVersions=0),
        _edited(criteria, keepLastNVersions=3),
        _edited(criteria, createdBeforeInMonths=3),
        _edited(criteria, excludedPackages=[]),
    ):
        assert problems(POLICY, _edited(policy, searchCriteria=wrong))
    assert problems(POLICY, policy) == []
    remote = next(item for item in documents.values() if item.get("rclass") == "remote")
    assert problems(REMOTE, remote) == [] and problems(REMOTE, _edited(remote, dockerApiVersion="V2"))
    name = f"/artifactory/{POLICIES}/{policy['key']}"
    with_it = _edited(policy, enabled=True)
    server = Artifactory()
    server.account = ""
    answer = server.handle(
        "POST", name, json.dumps(with_it).encode(), {"authorization": "", "content-type": "application/json"}
    )
    server.close()
    assert answer[0] == 400
    selector = {"name": "shop", "description": "", "expression": 'path =~ "a"'}
    said = nexus_description.judged("PUT", "/service/rest/v1/security/content-selectors/shop", {}, selector, 204, None)
    assert said and "name" in said[0]
