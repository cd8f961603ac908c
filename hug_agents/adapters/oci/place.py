"""Where images are promoted to: what the name of the target says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl

from hug_agents.adapters.options import query
from hug_agents.errors import UsageError
from hug_agents.render.naming import image_path
from hug_agents.spec import DeploymentSpec, Environment, Line, Model, Service

_NAME = re.compile(r"([a-z0-9.-]+(?::\d{1,5})?)((?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)")
_HINT = "registry:HOST[:PORT]/PREFIX, where PREFIX may hold {environment}, with ?images=FILE for what a pipeline built"


class Place(Model):
    """A registry and what stands before an image's path there, from `HOST[:PORT]/PREFIX[?images=FILE]`."""

    host: Line
    prefix: Line = ""
    images: Line = ""
    """The file of a pipeline that says which images it built: JSON, service → reference by digest."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what stands after `registry:`. Raises UsageError."""
        name, _, rest = text.partition("?")
        options = dict(parse_qsl(rest, keep_blank_values=True))
        match = _NAME.fullmatch(name.replace("{environment}", "environment"))
        if match is None or options.keys() - {"images"}:
            raise UsageError(f"{text[:80]!r} names no registry", where="target", hint=_HINT)
        host, _, prefix = name.partition("/")
        return cls(host=host, prefix=prefix, images=options.get("images", ""))

    @property
    def text(self) -> str:
        """The name that parses to this place again."""
        where = f"{self.host}/{self.prefix}" if self.prefix else self.host
        return where + query({"images": self.images})

    @property
    def images_file(self) -> Path | None:
        """The file as a path."""
        return Path(self.images) if self.images else None

    def repository(self, spec: DeploymentSpec, service: Service, environment: Environment) -> str:
        """Where a service's image goes for one environment."""
        prefix = self.prefix.replace("{environment}", environment.name).strip("/")
        return f"{prefix}/{image_path(spec, service)}" if prefix else image_path(spec, service)
