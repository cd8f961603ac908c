"""Names of images, as the protocol takes them apart."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import StringConstraints

from hug_agents.errors import UsageError
from hug_agents.spec import IMAGE, Line, Model

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
_HUB = "registry-1.docker.io"


class Reference(Model):
    """`host/repository[:tag][@digest]`; Docker Hub's short names written out."""

    host: Line
    repository: Line
    tag: Line = ""
    digest: Line = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError for what is no reference."""
        match = IMAGE.match(text)
        if match is None:
            raise UsageError(f"{text[:120]!r} is not the name of an image", hint="HOST/REPOSITORY:TAG or @sha256:…")
        first, slash, rest = match["name"].partition("/")
        if slash and (re.search(r"[.:]", first) or first == "localhost"):
            host, repository = first, rest
        else:
            host, repository = "docker.io", match["name"] if slash else f"library/{match['name']}"
        return cls(
            host=_HUB if host in ("docker.io", "index.docker.io") else host,
            repository=repository,
            tag=match["tag"] or ("" if match["digest"] else "latest"),
            digest=match["digest"] or "",
        )

    @property
    def wanted(self) -> str:
        """What the registry is asked for: the digest wins over the tag."""
        return self.digest or self.tag

    def at(self, digest: str) -> str:
        """The name of exactly these bytes."""
        return f"{self.host}/{self.repository}@{digest}"
