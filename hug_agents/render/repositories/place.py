"""Where a registry of one's own answers, what images are called there, who may do what: alike for all three."""

from __future__ import annotations

import re

from hug_agents.errors import UnsupportedError
from hug_agents.render.naming import image_path, short
from hug_agents.spec import DeploymentSpec, Line, Model

_HOSTED = re.compile(
    r"(^|\.)(docker\.io|ghcr\.io|quay\.io|gcr\.io|pkg\.dev|azurecr\.io|amazonaws\.com|registry\.gitlab\.com|"
    r"public\.ecr\.aws|registry\.digitalocean\.com|cloudsmith\.io|icr\.io|ocir\.io)$"
)
"""Registries that someone else runs: nothing is configured there by file."""
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Place(Model):
    """A registry of one's own."""

    host: Line
    """With its port, as it stands in an image's name."""
    port: int
    """Where it listens for users: what the host says, else 443."""
    repository: Line
    """The repository of Nexus or Artifactory: the first part of the path, or a name of its own where there is none."""
    in_path: bool
    """The repository is the first part of an image's path."""
    images: Line
    """What every image of the application starts with inside the repository, e.g. `shop/`."""
    application: Line

    @property
    def reader(self) -> str:
        """The role that runs images."""
        return f"{self.application}-pull"

    @property
    def publisher(self) -> str:
        """The role that pipelines push with."""
        return f"{self.application}-publish"

    @property
    def keeper(self) -> str:
        """The role that `hug registry retain` deletes with."""
        return f"{self.application}-retain"

    @property
    def cache(self) -> str:
        """The repository that keeps copies of base images."""
        return short(self.repository, "hub", limit=56)


def own_place(spec: DeploymentSpec) -> Place | None:
    """Where the spec's registry is, if it is one's own; None for ECR, ghcr.io and other services."""
    host, _, path = spec.toolchain.registry_host.partition("/")
    name, _, port = host.partition(":")
    if not host or _HOSTED.search(name):
        return None
    parts = [part for part in path.split("/") if part]
    repository = parts[0] if parts else short(spec.application, "docker", limit=56)
    for part in (repository, *parts):
        if not _REPOSITORY.fullmatch(part):
            raise UnsupportedError(
                f"{part[:60]!r} cannot be part of an image's name",
                where="toolchain.registry_host",
                hint="lower-case letters and digits, with . _ - inside, e.g. nexus.example.com/shop",
            )
    inside = "/".join((*parts[1:], spec.application))
    return Place(
        host=host,
        port=int(port) if port else 443,
        repository=repository,
        in_path=bool(parts),
        images=f"{inside}/",
        application=spec.application,
    )


def built(spec: DeploymentSpec) -> tuple[str, ...]:
    """The names of the built images inside the registry, without its host."""
    path = spec.toolchain.registry_host.partition("/")[2].strip("/")
    names = (image_path(spec, service) for service in spec.services if service.image is None)
    return tuple(f"{path}/{name}" if path else name for name in names)
