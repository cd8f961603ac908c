"""What may go from a registry, and what stays: first a list, then, for exactly that list, the deletion by digest.

Whatever a bundle of the store, a file of images or a tag of the rules names stays, with everything that it refers to and that
refers to it. A repository in which nothing is known to be released is left alone: there, nobody knows what production runs.
Manifests without a tag cannot be listed, by the protocol; they are left to the server's own garbage collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from hug_agents.adapters.oci.client import Manifest, Registry
from hug_agents.adapters.oci.reference import Digest
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UsageError
from hug_agents.execute.deletion import list_of
from hug_agents.spec import Line, Model

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_STANDS_IN = re.compile(r"sha256-[0-9a-f]{64}(?:\..+)?")
"""Tags that list what refers to a manifest, or name its signature; never images of their own."""
_KNOWN_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
"""An image that says it is older was built to be the same every time: its age is not known."""


class Rules(Model):
    """`registry/retention.json`."""

    registry: Line
    repositories: tuple[Line, ...]
    keep_last: Annotated[int, Field(ge=2)] = 10
    keep_days: Annotated[int, Field(ge=1)] = 30
    keep_tags: tuple[Line, ...] = ()


class Image(Model):
    """One image with its tags, and what is to become of it."""

    repository: Line
    digest: Digest
    tags: tuple[Line, ...] = ()
    created: datetime | None = None
    keep: Line = Field("", description="why it stays; empty: it goes")


class Retention(Model):
    """What would stay and go. Its digest is what a deletion is asked for by."""

    registry: Line
    images: tuple[Image, ...] = ()
    left_alone: tuple[Line, ...] = Field((), description="repositories in which nothing is known to be released")
    with_them: tuple[tuple[Line, Digest], ...] = Field((), description="parts and referrers of what goes")

    @property
    def place(self) -> str:
        """Where it is deleted."""
        return f"registry:{self.registry}"

    @property
    def going(self) -> tuple[tuple[str, str], ...]:
        """Everything that is deleted, in which repository: images before their parts, so that none is left broken."""
        return (*((item.repository, item.digest) for item in self.goes), *self.with_them)

    @property
    def names(self) -> tuple[str, ...]:
        """The same as names of images."""
        return tuple(sorted(f"{repository}@{digest}" for repository, digest in self.going))

    def digest(self) -> Digest:
        """The name of exactly this deletion."""
        return list_of(self.place, self.names)

    @property
    def goes(self) -> tuple[Image, ...]:
        """The images that are deleted."""
        return tuple(item for item in self.images if not item.keep)


def named(bundles: Iterable[Bundle], texts: Iterable[str] = ()) -> frozenset[str]:
    """Every digest that a bundle's files or these texts name. A digest too many keeps an image too many, and no more."""
    contents = (artifact.content for bundle in bundles for artifact in bundle)
    return frozenset(found for text in (*contents, *texts) for found in _DIGEST.findall(text))


def plan_retention(registry: Registry, rules: Rules, released: frozenset[str], now: datetime) -> Retention:
    """Look, and delete nothing. Raises UsageError for rules that cannot be used, HttpError."""
    try:
        patterns = [re.compile(pattern) for pattern in rules.keep_tags]
    except re.error as error:
        raise UsageError(f"keep_tags: {error}", where="rules") from error
    if rules.registry != registry.host:
        raise UsageError(f"the rules are for {rules.registry}, not {registry.host}", where="rules")
    images: list[Image] = []
    alone: list[str] = []
    extra: list[tuple[str, str]] = []
    for repository in rules.repositories:
        found = _images(registry, repository)
        if not found:
            continue
        parts = {digest: _parts(registry, repository, digest) for digest in found}
        if not any(released & {digest, *parts[digest]} for digest in found):
            alone.append(repository)
            continue
        judged = _judge(registry, repository, found, parts, rules, patterns, released, now)
        images += judged
        kept = {part for item in judged if item.keep for part in (item.digest, *parts[item.digest])}
        gone = {part for item in judged if not item.keep for part in parts[item.digest]}
        extra += [(repository, part) for part in sorted(gone - kept - released)]
    return Retention.model_validate(
        {"registry": registry.host, "images": images, "left_alone": alone, "with_them": extra}
    )


def remaining(
    registry: Registry, plan: Retention, released: frozenset[str], listed: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Of a list whose deletion was cut off: what is still there, and by the plan of today nobody keeps."""
    kept = {
        (item.repository, part)
        for item in plan.images
        if item.keep
        for part in (item.digest, *_parts(registry, item.repository, item.digest))
    }
    judged = {item.repository for item in plan.images}
    rest = [(name.rpartition("@")[0], name.rpartition("@")[2]) for name in listed]
    rest.sort(key=lambda item: item not in plan.going)
    return tuple(
        (repository, digest)
        for repository, digest in rest
        if repository in judged
        and digest not in released
        and (repository, digest) not in kept
        and registry.resolve(repository, digest)
    )


def carry_out(
    registry: Registry, going: Iterable[tuple[str, str]], tell: Callable[[str], object] = lambda _: None
) -> int:
    """Delete what goes, each in its repository; how many manifests went."""
    count = 0
    for repository, digest in going:
        if registry.delete(repository, digest):
            count += 1
            tell(f"{repository}@{digest}")
    return count


def _images(registry: Registry, repository: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in registry.tags(repository):
        if not _STANDS_IN.fullmatch(tag) and (there := registry.resolve(repository, tag)):
            found.setdefault(there.digest, []).append(tag)
    return found


def _parts(registry: Registry, repository: str, digest: str, depth: int = 0) -> frozenset[str]:
    """The manifests that an image consists of, and those that refer to it or to them."""
    if depth > 5:
        raise HttpError("manifests lie in each other too deeply", where=repository)
    found = {item.digest for item in registry.manifest(repository, digest).children()}
    found |= {item.digest for item in registry.referrers(repository, digest)}
    stand_in = registry.resolve(repository, digest.replace(":", "-"))
    below = {part for item in found for part in _parts(registry, repository, item, depth + 1)}
    return frozenset(found | below | ({stand_in.digest} if stand_in else set()))


def _judge(
    registry: Registry,
    repository: str,
    found: dict[str, list[str]],
    parts: dict[str, frozenset[str]],
    rules: Rules,
    patterns: list[re.Pattern[str]],
    released: frozenset[str],
    now: datetime,
) -> list[Image]:
    created = {digest: _created(registry, repository, registry.manifest(repository, digest)) for digest in found}
    known = [(made, digest) for digest, made in created.items() if made]
    newest = [digest for _, digest in sorted(known, reverse=True)[: rules.keep_last]]

    def why(digest: str) -> str:
        made = created[digest]
        if released & {digest, *parts[digest]}:
            return "released"
        if any(pattern.search(tag) for pattern in patterns for tag in found[digest]):
            return "its tag"
        if made is None:
            return "its age is not known"
        if digest in newest:
            return f"among the last {rules.keep_last}"
        return f"younger than {rules.keep_days} days" if now - made < timedelta(days=rules.keep_days) else ""

    return [
        Image(repository=repository, digest=item, tags=tuple(sorted(tags)), created=created[item], keep=why(item))
        for item, tags in sorted(found.items())
    ]


def _created(registry: Registry, repository: str, manifest: Manifest) -> datetime | None:
    """When an image says that it was made; None where it does not, or says nonsense."""
    for child in manifest.children():
        return _created(registry, repository, registry.manifest(repository, child.digest))
    config = manifest.value.get("config") or {}
    if not isinstance(config, dict) or "digest" not in config:
        return None
    try:
        value = registry.call("GET", f"/v2/{repository}/blobs/{config['digest']}", ok=(301, 302, 307, 404))
        made = datetime.fromisoformat(re.sub(r"\.\d+", "", str(value.json().get("created", ""))))
    except (HttpError, ValueError, AttributeError):
        return None
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    return made if made > _KNOWN_SINCE else None
