"""What the name of a target says is read again as the same, by whichever process opens its release later."""

from __future__ import annotations

import pytest

from hug_agents.adapters.nomad.place import Place as Nomad
from hug_agents.adapters.oci.place import Place as Registry
from hug_agents.adapters.options import query
from hug_agents.adapters.pipelines.place import parse
from hug_agents.adapters.spinnaker.place import Place as Spinnaker

FILES = ["images.json", "/srv/c%2B%2B/a%26b/100%25.json", "/srv/a b/ünï,~=x.json"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_with_any_name(file: str) -> None:
    nomad = Nomad.parse(f"https://nomad.example.com:4646?images={file}")
    spinnaker = Spinnaker.parse(f"https://gate.example.com?release={file}&repository=git@example.com:a/b")
    registry = Registry.parse(f"registry.example.com/x?images={file}")
    assert Nomad.parse(nomad.text) == nomad
    assert Spinnaker.parse(spinnaker.text) == spinnaker
    assert Registry.parse(registry.text) == registry
    assert nomad.images == spinnaker.release == registry.images


@pytest.mark.parametrize("repository", ["https://example.com/c%2B%2B.git", "https://example.com/a%2520b.git"])
def test_a_repository_with_any_name(repository: str) -> None:
    place = parse("jenkins", f"https://ci.example.com/job/x?repository={repository}", example="")
    assert parse("jenkins", place.text.removeprefix("jenkins:"), example="") == place


def test_what_needs_no_writing_out_stays_as_it_is_written() -> None:
    options = {"repository": "git@example.com:a/b.git", "branch": "main", "region": "", "api": "https://h:1/~x?y=z"}
    assert query(options) == "?repository=git@example.com:a/b.git&branch=main&api=https://h:1/~x?y=z"
    assert query({"region": ""}) == ""
