"""The corpus: requests, what they state and what they do not. `held_out` was written before the rules were tuned.

`cases` is for development: `tickets_and_mail` is what the rules were changed on, and says nothing of unseen requests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reading.judging import failures

HERE = Path(__file__).parent
CASES = [
    pytest.param(case, id=f"{file.parent.name}-{file.stem}-{number}")
    for folder in ("cases", "held_out")
    for file in sorted((HERE / folder).glob("*.json"))
    for number, case in enumerate(json.loads(file.read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    assert failures(case) == []


def test_corpus_is_large() -> None:
    assert len(CASES) >= 150
