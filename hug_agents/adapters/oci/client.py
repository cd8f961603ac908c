"""One registry: tags, manifests, blobs, referrers, by the OCI distribution protocol 1.1 and what came before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from hug_agents.adapters.oci.reference import Digest
from hug_agents.adapters.oci.signing_in import LOOPBACK, Account, authorization
from hug_agents.canonical import sha256
from hug_agents.errors import HttpError
from hug_agents.http import Answer, Http
from hug_agents.spec import Line, Model

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
IMAGES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ACCEPT = ", ".join((*INDEXES, *IMAGES))
_PAGES = 1_000


class Descriptor(Model):
    """A document or a blob, by what it is."""

    digest: Digest
    media_type: Line = ""
    size: int = 0


class Manifest(Model):
    """A manifest whose bytes have the digest that names it."""

    digest: Digest
    media_type: Line
    data: bytes

    @property
    def descriptor(self) -> Descriptor:
        """What it is known by."""
        return Descriptor(digest=self.digest, media_type=self.media_type, size=len(self.data))

    @property
    def value(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = json.loads(self.data)
        return found

    @property
    def is_index(self) -> bool:
        """It lists manifests, one a platform."""
        return self.media_type in INDEXES or "manifests" in self.value

    def children(self) -> tuple[Descriptor, ...]:
        """The manifests of an index."""
        return tuple(_descriptor(row) for row in self.value.get("manifests") or ()) if self.is_index else ()

    def blobs(self) -> tuple[Descriptor, ...]:
        """The configuration and the layers; not those that lie at a URL elsewhere."""
        value = self.value
        rows = [value.get("config"), *(value.get("layers") or ())]
        return tuple(_descriptor(row) for row in rows if row and not row.get("urls"))


def _descriptor(row: Any) -> Descriptor:
    try:
        return Descriptor(digest=row["digest"], media_type=row.get("mediaType", ""), size=row.get("size", 0))
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise HttpError("a manifest lists something without a digest of SHA-256") from error


class Registry:
    """A registry by its host. Only inside this machine is it spoken to without TLS."""

    def __init__(self, host: str, who: Account | None = None, *, timeout: float = 30.0, attempts: int = 4) -> None:
        self.host = host
        self.who = who or Account()
        scheme = "http" if urlsplit(f"//{host}").hostname in LOOPBACK else "https"
        self.base = f"{scheme}://{host}"
        self._http = Http(self.base, secrets=self.who.secrets, timeout=timeout, attempts=attempts)
        self._signed: dict[str, str] = {}

    def resolve(self, repository: str, reference: str) -> Descriptor | None:
        """What a tag or a digest names now; None if there is no such thing."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("HEAD", path, headers={"Accept": _ACCEPT}, ok=(404,))
        if answer.status == 404:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        if not digest:  # older servers say it only with the document
            return self.manifest(repository, reference).descriptor
        return Descriptor(
            digest=digest,
            media_type=answer.headers.get("content-type", "").partition(";")[0],
            size=int(answer.headers.get("content-length") or 0),
        )

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest. Raises HttpError, also when its bytes are not what the digest names."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("GET", path, headers={"Accept": _ACCEPT})
        digest = sha256(answer.data)
        if reference.startswith("sha256:") and digest != reference:
            raise HttpError(f"the bytes have the digest {digest}", where=f"{self.host}{path}")
        media = answer.headers.get("content-type", "").partition(";")[0]
        found = Manifest(digest=digest, media_type=media, data=answer.data)
        try:
            found.value.get("mediaType")
        except (ValueError, AttributeError) as error:
            raise HttpError("the manifest is not JSON", where=f"{self.host}{path}") from error
        return found

    def tags(self, repository: str) -> tuple[str, ...]:
        """Every tag, page after page; none where there is no such repository."""
        return tuple(sorted(self._pages(f"/v2/{repository}/tags/list", "tags", {"n": "500"})))

    def _pages(self, path: str, key: str, params: dict[str, str] | None) -> Iterator[Any]:
        for _ in range(_PAGES):
            answer = self.call("GET", path, params=params, ok=(404,))
            if answer.status == 404:
                return
            value = answer.json()
            yield from (value.get(key) if isinstance(value, dict) else None) or ()
            target = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
            if not target or 'rel="next"' not in answer.headers["link"]:
                return
            follows = urlsplit(urljoin(f"{self.base}{path}", target))
            if f"{follows.scheme}://{follows.netloc}" != self.base:
                raise HttpError("the next page lies on another server", where=f"{self.base}{path}")
            path, params = f"{follows.path}?{follows.query}", None
        raise HttpError("the list has no end", where=f"{self.base}{path}")

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """What refers to a manifest (signatures, SBOMs): by the API, or by the tag that stands in for it on older servers."""
        answer = self.call("GET", f"/v2/{repository}/referrers/{digest}", ok=(404, 405, 501))
        if answer.status == 200:
            rows = answer.json().get("manifests") or ()
            return tuple(_descriptor(row) for row in rows)
        tag = digest.replace(":", "-")
        if self.resolve(repository, tag) is None:
            return ()
        return self.manifest(repository, tag).children()

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> Answer:
        """Write a manifest under a tag or its digest. Raises HttpError when the server took it for other bytes."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("PUT", path, content=data, headers={"Content-Type": media_type})
        told = answer.headers.get("docker-content-digest", "")
        if told and told != sha256(data):
            raise HttpError(f"the server wrote {told} for {sha256(data)}", where=f"{self.host}{path}")
        return answer

    def delete(self, repository: str, digest: Digest) -> bool:
        """Delete a manifest by digest; False if it was not there. Raises HttpError where deleting is switched off."""
        answer = self.call("DELETE", f"/v2/{repository}/manifests/{digest}", ok=(404, 405))
        if answer.status == 405:
            raise HttpError(
                "the registry does not delete",
                where=f"{self.host}/{repository}",
                hint="Docker Registry: storage.delete.enabled",
                status=405,
            )
        return answer.status != 404

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether a layer or a configuration is in the repository."""
        return self.call("HEAD", f"/v2/{repository}/blobs/{digest}", ok=(404,)).status != 404

    def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, ok: tuple[int, ...] = (), **options: Any
    ) -> Answer:
        """One call, signed in where the registry asks for it."""
        repository = path.removeprefix("/v2/")
        for word in ("/manifests/", "/blobs/", "/tags/", "/referrers/"):
            repository = repository.partition(word)[0]
        rights = {"GET": "pull", "HEAD": "pull", "DELETE": "pull,delete"}.get(method, "pull,push")
        scope = "registry:catalog:*" if repository == "_catalog" else f"repository:{repository}:{rights}"
        for attempt in range(2):
            sent = {**(headers or {}), **self.header(scope)}
            answer = self._http.request(method, path, headers=sent, ok=(*ok, 401), **options)
            if answer.status != 401 or 401 in ok:
                return answer
            challenge = answer.headers.get("www-authenticate", "")
            if attempt or not challenge:
                break
            self._signed[scope] = authorization(challenge, self.who, scope)
        raise HttpError(
            f"{self.who.user or 'nobody'} may not {method} this",
            where=f"{self.base}{path.partition('?')[0]}",
            hint="sign in with an account that may; its file is named by HUG_AGENTS_REGISTRY_AUTH",
            status=401,
        )

    def header(self, scope: str) -> dict[str, str]:
        """What signs a call of this scope, where that is known."""
        return {"Authorization": self._signed[scope]} if self._signed.get(scope) else {}

    @property
    def http(self) -> Http:
        """The client below, for bodies that are streamed."""
        return self._http

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
