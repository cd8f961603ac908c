"""Ways of saying things, each with a neighbour that must not be read the same way."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.reading.rules import read

OWN = "Deploy web-shop with image acme/web-shop:1 on port 8080 to ECS. "


def claims(text: str) -> dict[str, Any]:
    """What is wanted, by path; several values of one path as a set."""
    found: dict[str, Any] = {}
    for claim in read(text).claims:
        if not claim.negated:
            found.setdefault(claim.path, set()).add(claim.value)
    return {path: values.pop() if len(values) == 1 else values for path, values in found.items()}


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("The application is registered as claims-desk. Image acme/desk:1, port 80.", "application", "claims-desk"),
        ("Please deploy our mail service (call it posty) to ECS, port 8060.", "services.posty.name", "posty"),
        ('FastAPI backend. App name "plots". Before each release run `alembic upgrade head`.', "application", "plots"),
        (
            "notary has two parts. The worker (a/notary-worker:4). The api (a/notary-api:4, port 83).",
            "application",
            "notary",
        ),
        (
            "Stock (app: stock) on ECS. web is a/s-web:2 on port 80. mailer is a worker, a/s-mailer:2.",
            "services.web.port",
            80,
        ),
        ("A cron job in Kubernetes: tidy, image a/tidy:2. Runs on weekdays at 02:30 UTC.", "services.tidy.kind", "job"),
        (
            f"{OWN}Our Dockerfile (it lives at deploy/Dockerfile), build from it.",
            "services.*.dockerfile",
            "deploy/Dockerfile",
        ),
        (f"{OWN}Health is http://<host>:8081/live/ready.", "services.*.health_path", "/live/ready"),
        (f"{OWN}Health is http://<host>:8081/live/ready.", "services.*.health_port", 8081),
        ("web-shop: acme/web-shop:1 / 8080 / readiness on /ready.", "services.*.health_path", "/ready"),
        ("web-shop: acme/web-shop:1 / 8080 / readiness on /ready.", "services.*.port", 8080),
        (f"{OWN}min 5 max 40 replicas.", "services.*.max_replicas", 40),
        (f"{OWN}Three replicas, autoscale to ten.", "services.*.max_replicas", 10),
        (
            f"{OWN}At most 20 % of replicas are unavailable and at most 50 % are additional.",
            "strategy.max_surge_percent",
            50,
        ),
        (
            f"{OWN}At most 20 % of replicas are unavailable and at most 50 % are additional.",
            "strategy.max_unavailable_percent",
            20,
        ),
        (
            f"{OWN}Changes only Monday until Wednesday 07:00 to 12:00 UTC, because on Thursday the payroll runs.",
            "windows",
            "mon,tue,wed 07:00-12:00 UTC",
        ),
        (
            f"{OWN}No deployment outside Monday to Friday 10:00 to 17:00 UTC.",
            "windows",
            "mon,tue,wed,thu,fri 10:00-17:00 UTC",
        ),
        (f"{OWN}Error rate over 5% for one minute => roll back.", "triggers.error_rate", 5.0),
        (
            "[09:05] Sam: port?\n[09:06] Ann: 8000, no wait that's the dev server. 8001\n[09:07] Sam: ok",
            "services.*.port",
            8001,
        ),
        (f"{OWN}\n\nEDIT 14:10: the cluster stays. Make it port 9090 for now.", "services.*.port", 9090),
        (f"{OWN}What we don't want: Jenkins (CircleCI, please), and Grafana; ok.", "toolchain.ci", "circleci"),
        (
            f"{OWN}It currently runs on VMs and is deployed by Jenkins. The pipeline is CircleCI.",
            "toolchain.ci",
            "circleci",
        ),
        (f"{OWN}After each deployment please call GET /ping.", "smoke_tests.*", "/ping"),
        (
            f"{OWN}Secrets:\n  DB_PASSWORD <- shop/db\n  MAIL_TOKEN <- shop/mail",
            "services.*.secrets.MAIL_TOKEN",
            "shop/mail",
        ),
        (f"{OWN}The Postgres exists already (version 14, run by others).", "dependencies.postgres.version", "14"),
        (f"{OWN}Two copies in production are plenty, half a vCPU each.", "services.*.cpu_millicores", 500),
        (f"{OWN}\n[09:01] Sam: blue-green?\n[09:02] Ann: yes please", "strategy.kind", "blue_green"),
        (f"{OWN}Team Harbour answers for the application.", "owner", "Team Harbour"),
    ],
)
def test_it_is_read(text: str, path: str, value: object) -> None:
    assert claims(text).get(path) == value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Put it on ECS. Before each release run `alembic upgrade head`.", "services.run.name"),
        (f"{OWN}We should call it a day.", "services.day.name"),
        (f"{OWN}There is one container image.", "services.*.replicas"),
        (f"{OWN}CI = GitHub Actions.", "services.*.env.CI"),
        (f"{OWN}Health is http://monitor.example.org:8081/live.", "services.*.health_port"),
        (f"{OWN}Error rate over 5% for one minute => roll back.", "objectives.error_rate"),
        (f"{OWN}What we don't want: Jenkins, and anything in CloudFormation; Terraform is fine.", "toolchain.ci"),
        (f"{OWN}It runs three replicas and takes up to 900 requests.", "services.*.max_replicas"),
        (f"{OWN}After each deployment the team meets, see /wiki.", "smoke_tests.*"),
        (f"{OWN}It currently runs on VMs and is deployed by Jenkins.", "toolchain.ci"),
        (f"{OWN}Other apps know the api, and call it often.", "services.often.name"),
        (f"{OWN}In production, two copies with half a vCPU each.", "services.*.cpu_millicores"),
        (f"{OWN}\n[09:01] Sam: blue-green?\n[09:02] Ann: no, not yet", "strategy.kind"),
        (f"{OWN}\n[09:01] Sam: blue-green or canary?\n[09:02] Ann: yes", "strategy.kind"),
        (f"{OWN}\n> blue-green?\nyes please", "strategy.kind"),
        (f"{OWN}The data stays inside the EU.", "services.*.public"),
        (f"{OWN}Postgres and Redis (version 7).", "dependencies.postgres.version"),
        (f"{OWN}After each deployment Jenkins must call /hook.", "smoke_tests.*"),
        (f"{OWN}Error budget of 1 % over 30 days, a person may roll back.", "triggers.error_rate"),
        (f"{OWN}There is no rule, we deploy outside 9:00 to 17:00 UTC.", "windows"),
        (f"{OWN}Team Harbour answers for lunch.", "owner"),
    ],
)
def test_its_neighbour_is_not(text: str, path: str) -> None:
    assert path not in claims(text)


def test_a_title_is_no_edit() -> None:
    said = claims(f"{OWN}\n\nUpdate strategy: rolling. It listens on port 9090.")
    assert said["services.*.port"] == {8080, 9090}


def test_a_surge_in_brackets_is_one() -> None:
    assert claims(f"{OWN}Rolling, max surge (25 %).")["strategy.max_surge_percent"] == 25
