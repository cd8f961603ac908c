"""Whose a value is: the environment's under its heading, a part's in its line, another system's, or nobody's yet."""

from __future__ import annotations

import pytest

from hug_agents.reading.assemble import assemble
from hug_agents.reading.forms import plain_lines
from hug_agents.reading.rules import read
from hug_agents.request import Request

OWN = "Deploy shop-api (acme/shop-api:1, port 8080) on ECS. "


def claims(text: str) -> dict[str, object]:
    return {claim.path: claim.value for claim in read(text).claims if not claim.negated}


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        (f"{OWN}Clusters: a-1 for staging, b-1 for prod.", "environments.production.cluster", "b-1"),
        (f"{OWN}Clusters: staging a-1 / production b-1.", "environments.staging.cluster", "a-1"),
        (f"{OWN}\n\nclusters:\n  staging: a-1\n  production: b-1\n", "environments.production.cluster", "b-1"),
        (f"{OWN}Namespaces shop-stg and shop-prd.", "environments.staging.namespace", "shop-stg"),
        (f"{OWN}Namespace shop, in both.", "environments.staging.namespace", "shop"),
        (f"{OWN}\n\nStaging\n- cluster: a-1\n\nProduction\n- cluster: b-1\n", "environments.production.cluster", "b-1"),
        (f"{OWN}LOG_LEVEL should be debug in staging and warn in production.", "environments.staging.env.LOG_LEVEL", "debug"),
        ("Listening port ........ 8086\nApplication name ...... shop", "services.*.port", 8086),
        (f"{OWN}\nCI: [ ] Jenkins  [x] CircleCI  [ ] GitLab CI", "toolchain.ci", "circleci"),
        ("| field | value |\n|---|---|\n| Service | shop |\n| Port | 4000 |\n", "services.*.port", 4000),
        ("1) Service: shop\n2) Port? -> 8300\n", "services.*.port", 8300),
        ("The port I gave (8888) was wrong, correct is 8868. Image acme/shop:1.", "services.*.port", 8868),
        (f"{OWN}Not sure about Datadog vs Prometheus... let's take Datadog.", "toolchain.monitors", ("datadog",)),
        (f"{OWN}Jenkins goes away in favour of CircleCI.", "toolchain.ci", "circleci"),
        (f"{OWN}Raise it from 1 GB to 2 GB of memory.", "services.*.memory_mib", 2048),
        (f"{OWN}Canary: 10 percent, then 30, then 60, then all.", "strategy.steps", (10, 30, 60, 100)),
        (f"{OWN}Canary 10-30-100 at 5m.", "strategy.steps", (10, 30, 100)),
        (f"{OWN}Canary 10-30-100 at 5m.", "strategy.hold_seconds", (300,)),
        (f"{OWN}Canary 10 then 50 then 100 percent, 2m per step, 250m cpu", "strategy.hold_seconds", (120,)),
        (f"{OWN}Canary 10/50/100 per step 5 min", "strategy.hold_seconds", (300,)),
        ("Ship acme/shop:1 via gitlab, port 80.", "toolchain.ci", "gitlab_ci"),
        (f"{OWN}99.95% avail.", "objectives.availability", 99.95),
        ("Deploy acme/shop:1. It listens on 5173 in dev but the production container serves on 80.", "services.*.port", 80),
        (
            '"tide" has parts:\n- ingest: background worker, acme/tide:1, 4 replicas\n- web: acme/tide:1, port 80',
            "services.ingest.replicas",
            4,
        ),
    ],
)  # fmt: skip
def test_a_value_is_given_to_whom_it_is_said_of(text: str, path: str, value: object) -> None:
    assert claims(text).get(path) == value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (
            f"{OWN}(The cart-legacy app on port 8400 is somebody else's, please don't touch it.)",
            "services.cart-legacy.name",
        ),
        (f"{OWN}\n\nNot in scope\n- the seat-map service (port 3000)\n", "services.seat-map.name"),
        (f"{OWN}Cart-api is deployed elsewhere (Nomad, 6 replicas) and not part of this.", "services.*.replicas"),
        (f"{OWN}The other team's gateway runs 6 replicas in us-east-1.", "services.*.replicas"),
        (f"{OWN}It writes to the warehouse (Postgres 14, port 5432).", "services.warehouse.name"),
        (f"{OWN}Cluster: TBC.", "environments.*.cluster"),
        (f"{OWN}We looked at Pulumi.", "toolchain.iac"),
        (f"{OWN}The admin password is in Vault as ADMIN_PASSWORD.", "services.admin.name"),
        (f"{OWN}It needs an admin user.", "services.admin.name"),
        (f"{OWN}Reach us via GitLab issues.", "toolchain.ci"),
        (f"{OWN}Canary 10/50/100, cpu 50m each", "strategy.hold_seconds"),
        (f"{OWN}Cluster a-1 for staging and production alike.", "environments.production.cluster.alike"),
        (f"{OWN}\nCI: [ ] Jenkins  [ ] CircleCI", "environments.dev.role"),
        ("Kubernetes? No thanks. Deploy acme/shop:1.", "toolchain.runtime"),
        ("Deploy acme/shop:1. It listens on 5173 in dev, but the container serves on 80.", "environments.dev.role"),
    ],
)
def test_what_is_said_of_others_or_left_open_is_not_claimed(text: str, path: str) -> None:
    assert path not in claims(text)


def test_what_is_left_open_is_asked_for() -> None:
    assert "environments.*.cluster" in {item.id for item in read(f"{OWN}Cluster: TBC, ask me.").questions}
    assert "environments.*.cluster" not in {item.id for item in read(f"{OWN}Cluster: blue-1.").questions}


@pytest.mark.parametrize(
    "text",
    [
        "Port ..... 8080",
        "- [x] ECS [ ] Nomad",
        "**Port:** 80 :wave:",
        "| key | value |\n|--|--|\n| a | b |",
        "[09:01] Al: yes",
        "Port? 80",
    ],
)
def test_every_character_keeps_its_place(text: str) -> None:
    read_as = plain_lines(text)
    assert read_as != text and len(read_as) == len(text)
    assert all(one in (other, " ", ":") for one, other in zip(read_as, text, strict=True))
    assert plain_lines(read_as) == read_as


def test_one_environment_may_be_open() -> None:
    questions = {question.id for question in read(f"{OWN}Staging cluster: a-1\nProduction cluster: TBD").questions}
    assert questions == {"environments.production.cluster"}


@pytest.mark.parametrize(
    ("words", "staging"),
    [
        ("Cluster a-1 for staging and b-1 for production, namespace shop.", "shop"),
        ("Cluster a-1 for staging and production, namespace shop.", "shop-staging"),
        ("Cluster a-1, namespace shop.", "shop-staging"),
        ("Production is on cluster b-1. Namespace shop.", "shop-staging"),
        ("Cluster a-1, namespace shop in both.", "shop"),
    ],
)
def test_one_namespace_holds_in_each_cluster(words: str, staging: str) -> None:
    text = f"Deploy web-shop with image acme/web-shop:1 on port 8080 to Kubernetes. {words}"
    spec = assemble(Request(text=text), read(text)).spec
    assert spec is not None
    found = {environment.name: environment.namespace for environment in spec.environments}
    assert (found["staging"], found["production"]) == (staging, "shop")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("Canary, but we still have to agree on the steps.", "strategy.steps"),
        ("The number of replicas is still to be decided.", "services.*.replicas"),
        ("We do not know the region yet.", "environments.*.region"),
        ("My notes say blue/green, my colleague's notes say rolling.", "strategy.kind"),
        ("Canary, 10/50/100. We need the steps to find errors.", None),
        ("Rolling now; later either canary or blue-green.", None),
    ],
)
def test_what_is_open_is_asked(words: str, asked: str | None) -> None:
    questions = {question.id for question in read(OWN + words).questions}
    assert questions == ({asked} if asked else set())
