"""The client against a real Docker Registry: names, pages, promotion with platforms and signatures, signing in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hug_agents.adapters.oci.client import Descriptor, Registry
from hug_agents.adapters.oci.promote import complete, promote
from hug_agents.adapters.oci.reference import Reference
from hug_agents.adapters.oci.signing_in import Account, account
from hug_agents.errors import HttpError, UsageError
from tests.adapters.oci.server import (
    WHO,
    configuration,
    push_image,
    push_index,
    push_signature,
    running,
)


@pytest.mark.parametrize(
    ("text", "host", "repository", "wanted"),
    [
        ("nginx", "registry-1.docker.io", "library/nginx", "latest"),
        ("acme/api:1.2", "registry-1.docker.io", "acme/api", "1.2"),
        ("localhost/api", "localhost", "api", "latest"),
        ("r.example.com:5000/a/b:1@sha256:" + "0" * 64, "r.example.com:5000", "a/b", "sha256:" + "0" * 64),
    ],
)
def test_names_are_taken_apart(text: str, host: str, repository: str, wanted: str) -> None:
    reference = Reference.parse(text)
    assert (reference.host, reference.repository, reference.wanted) == (host, repository, wanted)


def test_a_tag_becomes_a_digest(registry: Registry, name: str) -> None:
    made = push_image(registry, name, "one", "1.0")
    found = registry.resolve(name, "1.0")
    assert found is not None and found.digest == made.digest and found.size > 0
    assert registry.resolve(name, "2.0") is None
    assert registry.resolve(name, made.digest) == found
    assert registry.resolve("no/such/repository", "1.0") is None


def test_every_page_is_read(registry: Registry, name: str) -> None:
    made = push_image(registry, name, "one", *(f"t{number:03}" for number in range(7)))
    assert made
    assert registry.tags(name) == tuple(f"t{number:03}" for number in range(7))
    assert registry.tags("no/such/repository") == ()
    # This server gives all tags at once, and its catalogue page after page, by the same header.
    for letter in "abcde":
        push_image(registry, f"{letter}/{name}", letter, "1")
    listed = list(registry._pages("/v2/_catalog", "repositories", {"n": "2"}))
    assert {f"{letter}/{name}" for letter in "abcde"} <= set(listed)
    assert listed == sorted(set(listed))


def test_an_image_goes_over_whole_and_twice_changes_nothing(registry: Registry, name: str) -> None:
    made = push_index(registry, name, "one", "1.0")
    signature = push_signature(registry, name, made.digest)
    into = f"production/{name}"
    first = promote(registry, name, made.digest, registry, into, "production-1")
    assert first.mounted == 6 and first.copied == 0, "one server: nothing is carried over the network"
    assert complete(registry, into, made.digest) == ()
    there = registry.resolve(into, "production-1")
    assert there is not None and there.digest == made.digest
    assert [item.digest for item in registry.referrers(into, made.digest)] == [signature.digest]
    again = promote(registry, name, made.digest, registry, into, "production-1")
    assert (again.mounted, again.copied, again.there) == (0, 0, 6)
    assert registry.tags(into) == ("production-1", made.digest.replace(":", "-"))


def test_a_tag_of_a_promotion_is_never_moved(registry: Registry, name: str) -> None:
    one, two = push_image(registry, name, "one", "1"), push_image(registry, name, "two", "2")
    promote(registry, name, one.digest, registry, f"p/{name}", "live")
    with pytest.raises(HttpError, match="names") as refused:
        promote(registry, name, two.digest, registry, f"p/{name}", "live")
    assert refused.value.status == 409
    assert registry.resolve(f"p/{name}", two.digest) is None, "and nothing was written"


def test_between_two_registries_blobs_are_carried_in_parts(
    registry: Registry, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hug_agents.adapters.oci.blobs.CHUNK", 100_000)
    made = push_image(registry, name, "large", "1.0", size=350_000)
    with running(tmp_path, configuration(tmp_path)) as other:
        target = Registry(other, attempts=2)
        done = promote(registry, name, made.digest, target, name, "1.0")
        assert (done.copied, done.mounted) == (2, 0)
        assert complete(target, name, made.digest) == ()
        assert target.manifest(name, "1.0").data == registry.manifest(name, "1.0").data


def test_an_image_that_lost_a_layer_is_not_taken_for_whole(registry: Registry, name: str) -> None:
    made = push_image(registry, name, "one", "1")
    lost = registry.manifest(name, made.digest).blobs()[1]
    registry.call("DELETE", f"/v2/{name}/blobs/{lost.digest}")
    assert [item.digest for item in complete(registry, name, made.digest)] == [lost.digest]
    with pytest.raises(HttpError):
        promote(registry, name, made.digest, registry, f"p/{name}", "live")
    assert registry.resolve(f"p/{name}", "live") is None


def test_skopeo_reads_what_was_promoted(registry: Registry, name: str, signed_in: Path, tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo, install with apt-get install skopeo")
    made = push_image(registry, name, "one", "1.0")
    promote(registry, name, made.digest, registry, f"p/{name}", "live")
    image = f"docker://{registry.host}/p/{name}:live"
    done = subprocess.run(
        [skopeo, "copy", "--src-tls-verify=false", f"--authfile={signed_in}", image, f"dir:{tmp_path / 'image'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "image" / "manifest.json").read_bytes() == registry.manifest(name, made.digest).data


def test_who_may_not_is_told_so_and_the_password_is_not_shown(host: str, name: str) -> None:
    for who in (Account(), Account(user="ana", password="wrong-word")):
        with pytest.raises(HttpError, match="may not GET") as refused:
            Registry(host, who).tags(name)
        assert refused.value.status == 401
        assert "wrong-word" not in str(refused.value)
        assert "HUG_AGENTS_REGISTRY_AUTH" in refused.value.hint


def test_the_file_of_docker_says_who_signs_in(signed_in: Path, host: str, tmp_path: Path) -> None:
    assert account(signed_in, host) == WHO
    assert account(signed_in, "elsewhere") == Account()
    broken = tmp_path / "broken.json"
    broken.write_text('{"auths": {"h": {"auth": "***"}}}')
    with pytest.raises(UsageError, match="cannot be read"):
        account(broken, "h")


def test_deleting_is_by_digest_and_says_when_it_is_switched_off(registry: Registry, name: str, tmp_path: Path) -> None:
    made = push_image(registry, name, "one", "1", "also")
    assert registry.delete(name, made.digest) is True
    assert registry.delete(name, made.digest) is False
    assert registry.tags(name) == ()
    document = configuration(tmp_path)
    document["storage"]["delete"] = {"enabled": False}
    with running(tmp_path, document) as other:
        target = Registry(other)
        kept = push_image(target, name, "one", "1")
        with pytest.raises(HttpError, match="does not delete"):
            target.delete(name, kept.digest)


def test_a_digest_of_another_kind_is_refused(registry: Registry, name: str) -> None:
    made = push_image(registry, name, "one", "1")
    document = {**registry.manifest(name, made.digest).value, "layers": [{"digest": "md5:1", "size": 1}]}
    from hug_agents.adapters.oci.client import Manifest

    odd = Manifest(digest=made.digest, media_type=document["mediaType"], data=str(document).replace("'", '"').encode())
    with pytest.raises(HttpError, match="without a digest"):
        odd.blobs()
    assert isinstance(registry.manifest(name, made.digest).descriptor, Descriptor)
