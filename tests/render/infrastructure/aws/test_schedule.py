"""Cron's five fields in EventBridge's six."""

from __future__ import annotations

import pytest

from hug_agents.errors import HugError, SpecError, UnsupportedError
from hug_agents.render.infrastructure.aws.schedule import eventbridge


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 3 * * *", "cron(0 3 * * ? *)"),
        ("*/5 * * * *", "cron(0/5 * * * ? *)"),
        ("10/20 * * * *", "cron(10/20 * * * ? *)"),
        ("0 9-17/2 * * *", "cron(0 9-17/2 * * ? *)"),
        ("0 0 1,15 * *", "cron(0 0 1,15 * ? *)"),
        ("30 6 * * 1-5", "cron(30 6 ? * MON,TUE,WED,THU,FRI *)"),
        ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 7", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 5-7", "cron(0 0 ? * SUN,FRI,SAT *)"),
        ("0 0 * * mon,Wed", "cron(0 0 ? * MON,WED *)"),
        ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
        ("0 0 * * 0-6", "cron(0 0 * * ? *)"),
        ("0 0 1 jan-mar *", "cron(0 0 1 1-3 ? *)"),
        ("*/7 */6 */10 */2 *", "cron(0/7 0/6 1/10 1/2 ? *)"),
    ],
)
def test_the_same_times(cron: str, expected: str) -> None:
    assert eventbridge(cron) == expected


@pytest.mark.parametrize(
    ("cron", "error"),
    [
        ("0 0 13 * 5", UnsupportedError),
        ("60 0 * * *", SpecError),
        ("0 24 * * *", SpecError),
        ("0 0 0 * *", SpecError),
        ("0 0 * 13 *", SpecError),
        ("0 0 * * 8", SpecError),
        ("x 0 * * *", SpecError),
        ("5-1 0 * * *", SpecError),
        ("*/0 0 * * *", SpecError),
        ("1) * * * *", SpecError),
        ("*-5 * * * *", SpecError),
        ("\u0661 * * * *", SpecError),
    ],
)
def test_what_cannot_be_said_is_refused(cron: str, error: type[HugError]) -> None:
    with pytest.raises(error):
        eventbridge(cron)
