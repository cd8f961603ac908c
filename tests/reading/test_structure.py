"""What is told by the form of a text, rather than by its words: lines, pairs, brackets, marks, what was named before."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.reading.assemble import assemble
from hug_agents.reading.mentions import names
from hug_agents.reading.rules import read
from hug_agents.request import Request
from tests.reading.test_wording import OWN, claims

LINE = "svc=quotes img=ghcr.io/a/quotes:2 port=8080 hc=/livez replicas=4 cpu=500m mem=1Gi"
BOTH = "stock is ghcr.io/a/stock:1 on 8080, plans is ghcr.io/a/plans:1 on 8081, both /healthz."
SIZES = "From the review: stock 9 pods at 1 CPU/1.5Gi, plans 4 pods at 500m/768Mi. "
WORKERS = "our Django app `hub` (image hub:4, port 8000) and Celery workers (same image, command `celery -A hub worker`). ECS."


def services(text: str) -> set[str]:
    """The names of what is wanted."""
    return {item.name for item in names(text) if item.status == "asserted" and not item.application}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('Deploy our Rails app "storefront" (image storefront:2.3, port 3000) to Nomad.', {"storefront"}),
        ("We have a Phoenix app called chatter on port 4000, image chatter:1.", {"chatter"}),
        (
            'Run a nightly job "reports" at 02:30 UTC and an HTTP API "reports-api" (port 80). Image for both: '
            "ghcr.io/a/reports:1. The job must finish within 45 minutes.",
            {"reports", "reports-api"},
        ),
        (WORKERS, {"hub", "worker"}),
        (
            "Hello, the intern deployed it by hand (port 80, image ghcr.io/hr/kudos:1) and I want it in code now.",
            {"kudos"},
        ),
        (
            "Notes\n- Priya: scheduler is a cron job, every 10 min, image ghcr.io/a/scheduler:1\n"
            "- Leo: web front end is `kite-web` ghcr.io/a/kite-web:1, :3000, 2 pods",
            {"scheduler", "kite-web"},
        ),
        ("name=etl-nightly image=ghcr.io/a/etl:5 namespace=etl", {"etl-nightly"}),
        (
            "atlas: ghcr.io/a/atlas:1. It serves HTTP on 8080 and an admin UI on 8081, the admin UI is not exposed.",
            {"atlas"},
        ),
    ],
)
def test_what_only_describes_is_no_service(text: str, named: set[str]) -> None:
    assert services(text) == named


def test_the_command_of_the_workers_is_theirs() -> None:
    found = claims(WORKERS)
    assert found["services.worker.command"] == ("celery", "-A", "hub", "worker")
    assert found["services.hub.port"] == 8000


def test_settings_in_one_line_are_one_each() -> None:
    found = claims(LINE)
    assert (found["services.*.replicas"], found["services.*.cpu_millicores"]) == (4, 500)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        (f"{OWN}It exposes :6060 (http) and :9100 (metrics).".replace(" on port 8080", ""), "services.*.port", 6060),
        ("quay (a/quay:1) on k8s. :8080 serves the API, :9090/metrics is for Prometheus.", "services.*.port", 8080),
        ("quay (a/quay:1) on k8s. :8080 serves the API, :9090/metrics is for Prometheus.", "services.*.metrics_path", "/metrics"),
        ("It is called ticker, ghcr.io/a/ticker:7, ws on 8090.", "services.*.port", 8090),
        ('name=tidy image=ghcr.io/a/tidy:1 kind=job schedule="15 1 * * *"', "services.*.schedule", "15 1 * * *"),
        ("tick: ghcr.io/a/tick:1, containerPort 8080, livenessProbe path /alive", "services.*.port", 8080),
        ("tick: ghcr.io/a/tick:1, containerPort 8080, livenessProbe path /alive", "services.*.health_path", "/alive"),
        ("tick: ghcr.io/a/tick:1 - 8080 - /healthz.", "services.*.port", 8080),
        (f"{OWN}Same as v1 except: memory 4 GB (was 2).", "services.*.memory_mib", 4096),
        ("The tax squad wants tally deployed: port 80, ECS in us-east-1.", "toolchain.runtime", "ecs"),
        ("tally stays as it is: Kubernetes, port 8080, image a/tally:1.", "toolchain.runtime", "kubernetes"),
        ("tally on Kubernetes.\nAlternatives considered: Nomad (rejected), ECS (rejected).", "toolchain.runtime", "kubernetes"),
        (f"{OWN}Roll back by itself as soon as 2 % of the requests fail over 3 minutes.", "triggers.error_rate", 2.0),
        (f"{OWN}If more than 1 in 100 requests fail for 2 minutes: back to the old version.", "triggers.error_rate", 1.0),
        (f"{OWN}Answers within 150 ms in 99% of cases, use canary 1/10/50/100", "strategy.steps", (1, 10, 50, 100)),
        ("our app `tally` has to go to Kubernetes. Port 80.", "toolchain.runtime", "kubernetes"),
        (
            "Run an hourly job called rates and an HTTP API called rates-api (port 7000, health /up) on ECS. Image for both:\n"
            "ghcr.io/mintbank/rates-and-more:3.2.1. The API gets 3 tasks.",
            "services.rates-api.image",
            "ghcr.io/mintbank/rates-and-more:3.2.1",
        ),
        (f"{OWN}replicas 3 -> 5 as of this change.", "services.*.replicas", 5),
        ("tidy: ghcr.io/a/tidy:1, port 80, replicas 3.", "services.*.replicas", 3),
        (f"{OWN}Autoscale 2..8.", "services.*.max_replicas", 8),
        (f"{OWN}All pods: 256Mi, 200m.", "services.*.cpu_millicores", 200),
        (f"{SIZES}{BOTH}", "services.stock.cpu_millicores", 1000),
        (f"{SIZES}{BOTH}", "services.stock.memory_mib", 1536),
        (f"{SIZES}{BOTH}", "services.plans.memory_mib", 768),
        (BOTH, "services.*.health_path", "/healthz"),
        (f"{OWN}Reachable only inside the VPC.", "services.*.public", False),
        (f"{OWN}It was OOM-killed. New limit 2 GiB.", "services.*.memory_mib", 2048),
        ("tally: ghcr.io/a/tally:1, port 8080, /up, 2 tasks.", "services.*.health_path", "/up"),
        ('notes: a/notes:3 on Kubernetes "blue" / ns "scribe".', "environments.*.cluster", "blue"),
        ('notes: a/notes:3 on Kubernetes "blue" / ns "scribe".', "environments.*.namespace", "scribe"),
        (
            "staging: eks cluster stg-1, host shop.stg.tulip.io\nproduction: eks cluster prd-1\n"
            "workload: shop, ghcr.io/tulip/shop:77, :8080, /ping\nregion eu-west-1 for both",
            "services.*.health_path",
            "/ping",
        ),
    ],
)  # fmt: skip
def test_what_the_form_tells(text: str, path: str, value: Any) -> None:
    assert claims(text).get(path) == value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"{OWN}Upload limit 2 GiB.", "services.*.memory_mib"),
        (f"{OWN}Nothing is served except /up on Kubernetes.", "services.*.health_path"),
        (f"{OWN}Alternatives considered: Nomad, port 9000.", "services.*.health_port"),
        (f"{OWN}The data stays only inside the EU.", "services.*.public"),
        (f"{OWN}canary 10 -> 50 percent", "services.*.replicas"),
    ],
)
def test_what_the_form_does_not_tell(text: str, path: str) -> None:
    assert path not in claims(text)


def test_a_share_of_an_objective_is_no_step() -> None:
    text = f"{OWN}In eu-west-1. It answers within 150 ms in 99% of cases, use canary 1/10/50/100 with 5 minutes each."
    spec = assemble(Request(text=text), read(text)).spec
    assert spec is not None
    assert [step.weight for step in spec.strategy.steps] == [1, 10, 50, 100]
