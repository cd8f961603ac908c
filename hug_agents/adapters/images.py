"""Which images a target puts there: those that a pipeline built, else those that the spec names; always by digest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from hug_agents.errors import UsageError
from hug_agents.spec import DeploymentSpec

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}\Z")


def built_images(path: Path | None, *, optional: bool = False) -> dict[str, str]:
    """Images by service, from the file that a pipeline wrote and deploy/deploy.sh is given. Raises UsageError.

    None where no file is named, and, if it is `optional`, where it is not there.
    """
    if path is None:
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if optional and isinstance(error, FileNotFoundError):
            return {}
        raise UsageError(f"cannot be read: {error}"[:300], where=str(path)) from error
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise UsageError('is not {"SERVICE": "IMAGE@sha256:…"}', where=str(path))
    return value


def pinned_images(spec: DeploymentSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Each service's image by digest: what is given, else the spec's. Raises UsageError, naming those without one."""
    images = {service.name: given.get(service.name) or service.image or "" for service in spec.services}
    wrong = sorted(name for name, image in images.items() if not _PINNED.match(image))
    if wrong:
        raise UsageError(
            f"no image by digest is known for {', '.join(wrong)}",
            where="services",
            hint="name IMAGE@sha256:… in the request, or put it into images.json in the target's folder, as a pipeline "
            "that builds them can",
        )
    return images
