"""The files of a branch, read by GitHub's API."""

from __future__ import annotations

import base64
import binascii

from pydantic import ValidationError

from hug_agents.adapters.github_actions.client import Client
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.tree import Head
from hug_agents.bundle import Manifest
from hug_agents.errors import HttpError, OutputConflict, UsageError
from hug_agents.output import MANIFEST

_PINS = "hug/environments"
"""One branch serves every environment, and each runs the files of its own commit of it: this reference names it."""


def read_branch(client: Client, place: Place, branch: str) -> Head:
    """What is at the head of a branch. Raises UsageError if there is no such branch."""
    answer = client.get(f"{place.path}/git/ref/heads/{branch}", ok=(404, 409))
    if answer.status != 200:
        raise UsageError(
            f"{place.owner}/{place.name} has no branch {branch}",
            where="target",
            hint="does the repository exist, with a first commit, and may the token see it? Else name another with ?branch=",
        )
    return read_commit(client, place, answer.json()["object"]["sha"])


def read_pin(client: Client, place: Place, environment: str) -> Head | None:
    """The commit whose bundle was left in an environment last, by an order that came to its end; None: there was none."""
    answer = client.get(f"{place.path}/git/ref/{_PINS}/{environment}", ok=(404,))
    return None if answer.status == 404 else read_commit(client, place, answer.json()["object"]["sha"])


def put_pin(client: Client, place: Place, environment: str, commit: str) -> None:
    """Note the commit whose bundle is in an environment now."""
    refs = f"{place.path}/git/refs"
    body: dict[str, object] = {"sha": commit, "force": True}
    moved = client.call("PATCH", f"{refs}/{_PINS}/{environment}", json=body, repeatable=True, ok=(404, 422))
    if moved.status != 200:
        first = {"ref": f"refs/{_PINS}/{environment}", "sha": commit}
        client.call("POST", refs, json=first, repeatable=True, ok=(422,))


def read_commit(client: Client, place: Place, commit: str) -> Head:
    """The files of a commit. Raises HttpError; OutputConflict where the manifest in it cannot be read."""
    tree = client.get(f"{place.path}/git/commits/{commit}").json()["tree"]["sha"]
    listed = client.get(f"{place.path}/git/trees/{tree}", params={"recursive": "1"}).json()
    if listed["truncated"]:
        raise HttpError(
            "the repository has more files than GitHub lists at once (100,000)", where=f"{place.owner}/{place.name}"
        )
    files = {item["path"]: (item["mode"], item["sha"]) for item in listed["tree"] if item["type"] != "tree"}
    manifest = None
    if MANIFEST in files:
        row = client.get(f"{place.path}/git/blobs/{files[MANIFEST][1]}").json()
        try:
            manifest = Manifest.model_validate_json(base64.b64decode(row["content"]))
        except (ValidationError, binascii.Error) as error:
            raise OutputConflict(
                f"{MANIFEST} on the branch cannot be read; whose files these are is unknown",
                where=f"{place.owner}/{place.name}",
                hint="move it away, or take the edit back",
            ) from error
    return Head(commit=commit, tree=tree, files=files, manifest=manifest)
