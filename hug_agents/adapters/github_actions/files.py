"""The files of a branch by git's own names, so that a bundle is compared with a repository without fetching it."""

from __future__ import annotations

import base64
import binascii
import hashlib

from pydantic import ValidationError

from hug_agents.adapters.github_actions.client import Client
from hug_agents.adapters.github_actions.place import Place
from hug_agents.bundle import Bundle, Manifest
from hug_agents.canonical import digest
from hug_agents.errors import HttpError, OutputConflict, StoreError, UsageError
from hug_agents.output import MANIFEST, contents
from hug_agents.spec import Line, Model
from hug_agents.store import Store

Tree = dict[str, tuple[str, str]]
"""Path → mode and blob id."""


class Head(Model):
    """A commit and the files of it."""

    commit: Line
    tree: Line
    files: Tree
    manifest: Manifest | None = None
    """Of the bundle that it holds."""

    def holds(self, bundle: Bundle) -> bool:
        """Whether every file of a bundle is there, byte for byte."""
        return all(self.files.get(path) == entry for path, entry in tree_of(bundle).items())

    def matters(self, bundle: Bundle) -> str:
        """A digest of the files that putting a bundle there would touch: those of it, and of the one before."""
        ours = {entry.path for entry in self.manifest.entries} if self.manifest else set()
        paths = sorted(ours | tree_of(bundle).keys())
        return digest([[path, *self.files.get(path, ("", ""))] for path in paths])


def blob(data: bytes) -> str:
    """git's name of a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def tree_of(bundle: Bundle | None) -> Tree:
    """A bundle's files and its manifest as git names them."""
    if bundle is None:
        return {}
    modes = {item.path: "100755" if item.executable else "100644" for item in bundle}
    return {path: (modes.get(path, "100644"), blob(data)) for path, data in contents(bundle).items()}


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


def changes(head: Head, bundle: Bundle | None, store: Store, place: Place) -> dict[str, tuple[str, str] | None]:
    """What has to be written or deleted (None) so that a bundle is there in place of the one before.

    Raises OutputConflict for a file that is not ours, was edited since, or is of a bundle that this store does not know.
    """
    wanted = tree_of(bundle)
    ours = tree_of(_known(head, store, place))
    foreign = [
        path for path in wanted.keys() & head.files.keys() if head.files[path] not in (wanted[path], ours.get(path))
    ]
    foreign += [path for path in head.files if any(_inside(path, other) or _inside(other, path) for other in wanted)]
    edited = [path for path in ours.keys() & head.files.keys() - wanted.keys() if head.files[path] != ours[path]]
    if foreign or edited:
        shown = ", ".join(sorted((*foreign, *edited))[:8])
        raise OutputConflict(
            f"would overwrite or delete what is not ours, or was edited since: {shown}",
            where=f"{place.owner}/{place.name}",
            hint="move these files away, or take the edit back",
        )
    found: dict[str, tuple[str, str] | None] = {
        path: entry for path, entry in sorted(wanted.items()) if head.files.get(path) != entry
    }
    return found | dict.fromkeys(sorted(ours.keys() & head.files.keys() - wanted.keys()))


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _known(head: Head, store: Store, place: Place) -> Bundle | None:
    if head.manifest is None:
        return None
    try:
        return store.get_bundle(head.manifest.digest())
    except StoreError as error:
        raise OutputConflict(
            f"the branch holds the bundle {head.manifest.digest()}, which this store does not know",
            where=f"{place.owner}/{place.name}",
            hint="use the store that it came from, or another branch",
        ) from error
