"""Which Spinnaker, and what of the outside a release there needs: what the name of the target says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qsl

from pydantic import Field, StringConstraints, ValidationError, field_validator

from hug_agents.adapters.options import query
from hug_agents.errors import UsageError
from hug_agents.http import token_address
from hug_agents.spec import Line, Model


class Source(Model):
    """What a pipeline of the code host left for a release: `release.json`."""

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """The commit that holds the bundle's manifests; it names their bytes, and stands in the approved plan."""
    images: dict[Line, Line] = Field(default_factory=dict)
    """Each built service's image by digest."""


class Place(Model):
    """Gate's address, from `https://HOST?release=FILE&repository=URL`."""

    address: Line
    release: Line
    """A file as in `Source`."""
    repository: Line = ""
    """Where Spinnaker reads the manifests from; empty: the request's repository on GitHub."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what stands after `spinnaker:`. Raises UsageError."""
        address, _, rest = text.partition("?")
        pairs = parse_qsl(rest, keep_blank_values=True)
        options = dict(pairs)
        hint = "spinnaker:https://GATE?release=FILE, with &repository=URL where needed"
        if options.keys() - {"release", "repository"} or len(pairs) != len(options):
            raise UsageError("options of the target spinnaker are release and repository", where="target", hint=hint)
        try:
            return cls.model_validate({"address": address, **options})
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"{first['loc'][0]}: {first['msg']}"[:300], where="target", hint=hint) from None

    @field_validator("address")
    @classmethod
    def _an_address(cls, value: str) -> str:
        return token_address(value, "is not the address of Gate")

    @field_validator("repository")
    @classmethod
    def _a_repository(cls, value: str) -> str:
        if value and not re.fullmatch(r"(https://|git@)[A-Za-z0-9._:/-]+", value):
            raise ValueError("is not the address of a repository")
        return value

    @property
    def text(self) -> str:
        """The name that parses to this place again."""
        return self.address + query({"release": self.release, "repository": self.repository})

    def source(self) -> Source:
        """What the file says. Raises UsageError."""
        try:
            return Source.model_validate_json(Path(self.release).read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot be read: {error}", where=self.release) from error
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(
                f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:300],
                where=self.release,
                hint='{"commit": "40 hex digits", "images": {"SERVICE": "REGISTRY/PATH@sha256:…"}}',
            ) from None
