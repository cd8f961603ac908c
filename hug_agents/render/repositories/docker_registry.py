"""Docker Registry (CNCF Distribution 3): its configuration, how it runs, and the job that frees what was deleted.

Written where the host of the images is one's own; a registry that someone else runs has no files here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents import facts
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.naming import REGISTRY
from hug_agents.render.repositories.place import Place, own_place
from hug_agents.render.repositories.retention import retention
from hug_agents.render.templating import fill, yaml_documents
from hug_agents.spec import DeploymentSpec

FOLDER = f"{REGISTRY}/docker"
CONFIG = "/etc/distribution/config.yml"
_CONFIG_HEADER = """Docker Registry (CNCF Distribution 3). No secret is in here: who may sign in, the TLS key and the HTTP secret
are files or variables of the machine. Storage takes the identity of the machine; no key is written anywhere."""
_COMPOSE_HEADER = """The registry and its maintenance. README.md says what must be there first; then:
docker compose up --detach --wait"""


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """`registry/docker/` and the retention rules; nothing for a registry that is not one's own."""
    spec = blueprint.spec
    place = own_place(spec)
    if place is None:
        return
    config = yaml_documents(_config(spec, place), header=_CONFIG_HEADER)
    yield _artifact("config.yml", config)
    yield _artifact("compose.yaml", yaml_documents(_compose(spec, place), header=_COMPOSE_HEADER))
    script = fill("repositories/templates", "garbage-collect.sh.j2")
    yield _artifact("garbage-collect.sh", script, executable=True)
    values = {"spec": spec, "place": place, "variables": _variables(spec), "storage": _cloud(spec)}
    yield _artifact("README.md", fill("repositories/templates", "docker_registry.md.j2", **values))
    yield retention(spec, place, "docker_registry")


def _config(spec: DeploymentSpec, place: Place) -> dict[str, Any]:
    storage: dict[str, Any] = {
        **_storage(spec),
        "cache": {"blobdescriptor": "inmemory"},
        # Without it nothing can be removed by digest, and the storage only grows.
        "delete": {"enabled": True},
        "maintenance": {
            "uploadpurging": {"enabled": True, "age": "168h", "interval": "24h", "dryrun": False},
            "readonly": {"enabled": False},
        },
    }
    return {
        "version": 0.1,
        "log": {
            "level": "info",
            "formatter": "json",
            "accesslog": {"disabled": False},
            "fields": {"service": "registry", "application": spec.application},
        },
        "storage": storage,
        "auth": {"htpasswd": {"realm": f"{spec.application} registry", "path": "/run/secrets/registry_htpasswd"}},
        "http": {
            "addr": ":5000",
            "host": f"https://{place.host}",
            "draintimeout": "60s",
            "tls": {
                "certificate": "/run/secrets/registry_certificate",
                "key": "/run/secrets/registry_key",
                "minimumtls": "tls1.2",
            },
            "headers": {
                "X-Content-Type-Options": ["nosniff"],
                "Strict-Transport-Security": ["max-age=31536000"],
            },
            # Not published: only what shares the network sees health and metrics.
            "debug": {"addr": ":5001", "prometheus": {"enabled": True, "path": "/metrics"}},
        },
        "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
        "catalog": {"maxentries": 1000},
    }


def _cloud(spec: DeploymentSpec) -> str:
    """Where the images lie: the object store of production's cloud, else a volume."""
    places = spec.production or spec.environments
    return places[0].cloud


def _storage(spec: DeploymentSpec) -> dict[str, Any]:
    match _cloud(spec):
        case "aws":
            region = (spec.production or spec.environments)[0].region
            where = {"region": region} if region else {}
            return {"s3": {**where, "encrypt": True, "secure": True, "rootdirectory": "/registry"}}
        case "gcp":
            return {"gcs": {"rootdirectory": "/registry"}}
        case "azure":
            return {"azure": {"credentials": {"type": "default_credentials"}}}
        case _:
            return {"filesystem": {"rootdirectory": "/var/lib/registry"}}


def _variables(spec: DeploymentSpec) -> dict[str, str]:
    """What the machine has to say, by variable: what it is."""
    found = {"REGISTRY_HTTP_SECRET": "random bytes that every replica shares"}
    match _cloud(spec):
        case "aws":
            found["REGISTRY_STORAGE_S3_BUCKET"] = (
                "the bucket; the machine's role may list it and read, write and delete in it"
            )
            if (spec.production or spec.environments)[0].region is None:
                found["REGISTRY_STORAGE_S3_REGION"] = "the bucket's region"
        case "gcp":
            found["REGISTRY_STORAGE_GCS_BUCKET"] = "the bucket; the machine's service account administers its objects"
        case "azure":
            found["REGISTRY_STORAGE_AZURE_ACCOUNTNAME"] = "the storage account"
            found["REGISTRY_STORAGE_AZURE_CONTAINER"] = (
                "the container; the machine's identity contributes blob data to it"
            )
    return found


def _compose(spec: DeploymentSpec, place: Place) -> dict[str, Any]:
    volumes = [{"type": "bind", "source": "./config.yml", "target": CONFIG, "read_only": True}]
    kept = _cloud(spec) == "none"
    if kept:
        volumes.append({"type": "volume", "source": "images", "target": "/var/lib/registry"})
    common: dict[str, Any] = {
        "image": facts.image("registry:3.0.0"),
        "environment": {
            **{name: f"${{{name}:?see README.md}}" for name in _variables(spec)},
            "OTEL_TRACES_EXPORTER": "none",
            # Handed on where garbage-collect.sh sets it, and only then.
            "REGISTRY_STORAGE_MAINTENANCE_READONLY": None,
        },
        "secrets": ["registry_htpasswd", "registry_certificate", "registry_key"],
        "volumes": volumes,
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - inside the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
    document: dict[str, Any] = {
        "name": f"{spec.application}-registry",
        "services": {
            "registry": {
                **common,
                "restart": "unless-stopped",
                "stop_grace_period": "90s",
                "ports": [f"{place.port}:5000"],
                "healthcheck": {
                    "test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:5001/debug/health"],
                    "interval": "15s",
                    "timeout": "5s",
                    "retries": 3,
                    "start_period": "10s",
                },
                "logging": {"driver": "json-file", "options": {"max-size": "50m", "max-file": "5"}},
            },
            # Never --delete-untagged: a release goes by digest, and its tag may long be somewhere else.
            "garbage-collect": {
                **common,
                "profiles": ["maintenance"],
                "entrypoint": ["registry", "garbage-collect", CONFIG],
            },
        },
        "secrets": {
            "registry_htpasswd": {"file": "${REGISTRY_SECRETS:?see README.md}/htpasswd"},
            "registry_certificate": {"file": "${REGISTRY_SECRETS:?see README.md}/tls.crt"},
            "registry_key": {"file": "${REGISTRY_SECRETS:?see README.md}/tls.key"},
        },
    }
    return {**document, "volumes": {"images": {}}} if kept else document


def _artifact(name: str, content: str, *, executable: bool = False) -> Artifact:
    return Artifact(
        path=f"{FOLDER}/{name}", content=content, system="docker_registry", owner="devops", executable=executable
    )
