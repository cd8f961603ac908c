"""JFrog Artifactory 7: documents of its REST API, each in the folder that is its path there, the system configuration as YAML, and
the script that sends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.bundle import Artifact
from hug_agents.errors import UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import REGISTRY
from hug_agents.render.repositories.place import Place, own_place
from hug_agents.render.repositories.retention import retention
from hug_agents.render.templating import fill, json_document, yaml_documents
from hug_agents.spec import DeploymentSpec

FOLDER = f"{REGISTRY}/artifactory"
_RIGHTS = {"pull": ("read",), "publish": ("read", "annotate", "write"), "retain": ("read", "delete")}
"""Without `delete`, a tag that was pushed cannot be written again."""
_DOES = {"pull": "Runs the images of", "publish": "Pushes the images of", "retain": "Deletes old images of"}
_SYSTEM_HEADER = "PATCH /artifactory/api/system/configuration: nobody without a name, and a way back from a deletion."


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """`registry/artifactory/` and the retention rules. Raises UnsupportedError where the host is not one's own."""
    spec = blueprint.spec
    place = own_place(spec)
    if place is None:
        raise UnsupportedError(
            f"{spec.toolchain.registry_host or 'the registry'} is not an Artifactory of your own",
            where="toolchain.registry_host",
            hint="say where Artifactory answers, e.g. shop.jfrog.io/shop-docker; or the registry docker_registry",
        )
    documents = dict(_documents(spec, place))
    for path, document in documents.items():
        yield _artifact(f"{path}.json", json_document(document))
    yield _artifact("system.yaml", yaml_documents(_SYSTEM, header=_SYSTEM_HEADER))
    ordered = tuple(f"{path}.json" for path in documents)
    script = fill("repositories/templates", "artifactory_apply.sh.j2", documents=ordered)
    yield _artifact("apply.sh", script, executable=True)
    values = {"spec": spec, "place": place}
    yield _artifact("README.md", fill("repositories/templates", "artifactory.md.j2", **values))
    yield retention(spec, place, "artifactory")


_SYSTEM = {
    "security": {"anonAccessEnabled": False},
    "trashcanConfig": {"enabled": True, "allowPermDeletes": False, "retentionPeriodDays": 14},
}


def _documents(spec: DeploymentSpec, place: Place) -> Iterable[tuple[str, dict[str, Any]]]:
    """In the order in which they refer to each other."""
    app = spec.application
    yield f"api/repositories/{place.repository}", _local(app, place)
    yield f"api/repositories/{place.cache}", _remote(place)
    for verb, does in _DOES.items():
        yield (
            f"api/security/groups/{app}-{verb}",
            {
                "name": f"{app}-{verb}",
                "description": f"{does} {app}",
                "autoJoin": False,
                "adminPrivileges": False,
            },
        )
    for verb, rights in _RIGHTS.items():
        yield f"api/v2/security/permissions/{app}-{verb}", _permission(f"{app}-{verb}", place, rights)
    name = f"{app}-base-images"
    yield f"api/v2/security/permissions/{name}", _base_images(app, name, place)
    yield f"api/cleanup/packages/policies/{place.cache}-unused", _cleanup(place)


def _local(app: str, place: Place) -> dict[str, Any]:
    return {
        "key": place.repository,
        "rclass": "local",
        "packageType": "docker",
        "description": f"The images of {app}. No tag is written twice; see README.md for what is deleted",
        "repoLayoutRef": "simple-default",
        "dockerApiVersion": "V2",
        "blockPushingSchema1": True,
        # 0: the number of tags is not limited; a limit would delete what production runs.
        "maxUniqueTags": 0,
        "dockerTagRetention": 1,
        "xrayIndex": False,
    }


def _remote(place: Place) -> dict[str, Any]:
    return {
        "key": place.cache,
        "rclass": "remote",
        "packageType": "docker",
        "description": "Copies of base images of Docker Hub",
        "url": "https://registry-1.docker.io/",
        "repoLayoutRef": "simple-default",
        "blockPushingSchema1": True,
        "enableTokenAuthentication": True,
        "externalDependenciesEnabled": False,
        "retrievalCachePeriodSecs": 21600,
        "xrayIndex": False,
    }


def _permission(name: str, place: Place, rights: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "repo": {
            "include-patterns": [f"{place.images}**"],
            "exclude-patterns": [],
            "repositories": [place.repository],
            "actions": {"groups": {name: list(rights)}},
        },
    }


def _base_images(app: str, name: str, place: Place) -> dict[str, Any]:
    # Who may write into a remote repository fills its cache: that is what fetching through it means.
    groups = {f"{app}-pull": ["read", "write"], f"{app}-publish": ["read", "write"]}
    return {
        "name": name,
        "repo": {
            "include-patterns": ["**"],
            "exclude-patterns": [],
            "repositories": [place.cache],
            "actions": {"groups": groups},
        },
    }


def _cleanup(place: Place) -> dict[str, Any]:
    # One kind of condition, and nothing of whether it is on: Artifactory refuses a policy with more; see apply.sh.
    return {
        "key": f"{place.cache}-unused",
        "description": "Copies of base images that nobody fetched for 90 days",
        "cronExp": "0 0 2 ? * SUN",
        "durationInMinutes": 60,
        "skipTrashcan": False,
        "searchCriteria": {
            "packageTypes": ["docker"],
            "repos": [f"{place.cache}-cache"],
            "excludedRepos": [place.repository],
            "includeAllProjects": False,
            "includedProjects": ["default"],
            "includedPackages": ["**"],
            "createdBeforeInDays": 90,
            "lastDownloadedBeforeInDays": 90,
        },
    }


def _artifact(name: str, content: str, *, executable: bool = False) -> Artifact:
    return Artifact(
        path=f"{FOLDER}/{name}", content=content, system="artifactory", owner="devops", executable=executable
    )
