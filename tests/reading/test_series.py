"""Numbers in a row that belong to names in a row; a row that is no such thing is left alone."""

from __future__ import annotations

import pytest

from hug_agents.reading.rules import read

OWN = "Deploy web-shop with image acme/web-shop:1 on port 8080 to ECS. "
TWO = "services: `web` and `reports`\nimages: acme/web:1 and acme/reports:1\n"
ASKED = "Q: How many copies in staging? In production?\nA: "
STAGES = "environments.staging.replicas.*", "environments.production.replicas.*"
BOTH = "services.web.replicas", "services.reports.replicas"


def values(text: str, paths: tuple[str, str]) -> tuple[object, ...]:
    """The values that are claimed of the two paths."""
    return tuple(
        claim.value for path in paths for claim in read(text).claims if claim.path == path and not claim.negated
    )


@pytest.mark.parametrize(
    ("text", "paths", "expected"),
    [
        (f"{OWN}\nreplicas: 2 / 6 (staging / production)", STAGES, (2, 6)),
        (f"{OWN}\nreplicas: 2 / 6 (production / staging)", STAGES, (6, 2)),
        (f"{OWN}\n{ASKED}1 and 3.", STAGES, (1, 3)),
        (f"{TWO}replicas: 3 and 1, in that order", BOTH, (3, 1)),
        (f"{OWN}\n5) how many: 2 / 3 (staging / production)", STAGES, (2, 3)),
        (f"{TWO}replicas: 3 and 1", BOTH, ()),  # whose is which?
        (f"{OWN}\nreplicas: 2 / 4 / 6 (staging / production)", STAGES, ()),
        (f"{OWN}\n{ASKED}1 and 3, or so they say.\nReplicas? No idea.", STAGES, (1, 3)),
        (f"{OWN}\nQ: How many users in staging? In production?\nA: 1 and 3.", STAGES, ()),
        (f"{OWN}\n{ASKED}rooms 1 and 3.", STAGES, ()),
    ],
)
def test_each_number_has_its_own(text: str, paths: tuple[str, str], expected: tuple[int, ...]) -> None:
    assert values(text, paths) == expected
