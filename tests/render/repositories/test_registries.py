"""Documents of the three registries: where they are written, what they say together, and the real server on its configuration."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hug_agents.adapters.oci.client import Registry
from hug_agents.bundle import Bundle
from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.render.naming import RETENTION
from hug_agents.render.repositories.place import own_place
from hug_agents.spec import DeploymentSpec
from hug_agents.validate import run_gates
from tests.adapters.oci.server import WHO, free_port, htpasswd, push_image, running
from tests.examples import ALL, ecs_canary, hostile, kubernetes_blue_green, kubernetes_rolling

HOSTS = {
    "docker_registry": ("registry.example.com", "registry.example.com:5000/team"),
    "nexus": ("nexus.example.com/shop", "nexus.example.com:8443", "docker.nexus.example.com"),
    "artifactory": ("shop.jfrog.io/shop-docker/a", "shop.jfrog.io"),
}
CASES = [(registry, host) for registry, hosts in HOSTS.items() for host in hosts]


def bundle_for(registry: str, host: str, base: DeploymentSpec | None = None) -> tuple[Any, Bundle]:
    spec = base or ecs_canary()
    chain = spec.toolchain.model_copy(update={"registry": registry, "registry_host": host})
    blueprint = plan(spec.model_copy(update={"toolchain": chain}))
    return blueprint, render(blueprint)


def written(bundle: Bundle) -> dict[str, Any]:
    return {
        item.path: yaml.safe_load(item.content)
        for item in bundle.under("registry/")
        if item.path.endswith((".json", ".yml", ".yaml"))
    }


@pytest.mark.parametrize(("registry", "host"), CASES)
def test_every_gate_that_is_fast_passes(registry: str, host: str) -> None:
    for base, only in (
        (kubernetes_blue_green(), ["registry documents", "well-formed", "shellcheck"]),
        (hostile(kubernetes_rolling()), ["registry documents"]),
        (ecs_canary(), ["registry documents"]),
    ):
        blueprint, bundle = bundle_for(registry, host, base)
        results = run_gates(bundle, blueprint, only=only)
        assert {item.name for item in results} == set(only)
        assert not [item for result in results for item in result.findings if item.severity == "error"]


@pytest.mark.parametrize("host", ["", "ghcr.io/acme", "europe-docker.pkg.dev/a/b", "1.dkr.ecr.eu-west-1.amazonaws.com"])
def test_a_registry_that_someone_else_runs_gets_no_files(host: str) -> None:
    assert not bundle_for("docker_registry", host)[1].under("registry/")
    if host:
        for registry in ("nexus", "artifactory"):
            with pytest.raises(UnsupportedError, match="of your own"):
                bundle_for(registry, host)


@pytest.mark.parametrize("host", ["h.example.com/..", "h.example.com/_x/a", "h.example.com/a/-b"])
def test_a_path_that_no_image_can_have_is_refused(host: str) -> None:
    with pytest.raises(UnsupportedError, match="image's name"):
        bundle_for("nexus", host)


@pytest.mark.parametrize(("registry", "host"), CASES)
def test_what_pipelines_push_is_what_rules_and_rights_speak_of(registry: str, host: str) -> None:
    blueprint, bundle = bundle_for(registry, host)
    rules = json.loads(bundle[RETENTION].content)
    deploy = bundle[".github/workflows/deploy.yml"].content
    assert f'PREFIX: "{host}"' in deploy
    assert [f"{rules['registry']}/{name}" for name in rules["repositories"]] == [f"{host}/payments-api/payments-api"]
    place = own_place(blueprint.spec)
    assert place is not None
    readme = next(item.content for item in bundle.under("registry/") if item.path.endswith("README.md"))
    for word in ("REGISTRY_USERNAME", "REGISTRY_PASSWORD", place.publisher):
        assert word in readme
    assert "secrets.REGISTRY_PASSWORD" in deploy


def test_no_account_of_a_pipeline_deletes_and_no_server_deletes_by_age() -> None:
    nexus = written(bundle_for("nexus", "nexus.example.com/shop")[1])
    rights = {item["name"]: item["actions"] for path, item in nexus.items() if "/repository-content-selector/" in path}
    assert "DELETE" in rights["payments-api-retain"]
    assert "DELETE" not in rights["payments-api-publish"] + rights["payments-api-pull"]
    assert "ADD" not in rights["payments-api-pull"] + rights["payments-api-retain"]
    assert nexus["registry/nexus/repositories/docker/hosted/shop.json"]["cleanup"]["policyNames"] == []
    artifactory = written(bundle_for("artifactory", "shop.jfrog.io/shop-docker")[1])
    allowed = {
        name: rights
        for path, item in artifactory.items()
        if "/permissions/" in path and item["repo"]["repositories"] == ["shop-docker"]
        for name, rights in item["repo"]["actions"]["groups"].items()
    }
    assert allowed["payments-api-publish"] == ["read", "annotate", "write"]
    assert artifactory["registry/artifactory/api/repositories/shop-docker.json"]["maxUniqueTags"] == 0


HOSTED = "nexus/repositories/docker/hosted/shop"
SELECTED = "nexus/security/privileges/repository-content-selector/payments-api-pull"
ALLOWED = "artifactory/api/v2/security/permissions/payments-api-pull"
CLEANUP = "artifactory/api/cleanup/packages/policies/shop-hub-unused"
LOCAL = "artifactory/api/repositories/shop"
MUTATIONS = [
    ("docker_registry", "docker/config.yml", "delete:\n    enabled: true", "delete:\n    enabled: false", "missing"),
    ("docker_registry", "docker/config.yml", "    encrypt: true", "    encript: true", "schema"),
    ("docker_registry", "docker/config.yml", "    secure: true", "    secretkey: abc", "schema"),
    ("docker_registry", "docker/config.yml", "auth:\n  htpasswd:", "auth:\n  htpassword:", "schema"),
    ("docker_registry", "docker/config.yml", "catalog:", "proxy:\n  remoteurl: https://x\ncatalog:", "proxy"),
    ("nexus", f"{HOSTED}.json", '"policyNames": []', '"policyNames": ["shop-hub-unused"]', "deletes-releases"),
    ("nexus", f"{HOSTED}.json", '"ALLOW_ONCE"', '"ALLOW_TWICE"', "schema"),
    ("nexus", "nexus/security/roles/payments-api-pull.json", '    "payments-api-pull",', '    "payments-api-all",', "unknown"),
    ("nexus", f"{SELECTED}.json", '"shop"', '"shops"', "unknown"),
    ("artifactory", f"{LOCAL}.json", '"maxUniqueTags": 0', '"maxUniqueTags": 5', "deletes-releases"),
    ("artifactory", f"{CLEANUP}.json", '"shop-hub-cache"', '"**"', "deletes-releases"),
    ("artifactory", f"{ALLOWED}.json", '"read"', '"reed"', "schema"),
    ("artifactory", f"{ALLOWED}.json", '"payments-api-pull": [', '"payments-api-pul": [', "unknown"),
    ("artifactory", "artifactory/system.yaml", "anonAccessEnabled", "anonAccess", "schema"),
    ("nexus", "retention.json", '"keep_last": 10', '"keep_last": 0', "schema"),
]  # fmt: skip


@pytest.mark.parametrize(("registry", "path", "old", "new", "rule"), MUTATIONS)
def test_a_mistake_is_found_where_it_stands(registry: str, path: str, old: str, new: str, rule: str) -> None:
    blueprint, bundle = bundle_for(registry, f"{registry.replace('_', '')}.example.com/shop")
    path = f"registry/{path}"
    content = bundle[path].content
    assert content.count(old) == 1, content
    changed = [
        item.model_copy(update={"content": item.content.replace(old, new)}) if item.path == path else item
        for item in bundle
    ]
    (result,) = run_gates(Bundle(bundle.manifest.spec, changed), blueprint, only=["registry documents"])
    assert result.status == "failed"
    found = [(item.rule, item.file) for item in result.findings]
    assert (rule, path) in found, found
    line = next(item.line for item in result.findings if item.file == path)
    expected = content[: content.index(old)].count("\n") + 1
    assert expected - 1 <= line <= expected + 3, (line, expected)


def certificate(folder: Path, host: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(key.private_bytes(*form))


def test_the_real_server_runs_on_the_configuration(tmp_path: Path) -> None:
    """As it was written, but for the folder of its files, its port, and storage on the disk."""
    base = ALL["kubernetes_blue_green"]()
    document = written(bundle_for("docker_registry", "localhost", base)[1])["registry/docker/config.yml"]
    certificate(tmp_path, "localhost")
    document["storage"]["filesystem"]["rootdirectory"] = str(tmp_path / "data")
    document["auth"]["htpasswd"]["path"] = htpasswd(tmp_path)["path"]
    document["http"]["addr"] = f"localhost:{free_port()}"
    document["http"]["debug"]["addr"] = f"127.0.0.1:{free_port()}"
    document["http"]["tls"] |= {"certificate": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
    trust = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
    with running(tmp_path, document) as host:
        base_url = f"https://localhost:{host.rsplit(':', 1)[1]}"
        with httpx.Client(base_url=base_url, verify=trust, trust_env=False) as client:
            assert client.get("/v2/").status_code == 401
            answer = client.get("/v2/", headers={"Authorization": WHO.basic()})
            assert answer.status_code == 200
            assert "max-age" in answer.headers["strict-transport-security"]
        health = httpx.get(f"http://{document['http']['debug']['addr']}/debug/health", trust_env=False)
        assert health.status_code == 200 and health.json() == {}
        metrics = httpx.get(f"http://{document['http']['debug']['addr']}/metrics", trust_env=False)
        assert "registry_http_requests_total" in metrics.text


def test_garbage_collection_keeps_what_has_no_tag_and_read_only_refuses_pushes(tmp_path: Path) -> None:
    base = ALL["kubernetes_blue_green"]()
    bundle = bundle_for("docker_registry", "localhost", base)[1]
    document = written(bundle)["registry/docker/config.yml"]
    document["storage"]["filesystem"]["rootdirectory"] = str(tmp_path / "data")
    del document["auth"], document["http"]["tls"], document["http"]["debug"]
    document["http"] |= {"addr": f"127.0.0.1:{free_port()}", "host": ""}
    with running(tmp_path, document) as host:
        registry = Registry(host)
        kept, gone = push_image(registry, "a/b", "kept", size=9_000), push_image(registry, "a/b", "gone", size=9_000)
        layers = {item.digest: registry.manifest("a/b", item.digest).blobs()[1].digest for item in (kept, gone)}
        registry.delete("a/b", gone.digest)
    compose = written(bundle)["registry/docker/compose.yaml"]["services"]["garbage-collect"]["entrypoint"]
    assert compose[:2] == ["registry", "garbage-collect"] and "--delete-untagged" not in " ".join(compose)
    program = shutil.which("docker-registry")
    assert program is not None
    done = subprocess.run(
        [program, "garbage-collect", str(tmp_path / "config.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    script = bundle["registry/docker/garbage-collect.sh"].content
    value = script.partition("READONLY='")[2].partition("'")[0]
    with running(tmp_path, document, REGISTRY_STORAGE_MAINTENANCE_READONLY=value) as host:
        registry = Registry(host, attempts=1)
        assert registry.resolve("a/b", kept.digest), "pulls go on"
        blobs = {name: (tmp_path / "data").rglob(layers[item.digest].removeprefix("sha256:")) for name, item in
                 (("kept", kept), ("gone", gone))}  # fmt: skip
        assert {name: any((path / "data").exists() for path in paths) for name, paths in blobs.items()} == {
            "kept": True,
            "gone": False,
        }
        refused = registry.call("POST", "/v2/a/b/blobs/uploads/", ok=(405,))
        assert refused.status == 405, "pushes wait"
