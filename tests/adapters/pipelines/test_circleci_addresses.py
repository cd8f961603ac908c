"""The token of CircleCI goes to CircleCI's own hosts alone, whatever address an answer names."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.adapters.circleci import runner
from hug_agents.http import Answer

SENT: list[tuple[str, str, bool]] = []


class Recorder:
    """An Http that calls nobody."""

    def __init__(self, base_url: str, *, headers: dict[str, str] | None = None, **_: Any) -> None:
        self.base_url, self.headers = base_url, headers or {}

    def get(self, path: str) -> Answer:
        SENT.append((self.base_url, path, "Circle-Token" in self.headers))
        return Answer(200, {}, "")

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://output.circle-artifacts.com/output/job/1/images.json", True),
        ("https://circleci.com/api/v1/x?a=b", True),
        ("http://output.circle-artifacts.com/images.json", False),
        ("https://example.com#.circleci.com/images.json", False),
        ("https://example.com?.circleci.com/images.json", False),
        ("https://a.circleci.com@example.com/images.json", False),
        ("https://example.com/images.json", False),
    ],
)
def test_where_the_token_goes(url: str, ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "Http", Recorder)
    SENT.clear()
    runner.CircleciRunner("gh/acme/x", "main", "secret", api="https://circleci.com")._fetched(url, signed_in=True)
    assert [signed for _, _, signed in SENT] == [ours]
    SENT.clear()
    runner.CircleciRunner("gh/acme/x", "main", "secret", api="https://circleci.com")._fetched(url, signed_in=False)
    assert [signed for _, _, signed in SENT] == [False]
