"""The picture is written in what its ending says, with data and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from hug_agents.errors import UsageError
from hug_agents.measure.metrics import Scope
from hug_agents.measure.plots import plot
from tests.measure.log import Log

SCOPE = Scope(until="2027-01-01T00:00:00Z")


def full() -> Log:
    log = Log().presented(0).decided(30)
    for number, outcome in enumerate(("deployed", "failed", "rolled_back", "deployed")):
        release = f"r{number}"
        log(100 * number, "deployment_began", release=release)
        log(100 * number + 9, "deployment_ended", outcome, release=release)
    return log(500, "incident_noted", release="r3")(520, "incident_resolved", release="r3")


def test_a_picture_with_a_size_and_ink(tmp_path: Path) -> None:
    from matplotlib.image import imread

    file = plot(full().timeline(), SCOPE, tmp_path / "metrics.png")
    pixels = imread(file)
    assert pixels.shape[:2] == (840, 1320)
    # Bars of each outcome, and the points: their colours are there.
    for red, green, blue in ((0x00, 0x9E, 0x73), (0xE6, 0x9F, 0x00), (0xCC, 0x79, 0xA7), (0xD5, 0x5E, 0x00)):
        near = abs(pixels[..., :3] - (red / 255, green / 255, blue / 255)).max(axis=2) < 0.01
        assert near.sum() > 100
    empty = imread(plot(Log().timeline(), SCOPE, tmp_path / "empty.png"))
    assert empty.shape == pixels.shape and (empty != pixels).any()


def test_text_formats_say_what_they_hold(tmp_path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none"}):
        text = plot(full().timeline(), SCOPE, tmp_path / "metrics.svg").read_text()
    for words in ("Deployments by outcome", "failed afterwards", "Time to deploy", "target &lt; 30 minutes", "mean 9"):
        assert words in text
    assert "no data" not in text


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "x.png", tmp_path / "x.nothing"):
        with pytest.raises(UsageError, match="cannot be written"):
            plot(full().timeline(), SCOPE, path)
