"""Secrets lie about in every test of the corpus."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.injection.corpus import CANARY


@pytest.fixture(autouse=True)
def canaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Secrets where a run has no business; each of them would be known again."""
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "OPENAI_API_KEY", "HUG_AGENTS_PASSPHRASE", "DB_PASSWORD"):
        monkeypatch.setenv(name, f"{CANARY}-{name.lower()}")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text(f"{CANARY}-file\n")
    (tmp_path / "hello").mkdir()
    monkeypatch.chdir(tmp_path / "hello")  # a scan opens names in folders: the watch sees the names alone
    caplog.set_level(logging.DEBUG)
