"""The files of a branch, read by GitLab's API."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import ValidationError

from hug_agents.adapters.gitlab_ci.client import Client
from hug_agents.adapters.gitlab_ci.place import Place
from hug_agents.adapters.tree import Head
from hug_agents.bundle import Manifest
from hug_agents.errors import OutputConflict, UsageError
from hug_agents.output import MANIFEST


def branch_path(place: Place, branch: str) -> str:
    """A branch in the API."""
    return f"{place.path}/repository/branches/{quote(branch, safe='')}"


def read_branch(client: Client, place: Place, branch: str) -> Head:
    """What is at the head of a branch. Raises UsageError if there is no such branch."""
    answer = client.get(branch_path(place, branch), ok=(404,))
    if answer.status != 200:
        raise UsageError(
            f"{place.project} has no branch {branch}",
            where="target",
            hint="does the project exist, with a first commit, and may the token see it? Else name another with ?branch=",
        )
    return read_commit(client, place, answer.json()["commit"]["id"])


def read_commit(client: Client, place: Place, commit: str) -> Head:
    """The files of a commit. Raises HttpError; OutputConflict where the manifest in it cannot be read."""
    listed = client.pages(f"{place.path}/repository/tree", params={"ref": commit, "recursive": "true"})
    files = {row["path"]: (row["mode"], row["id"]) for row in listed if row["type"] != "tree"}
    manifest = None
    if MANIFEST in files:
        text = client.get(f"{place.path}/repository/blobs/{files[MANIFEST][1]}/raw").text
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            raise OutputConflict(
                f"{MANIFEST} on the branch cannot be read; whose files these are is unknown",
                where=place.project,
                hint="move it away, or take the edit back",
            ) from error
    return Head(commit=commit, tree="", files=files, manifest=manifest)
