"""Blobs from one repository to another: mounted where both are on one server, else carried over in parts."""

from __future__ import annotations

import hashlib
import tempfile
from typing import IO
from urllib.parse import urljoin, urlsplit

from hug_agents.adapters.oci.client import Descriptor, Registry
from hug_agents.errors import HttpError
from hug_agents.http import Http

CHUNK = 8 * 1024 * 1024
"""Bytes of one part of an upload."""
_ATTEMPTS = 4


def carry(source: Registry, repository: str, blob: Descriptor, target: Registry, into: str) -> str:
    """Bring a blob into a repository: `there`, `mounted` or `copied`. Raises HttpError."""
    if target.has_blob(into, blob.digest):
        return "there"
    start = ""
    if source.host == target.host:
        path = f"/v2/{into}/blobs/uploads/?mount={blob.digest}&from={repository}"
        answer = target.call("POST", path)
        if answer.status == 201:
            return "mounted"
        start = answer.headers.get("location", "")  # a server that does not mount has begun an upload
    with tempfile.TemporaryFile() as file:
        fetch(source, repository, blob, file)
        send(target, into, blob, file, start)
    return "copied"


def fetch(source: Registry, repository: str, blob: Descriptor, file: IO[bytes]) -> None:
    """Download a blob; what broke off is gone on with. Raises HttpError, also when the bytes are not what was named."""
    path = f"/v2/{repository}/blobs/{blob.digest}"
    source.has_blob(repository, blob.digest)  # signs in, where that is asked for
    problem: HttpError | None = None
    for _ in range(_ATTEMPTS):
        at = file.seek(0, 2)
        try:
            _from(source, path, file, at, f"repository:{repository}:pull")
            problem = None
            break
        except HttpError as error:
            if error.status is not None and error.status < 500:
                raise
            problem = error
    if problem is not None:
        raise problem
    file.seek(0)
    seen = hashlib.sha256()
    while part := file.read(CHUNK):
        seen.update(part)
    found = f"sha256:{seen.hexdigest()}"
    if found != blob.digest:
        raise HttpError(f"the bytes have the digest {found}", where=f"{source.host}{path}")


def _from(source: Registry, path: str, file: IO[bytes], at: int, scope: str) -> None:
    ranged = {"Range": f"bytes={at}-"} if at else {}
    answer = source.http.save(path, file.write, headers={**ranged, **source.header(scope)})
    if answer.status in (301, 302, 303, 307, 308):
        # Another server, such as an object store, gives it out: it gets no password and no token of ours.
        parts = urlsplit(urljoin(f"{source.base}{path}", answer.headers.get("location", "")))
        if parts.scheme != "https" and not source.base.startswith("http://"):
            raise HttpError("the registry sends a download to a server without TLS", where=source.base, status=400)
        with Http(f"{parts.scheme}://{parts.netloc}") as other:
            answer = other.save(f"{parts.path}?{parts.query}", file.write, headers=ranged)
    if at and answer.status != 206:  # the whole body came, after what was there
        rest = file.seek(0, 2) - at
        file.seek(at)
        data = file.read(rest)
        file.seek(0)
        file.truncate()
        file.write(data)


def send(target: Registry, repository: str, blob: Descriptor, file: IO[bytes], start: str = "") -> None:
    """Upload a blob in parts; a part that broke off is gone on with where the server says it stands. Raises HttpError."""
    place = start or target.call("POST", f"/v2/{repository}/blobs/uploads/").headers.get("location", "")
    size = file.seek(0, 2)
    at = 0
    failures = 0
    while at < size:
        file.seek(at)
        data = file.read(CHUNK)
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{at}-{at + len(data) - 1}"}
        try:
            answer = target.call("PATCH", _path(target, place), headers=headers, content=data)
            at += len(data)
        except HttpError as error:
            failures += 1
            if failures >= _ATTEMPTS or (error.status is not None and error.status < 500 and error.status != 416):
                raise
            answer = target.call("GET", _path(target, place))
            reached = answer.headers.get("range", "0-0").removeprefix("bytes=").partition("-")[2]
            at = int(reached) + 1 if reached.isdigit() and int(reached) else 0
        place = answer.headers.get("location") or place
    path = _path(target, place)
    target.call("PUT", f"{path}{'&' if '?' in path else '?'}digest={blob.digest}", content=b"")


def _path(target: Registry, place: str) -> str:
    """An upload's place as a path on its own server. Raises HttpError for one on another."""
    parts = urlsplit(urljoin(target.base, place))
    # Behind a proxy that ends TLS, a server may name itself with http.
    if not place or parts.netloc != target.host:
        raise HttpError(f"the upload was sent to {parts.netloc[:80] or 'nowhere'}", where=target.base)
    return parts.path + (f"?{parts.query}" if parts.query else "")
