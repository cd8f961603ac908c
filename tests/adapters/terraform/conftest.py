"""A place of its own for each test, with real Terraform."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.terraform.roots import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A target in a folder of its own."""
    return Bench(tmp_path)
