"""Whose a value is: the services and environments that it belongs to, and what is another's."""

from __future__ import annotations

import pytest

from hug_agents.reading.rules import read

OWN = "Deploy web-shop with image acme/web-shop:1 on port 8080 to ECS. "


def claims(text: str) -> dict[str, set[object]]:
    """What is wanted, by path."""
    found: dict[str, set[object]] = {}
    for claim in read(text).claims:
        if not claim.negated:
            found.setdefault(claim.path, set()).add(claim.value)
    return found


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("app: books\nservices: `web` and `reports`, ports 80 and 81 respectively", "application", "books"),
        ("app: books\nservices: `web` and `reports`, ports 80 and 81 respectively", "services.web.port", 80),
        (
            "tide-gateway (a/tide-gateway:2) and tide-writer (a/tide-writer:2). Gateway 4 pods, writer 2 pods.",
            "services.tide-writer.replicas",
            2,
        ),
        (f"{OWN}1 replica in qa and uat, 2 in staging, 5 in production.", "environments.uat.replicas.*", 1),
        (f"{OWN}Namespace `shop`, in staging as well as in production.", "environments.staging.namespace", "shop"),
        (f"{OWN}They tell me it needs 3 replicas.", "services.*.replicas", 3),
        ("Deploy tide to ECS.\nOut of scope:\nJenkins will follow.\nTerraform, please.", "toolchain.iac", "terraform"),
        (f"{OWN}At most 0.5 % of the requests may fail.", "objectives.error_rate", 0.5),
        (
            f"{OWN}The search server is not part of this request. (The search server listens on 9443.)",
            "services.*.port",
            8080,
        ),
        (
            "Artefact: a/depot:17. Web service, port 82. Talks to: crew-roster (not ours, port 83).",
            "services.*.port",
            82,
        ),
        ("For comparison: the neighbour's service uses port 90. Ours, moth: a/moth:1, port 70.", "services.*.port", 70),
        (
            "RFC 7. Supersedes: RFC 3\nIn RFC 3 we chose blue/green. Releases of shop are canary.",
            "strategy.kind",
            "canary",
        ),
        (
            "Launch the worker `mailer` and the web service `portal`, port 80. Both from images a/mailer:1 and a/portal:2.",
            "services.mailer.image",
            "a/mailer:1",
        ),
        (
            "Launch the worker `mailer` and the web service `portal`, port 80. Both from images a/mailer:1 and a/portal:2.",
            "services.portal.image",
            "a/portal:2",
        ),
        (
            "Launch the worker `mailer` and the web service `portal`, port 80. Both run the image a/portal:2.",
            "services.mailer.image",
            "a/portal:2",
        ),
        ("Deploy tide, a/tide:1, port 80, to Nomad, check /ping, Jenkins.", "services.*.health_path", "/ping"),
    ],
)
def test_it_is_bound(text: str, path: str, value: object) -> None:
    assert claims(text).get(path) == {value}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"{OWN}Grafana isn't needed, Kibana does the job.", "services.job.name"),
        (
            "Deploy tide-api, a/tide-api:1, to Kubernetes, always in the namespace portal.",
            "services.namespace-portal.name",
        ),
        (
            "I work for the patient portal. The service is called portal-bff, a/portal-bff:2.",
            "services.patient-portal.name",
        ),
        (f"{OWN}SEARCH_URL can stay a variable: https://search.example.org/r4", "environments.*.domain"),
        (f"{OWN}They want 3 replicas.", "services.*.replicas"),
        (f"{OWN}On behalf of the lab. They use Jenkins, their neighbours CircleCI.", "toolchain.ci"),
        ("Deploy tide, a/tide:1, to ECS.\nOut of scope:\nJenkins will follow.\nTerraform, please.", "toolchain.ci"),
        (f"{OWN}Namespace `shop`.", "environments.staging.namespace"),
        (f"{OWN}1 replica in qa and 2 in uat, 5 in production.", "services.*.replicas"),
    ],
)
def test_it_is_not(text: str, path: str) -> None:
    assert path not in claims(text)
