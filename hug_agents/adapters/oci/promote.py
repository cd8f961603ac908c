"""An image from one repository to another, by digest: every platform, every layer, and what refers to it."""

from __future__ import annotations

import json

from hug_agents.adapters.oci.blobs import carry
from hug_agents.adapters.oci.client import INDEXES, Descriptor, Manifest, Registry
from hug_agents.errors import HttpError
from hug_agents.spec import Line, Model

_DEEPEST = 5


class Promoted(Model):
    """What a promotion did."""

    digest: Line
    manifests: int = 0
    mounted: int = 0
    copied: int = 0
    there: int = 0


def promote(source: Registry, repository: str, digest: str, target: Registry, into: str, *tags: str) -> Promoted:
    """Bring exactly these bytes into a repository, then name them by the tags. Done twice, it changes nothing more.

    A tag that is there and names other bytes is an error: tags of promotions are never moved. Raises HttpError.
    """
    for tag in tags:
        there = target.resolve(into, tag)
        if there is not None and there.digest != digest:
            raise HttpError(f"the tag {tag} names {there.digest}", where=f"{target.host}/{into}", status=409)
    counts = {"manifests": 0, "mounted": 0, "copied": 0, "there": 0}
    top = _copy(source, repository, digest, target, into, counts, 0)
    for tag in tags:
        target.put_manifest(into, tag, top.data, top.media_type)
    return Promoted.model_validate({"digest": digest, **counts})


def _copy(
    source: Registry, repository: str, digest: str, target: Registry, into: str, counts: dict[str, int], depth: int
) -> Manifest:
    if depth > _DEEPEST:
        raise HttpError("manifests lie in each other too deeply", where=f"{source.host}/{repository}")
    manifest = source.manifest(repository, digest)
    # Children first: a server takes no index whose manifests, and no manifest whose blobs, it does not have.
    for child in manifest.children():
        _copy(source, repository, child.digest, target, into, counts, depth + 1)
    if not manifest.is_index:
        for blob in manifest.blobs():
            counts[carry(source, repository, blob, target, into)] += 1
    answer = target.put_manifest(into, digest, manifest.data, manifest.media_type)
    counts["manifests"] += 1
    subject = manifest.value.get("subject")
    if subject and not answer.headers.get("oci-subject"):
        _note_referrer(target, into, subject["digest"], manifest)
    for referrer in source.referrers(repository, digest):
        _copy(source, repository, referrer.digest, target, into, counts, depth + 1)
    return manifest


def _note_referrer(target: Registry, repository: str, subject: str, manifest: Manifest) -> None:
    """On a server without the referrers API, a tag named after the subject lists them: the protocol's own way."""
    tag = subject.replace(":", "-")
    rows = []
    if target.resolve(repository, tag) is not None:
        rows = list(target.manifest(repository, tag).value.get("manifests") or ())
    if any(row.get("digest") == manifest.digest for row in rows):
        return
    value = manifest.value
    row = {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.data)}
    kind = value.get("artifactType") or (value.get("config") or {}).get("mediaType")
    rows.append({**row, **({"artifactType": kind} if kind else {})})
    index = {"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": rows}
    target.put_manifest(repository, tag, json.dumps(index).encode(), INDEXES[0])


def complete(registry: Registry, repository: str, digest: str) -> tuple[Descriptor, ...]:
    """What an image still lacks in a repository: manifests and blobs; nothing, if it can be run from there."""
    if registry.resolve(repository, digest) is None:
        return (Descriptor(digest=digest),)
    manifest = registry.manifest(repository, digest)
    lacking = [item for child in manifest.children() for item in complete(registry, repository, child.digest)]
    if not manifest.is_index:
        lacking += [blob for blob in manifest.blobs() if not registry.has_blob(repository, blob.digest)]
    return tuple(lacking)
