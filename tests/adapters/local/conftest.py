from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.local.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An application and a target; at the end everything is stopped, and nothing may be left."""
    made = Place(tmp_path / "place")
    yield made
    assert made.clean() == []
