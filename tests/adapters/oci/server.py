"""A real Docker Registry on this machine, and images made here to push to it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from hug_agents.adapters.oci.client import IMAGES, INDEXES, Registry
from hug_agents.adapters.oci.signing_in import Account

PROGRAM = shutil.which("docker-registry")
WHO = Account(user="ana", password='p"ä:ss')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path, **auth: Any) -> dict[str, Any]:
    """As little as a server needs; no password is asked for unless `auth` says so."""
    document: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{free_port()}"},
    }
    return {**document, "auth": auth} if auth else document


def htpasswd(folder: Path) -> dict[str, str]:
    file = folder / "htpasswd"
    hashed = bcrypt.hashpw(WHO.password.encode(), bcrypt.gensalt(4)).decode()
    file.write_text(f"{WHO.user}:{hashed}\n", encoding="utf-8")
    return {"realm": "here", "path": str(file)}


@contextlib.contextmanager
def running(folder: Path, document: dict[str, Any], **environment: str) -> Iterator[str]:
    """The server, until the end of the block; its host and port."""
    if PROGRAM is None:
        pytest.skip("docker-registry, install with apt-get install docker-registry")
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    host = document["http"]["addr"]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [PROGRAM, "serve", str(file)], stdout=log, stderr=log, env={"PATH": os.environ["PATH"], **environment}
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(host.rsplit(":", 1), timeout=1):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@dataclass
class Pushed:
    digest: str
    parts: tuple[str, ...] = ()


def push_blob(registry: Registry, repository: str, data: bytes) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    if not registry.has_blob(repository, digest):
        place = registry.call("POST", f"/v2/{repository}/blobs/uploads/").headers["location"]
        path = place.removeprefix(registry.base)
        registry.call("PUT", f"{path}&digest={digest}", content=data)
    return {"digest": digest, "size": len(data)}


def layer(text: str, size: int = 0) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        data = text.encode() + os.urandom(size)
        row = tarfile.TarInfo("file")
        row.size = len(data)
        archive.addfile(row, io.BytesIO(data))
    return gzip.compress(held.getvalue(), mtime=0)


def push_image(
    registry: Registry, repository: str, text: str, *tags: str, created: str = "2026-01-01T00:00:00Z", size: int = 0
) -> Pushed:
    """One platform, one layer."""
    data = layer(text, size)
    config = {"created": created, "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    rows = {
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            **push_blob(registry, repository, json.dumps({**config, "config": {"Labels": {"text": text}}}).encode()),
        },
        "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **push_blob(registry, repository, data)}
        ],
    }
    return put(registry, repository, {"schemaVersion": 2, "mediaType": IMAGES[0], **rows}, *tags)


def put(registry: Registry, repository: str, document: dict[str, Any], *tags: str) -> Pushed:
    data = json.dumps(document).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    for reference in tags or (digest,):
        registry.put_manifest(repository, reference, data, document["mediaType"])
    return Pushed(digest)


def push_index(registry: Registry, repository: str, text: str, *tags: str, **options: Any) -> Pushed:
    """Two platforms."""
    children = [push_image(registry, repository, f"{text}-{arch}", **options) for arch in ("amd64", "arm64")]
    rows = [
        {
            "mediaType": IMAGES[0],
            "digest": child.digest,
            "size": len(registry.manifest(repository, child.digest).data),
            "platform": {"architecture": arch, "os": "linux"},
        }
        for child, arch in zip(children, ("amd64", "arm64"), strict=True)
    ]
    made = put(registry, repository, {"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": rows}, *tags)
    return Pushed(made.digest, tuple(child.digest for child in children))


def push_signature(registry: Registry, repository: str, subject: str) -> Pushed:
    """Something that refers to an image, listed by the tag that stands in for the referrers API."""
    manifest = registry.manifest(repository, subject)
    empty = push_blob(registry, repository, b"{}")
    note = push_blob(registry, repository, f"signed {subject}".encode())
    signed = {
        "schemaVersion": 2,
        "mediaType": IMAGES[0],
        "artifactType": "application/vnd.example.signature",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", **empty},
        "layers": [{"mediaType": "text/plain", **note}],
        "subject": {"mediaType": manifest.media_type, "digest": subject, "size": len(manifest.data)},
    }
    made = put(registry, repository, signed)
    size = len(registry.manifest(repository, made.digest).data)
    row = {"mediaType": IMAGES[0], "digest": made.digest, "size": size, "artifactType": signed["artifactType"]}
    index = {"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [row]}
    put(registry, repository, index, subject.replace(":", "-"))
    return made


def reachable(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:  # a loopback address of the test
        return int(answer.status)
