"""Tables as people type them, and lists in columns: whose each value is."""

from __future__ import annotations

import pytest

from hug_agents.reading.grids import grids
from hug_agents.reading.rules import read

OWN = "Deploy web-shop with image acme/web-shop:1 on port 8080 to ECS.\n\n"

MARKDOWN = """
| what       | prod      | stage     |
|------------|-----------|-----------|
| aws region | us-east-1 | us-east-2 |
| pods       | 5 (max 9) | 1         |
| RAM / pod  | 1 GiB     | 512 MiB   |
| CACHE_TTL  | 60        |           |
| DB_TOKEN   | abc       | def       |
"""
BLANKS = """
             staging       production
Region       eu-west-1     eu-west-2
Account      111122223333  222233334444
LOG_LEVEL    debug         info
"""
COMMAS = """
environment,region,replicas,domain
staging,eu-west-1,2,
production,us-east-1,6,shop.acme.com
"""
WIKI = "||Env||Region||Tasks||\n|staging|eu-west-1|2|\n|prod|eu-west-2|9|\n"
ARROWS = "dev  -> us-west-1, account 111122223333, 1 task\nstaging -> us-west-2, 2 tasks\nprod -> us-east-1, 8 tasks\n"
SEVERAL = "staging    eu-west-1   1 task\nprod-eu    eu-west-2   4 tasks\nprod-us    us-east-1   9 tasks\n"
SERVICES = "| | api | web | cron |\n|-|-|-|-|\n| Port | 8080 | 3000 | 99 |\n| Tasks | 4 | 2 | 7 |\n"


def claims(text: str) -> dict[str, object]:
    return {claim.path: claim.value for claim in read(text).claims if not claim.negated}


@pytest.mark.parametrize(
    ("table", "path", "value"),
    [
        (MARKDOWN, "environments.production.region", "us-east-1"),
        (MARKDOWN, "environments.staging.region", "us-east-2"),
        (MARKDOWN, "environments.production.replicas.*", 5),
        (MARKDOWN, "environments.staging.memory_mib.*", 512),
        (MARKDOWN, "environments.production.env.CACHE_TTL", "60"),
        (BLANKS, "environments.staging.account", "111122223333"),
        (BLANKS, "environments.production.region", "eu-west-2"),
        (BLANKS, "environments.staging.env.LOG_LEVEL", "debug"),
        (COMMAS, "environments.staging.replicas.*", 2),
        (COMMAS, "environments.production.domain", "shop.acme.com"),
        (WIKI, "environments.production.replicas.*", 9),
        (ARROWS, "environments.dev.account", "111122223333"),
        (ARROWS, "environments.dev.replicas.*", 1),
        (ARROWS, "environments.production.replicas.*", 8),
        (SEVERAL, "environments.prod-eu.role", "production"),
        (SEVERAL, "environments.prod-eu.region", "eu-west-2"),
        (SEVERAL, "environments.prod-us.replicas.*", 9),
    ],
)
def test_a_value_is_of_its_column_or_line(table: str, path: str, value: object) -> None:
    assert claims(OWN + table).get(path) == value


def test_columns_of_services() -> None:
    said = claims(f"Deploy api (acme/api:1) and web (acme/web:1) to ECS.\n\n{SERVICES}")
    assert (said["services.api.port"], said["services.web.port"], said["services.web.replicas"]) == (8080, 3000, 2)
    assert not [path for path in said if "cron" in path]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (OWN + MARKDOWN, "environments.staging.env.CACHE_TTL"),
        (OWN + MARKDOWN, "environments.production.env.DB_TOKEN"),
        (OWN + MARKDOWN, "environments.*.region"),
        (OWN + COMMAS, "environments.staging.domain"),
        (OWN + "Clusters prod-eu and prod-us are there.", "environments.prod-eu.role"),
        (OWN + "Region, port and name, please.\nStaging, eu-west-1, one.", "environments.*.namespace"),
    ],
)
def test_its_neighbour_is_not(text: str, path: str) -> None:
    assert path not in claims(text)


def test_titles_without_a_rule_must_be_known() -> None:
    assert not list(grids("a | b\nc | d\n", lambda titles: False))
    assert [row[1].text for _, row in grids("a | b\nc | d\n", lambda titles: True)] == ["d"]
