"""Nexus Repository 3: documents of its REST API, each in the folder that is its path there, and the script that sends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import REGISTRY
from hug_agents.render.repositories.place import Place, own_place
from hug_agents.render.repositories.retention import retention
from hug_agents.render.templating import fill, json_document
from hug_agents.spec import DeploymentSpec

FOLDER = f"{REGISTRY}/nexus"
_ACTIONS = {
    "pull": ("BROWSE", "READ"),
    "publish": ("BROWSE", "READ", "ADD", "EDIT"),
    "retain": ("BROWSE", "READ", "DELETE"),
}
"""EDIT lets a push join a layer that is there already; a tag that exists cannot be written again, see `writePolicy`."""
_DOES = {"pull": "Runs the images of", "publish": "Pushes the images of", "retain": "Deletes old images of"}


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """`registry/nexus/` and the retention rules. Raises UnsupportedError where the host is not one's own."""
    spec = blueprint.spec
    place = own_place(spec)
    if place is None:
        raise UnsupportedError(
            f"{spec.toolchain.registry_host or 'the registry'} is not a Nexus of your own",
            where="toolchain.registry_host",
            hint="say where Nexus answers, e.g. nexus.example.com/shop; or the registry docker_registry",
        )
    documents = dict(_documents(spec, place))
    for path, document in documents.items():
        yield _artifact(f"{path}.json", json_document(document))
    ordered = tuple(f"{path}.json" for path in documents)
    yield _artifact("apply.sh", fill("repositories/templates", "nexus_apply.sh.j2", documents=ordered), executable=True)
    values = {"spec": spec, "place": place}
    yield _artifact("README.md", fill("repositories/templates", "nexus.md.j2", **values))
    yield retention(spec, place, "nexus")


def _documents(spec: DeploymentSpec, place: Place) -> Iterable[tuple[str, dict[str, Any]]]:
    """In the order in which they refer to each other."""
    app = spec.application
    unused = f"{place.cache}-unused"
    yield (
        f"cleanup-policies/{unused}",
        {
            "name": unused,
            "format": "docker",
            "notes": "Copies of base images that nobody fetched for a month; they are fetched again when needed.",
            "criteriaLastDownloaded": 30,
        },
    )
    yield f"repositories/docker/hosted/{place.repository}", _hosted(place)
    yield f"repositories/docker/proxy/{place.cache}", _proxy(place, unused)
    yield (
        f"security/content-selectors/{app}",
        {
            "name": app,
            "description": f"The images of {app}, and the layers that all images share",
            "expression": f'format == "docker" and path =~ "^/?v2/(-/blobs|{_regex(place.images)}).*"',
        },
    )
    for verb, actions in _ACTIONS.items():
        yield (
            f"security/privileges/repository-content-selector/{app}-{verb}",
            {
                "name": f"{app}-{verb}",
                "description": f"{verb}: {app} in {place.repository}",
                "actions": list(actions),
                "format": "docker",
                "repository": place.repository,
                "contentSelector": app,
            },
        )
    yield (
        f"security/privileges/repository-view/{app}-base-images",
        {
            "name": f"{app}-base-images",
            "description": f"Base images through {place.cache}",
            "actions": ["BROWSE", "READ"],
            "format": "docker",
            "repository": place.cache,
        },
    )
    for verb in _ACTIONS:
        extra = [f"{app}-base-images"] if verb != "retain" else []
        yield (
            f"security/roles/{app}-{verb}",
            {
                "id": f"{app}-{verb}",
                "name": f"{app}-{verb}",
                "description": f"{_DOES[verb]} {app}",
                "privileges": [f"{app}-{verb}", *extra],
                "roles": [],
            },
        )


def _regex(text: str) -> str:
    return text.replace(".", "[.]")


def _connector(place: Place) -> dict[str, Any]:
    if place.in_path:
        return {"pathEnabled": True}
    return {"httpsPort": place.port} if place.port != 443 else {"subdomain": place.host.split(".")[0]}


def _hosted(place: Place) -> dict[str, Any]:
    return {
        "name": place.repository,
        "online": True,
        "storage": {
            "blobStoreName": "default",
            "strictContentTypeValidation": True,
            # A tag that was pushed stays what it is.
            "writePolicy": "ALLOW_ONCE",
            "latestPolicy": False,
        },
        # No policy here: see README.md, Retention.
        "cleanup": {"policyNames": []},
        "component": {"proprietaryComponents": True},
        "docker": {"v1Enabled": False, "forceBasicAuth": True, **_connector(place)},
    }


def _proxy(place: Place, policy: str) -> dict[str, Any]:
    return {
        "name": place.cache,
        "online": True,
        "storage": {"blobStoreName": "default", "strictContentTypeValidation": True},
        "cleanup": {"policyNames": [policy]},
        "proxy": {"remoteUrl": "https://registry-1.docker.io", "contentMaxAge": 1440, "metadataMaxAge": 1440},
        "negativeCache": {"enabled": True, "timeToLive": 60},
        "httpClient": {"blocked": False, "autoBlock": True},
        "docker": {"v1Enabled": False, "forceBasicAuth": True, "pathEnabled": True},
        "dockerProxy": {"indexType": "HUB", "cacheForeignLayers": False},
    }


def _artifact(name: str, content: str, *, executable: bool = False) -> Artifact:
    return Artifact(path=f"{FOLDER}/{name}", content=content, system="nexus", owner="devops", executable=executable)
