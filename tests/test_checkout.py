"""A repository by URL is fetched and read, and nothing of it is run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hug_agents.checkout import checkout, is_url
from hug_agents.errors import UsageError

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None, reason="git is not installed: install with your system's packages"
)


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "package.json").write_text("{}")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / ".gitattributes").write_text("package.json filter=evil\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    return folder


def test_it_is_fetched_read_and_gone(repository: Path) -> None:
    with checkout(f"file://{repository}") as folder:
        assert folder.name == "shop"
        assert (folder / "package.json").read_text() == "{}"
        assert not (folder / "link").is_symlink()
        assert not list((folder / ".git" / "hooks").glob("*")) if (folder / ".git" / "hooks").exists() else True
    assert not folder.exists()


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% /tmp/x", "--upload-pack=x://y", "http://example.com/x", "https://a b", "git@host:a;b"]
)
def test_what_is_not_fetched(url: str) -> None:
    with pytest.raises(UsageError, match="not a URL"), checkout(url):
        pass


def test_a_url_that_leads_nowhere_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="git could not fetch it"), checkout(f"file://{tmp_path}/nothing"):
        pass


@pytest.mark.parametrize("url", ["https://ana:se@cret@localhost:9/x", "http://ana:se@cret@localhost/x"])
def test_what_a_url_signs_in_with_is_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught, checkout(url):
        pass
    assert "localhost" in str(caught.value) and "cret" not in str(caught.value)


def test_folders_are_not_urls() -> None:
    assert not is_url("services/api") and not is_url("C:\\api") and is_url("git@host:a/b")
