"""Which cluster: what the name of the target says, and nothing from anywhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError, field_validator

from hug_agents.adapters.images import built_images
from hug_agents.adapters.options import query
from hug_agents.errors import UsageError
from hug_agents.http import token_address
from hug_agents.spec import Line, Model


class Place(Model):
    """A cluster, from `https://HOST:4646?region=…&images=…`."""

    address: Line
    region: Line = ""
    """Nomad's region; empty: the one of the server that answers."""
    images: Line = ""
    """A file of the images that a pipeline built, as deploy/deploy.sh is given it."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what stands after `nomad:`. Raises UsageError."""
        address, _, rest = text.partition("?")
        pairs = parse_qsl(rest, keep_blank_values=True)
        options = dict(pairs)
        if options.keys() - {"region", "images"} or len(pairs) != len(options):
            raise UsageError("options of the target nomad are region and images, each once", where="target")
        try:
            return cls.model_validate({"address": address, **options})
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(
                f"{first['loc'][0]}: {first['msg']}"[:300], where="target", hint="nomad:https://HOST:4646"
            ) from None

    @field_validator("address")
    @classmethod
    def _an_address(cls, value: str) -> str:
        address = token_address(value, "is not the address of a cluster")
        if urlsplit(address).path.strip("/"):
            raise ValueError("is not the address of a cluster")
        return address

    @field_validator("region")
    @classmethod
    def _a_region(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", value):
            raise ValueError("is not the name of a region")
        return value

    @property
    def text(self) -> str:
        """The name that parses to this place again."""
        return self.address + query({"region": self.region, "images": self.images})

    def built(self) -> dict[str, str]:
        """The images of the file; none where no file is named. Raises UsageError."""
        return built_images(Path(self.images) if self.images else None)
