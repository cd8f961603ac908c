"""`registry/retention.json`: what `hug registry retain` keeps. Alike for every registry, since all speak the same protocol.

No server deletes by age in the repository of the releases: a server does not know what production runs, or would return to.
The rule here does: whatever a bundle or the journal names is kept, whatever its age.
"""

from __future__ import annotations

from hug_agents.bundle import Artifact
from hug_agents.render.naming import RETENTION
from hug_agents.render.repositories.place import Place, built
from hug_agents.render.templating import json_document
from hug_agents.spec import DeploymentSpec

KEEP_LAST = 10
"""Images of each service, newest first: enough to go back over some weeks of releases."""
KEEP_DAYS = 30


def retention(spec: DeploymentSpec, place: Place, system: str) -> Artifact:
    """The rules, for the built images of the application."""
    document = {
        "registry": place.host,
        "repositories": list(built(spec)),
        "keep_last": KEEP_LAST,
        "keep_days": max(KEEP_DAYS, spec.drill_every_days * 2),
        "keep_tags": ["^v?[0-9]+\\.[0-9]+\\.[0-9]+$"],
    }
    return Artifact(path=RETENTION, content=json_document(document), system=system, owner="devops")
