"""Ways of saying things, each with a neighbour that must not be read the same way."""

from __future__ import annotations

from typing import Any

import pytest

from hug_agents.reading.assemble import assemble
from hug_agents.reading.redact import redact
from hug_agents.reading.rules import read
from hug_agents.request import Request

OWN = "Deploy web-shop with image acme/web-shop:1 on port 8080 to ECS. "


def claims(text: str) -> dict[str, Any]:
    """What is wanted, by path; several values of one path as a set."""
    found: dict[str, Any] = {}
    for claim in read(text).claims:
        if not claim.negated:
            found.setdefault(claim.path, set()).add(claim.value)
    return {path: values.pop() if len(values) == 1 else values for path, values in found.items()}


def _named(name: str) -> tuple[str, str]:
    return f"services.{name}.name", name


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
        (f"{OWN}cluster fin-prod in eu-west-1; staging is fin-stage.", "environments.production.cluster", "fin-prod"),
        (f"{OWN}cluster fin-prod in eu-west-1; staging is fin-stage.", "environments.staging.cluster", "fin-stage"),
        (
            f"{OWN}Clusters: ads-us (production, us-east-1), ads-tst (staging, us-east-1).",
            "environments.production.cluster",
            "ads-us",
        ),
        (f"{OWN}dns shop.acme.com, staging shop.stage.acme.com", "environments.staging.domain", "shop.stage.acme.com"),
        (f"{OWN}prod 6 tasks, stage 2.", "environments.staging.replicas.*", 2),
        (f"{OWN}prod 4 tasks, staging just one.", "environments.staging.replicas.*", 1),
        (f"{OWN}Five pods at peak, two normally.", "services.*.max_replicas", 5),
        (f"{OWN}Five pods at peak, two normally.", "services.*.replicas", 2),
        (
            f"{OWN}Only deploy Mon-Thu 9-16 Berlin time please, the store is short on Fridays.",
            "windows",
            "mon,tue,wed,thu 09:00-16:00 Europe/Berlin",
        ),
        (f"{OWN}Nobody should deploy on Fridays.", "windows", "mon,tue,wed,thu,sat,sun 00:00-23:59 UTC"),
        (f"{OWN}A canary of 20/50/100 with 5 minute pauses.", "strategy.hold_seconds", (300,)),
        (f"{OWN}Canary 25 then 100.", "strategy.steps", (25, 100)),
        (f"{OWN}If more than 1 in 100 requests fail, roll back.", "triggers.error_rate", 1.0),
        (f"{OWN}Max 1% errors else roll back.", "triggers.error_rate", 1.0),
        (f"{OWN}We don't do IaC here.", "toolchain.iac", "none"),
        (f"{OWN}ArgoCD? No - GitHub Actions.", "toolchain.ci", "github_actions"),
        (f"{OWN}Secrets: DB_URL -> shop/db-url, MAIL_TOKEN -> shop/mail", "services.*.secrets.DB_URL", "shop/db-url"),
        ("Put `status-page` (nginx:1.27-alpine, 80) on ECS.", "services.*.image", "nginx:1.27-alpine"),
        ("Put `status-page` (nginx:1.27-alpine, 80) on ECS.", "services.*.port", 80),
        (
            "- top-api: image a/top-api:1, port 80. 3 copies, 256Mi each.\n- top-worker: same image, two copies",
            "services.top-api.replicas",
            3,
        ),
        (
            "- top-api: image a/top-api:1, port 80. 3 copies, 256Mi each.\n- top-worker: same image, two copies",
            "services.top-worker.image",
            "a/top-api:1",
        ),
        (
            "users (a/users:1, port 81), orders (a/orders:1, port 82) and mailer (a/mailer:1, worker). users and orders "
            "get 3 tasks, mailer always 1.",
            "services.orders.replicas",
            3,
        ),
        (
            "users (a/users:1, port 81), orders (a/orders:1, port 82) and mailer (a/mailer:1, worker). users and orders "
            "get 3 tasks, mailer always 1.",
            "services.mailer.replicas",
            1,
        ),
        ("Can somebody deploy web-shop (Node 20) to ECS?", "services.*.language", "node"),
        # The word that an image has for its name.
        (
            "RUNBOOK tickets2go\n\nPrints shipping labels. What to deploy: a/tickets2go:3, port 90.",
            *_named("tickets2go"),
        ),
        ("RFC 4: seat-map\n\nFlights. Image a/seat-map:2, port 70. The team Ops answers for it.", *_named("seat-map")),
        ("The service is oven-control, r.bake.io/line/oven-control:7, web on 8300.", *_named("oven-control")),
        ("Could you bring up the thumbnail worker, picsize, on ECS? Image a/picsize:3.", *_named("picsize")),
        (
            "Could you bring up the thumbnail worker, picsize, on ECS? Image a/picsize:3.",
            "services.picsize.kind",
            "worker",
        ),
        ("The resizer worker takes photos from a queue. a/resizer:2, Kubernetes.", *_named("resizer")),
        ("So the backend of our loyalty programme, we call it stamps, moves to ECS. a/stamps:6.", *_named("stamps")),
        ("Whatever acme/geo-api:1 and acme/geo-worker:2 need: ECS.", "services.geo-worker.image", "acme/geo-worker:2"),
        # Its neighbours: a second service all the same.
        ("shop listens on port 3000, image a/shop:1. The api listens on port 8080.", "services.api.port", 8080),
        ("Deploy shop to ECS, a/shop:1: a frontend on port 3000 and an api on port 8080.", "services.api.port", 8080),
        ("Deploy shop (a/shop:1) on 8080, and a worker with the same image, 2 replicas.", *_named("worker")),
        ("Deploy our parcel service and a frontend to ECS.", *_named("frontend")),
        # A name with a hyphen, where no image tells.
        ("Hi! new service coming up: parcel-eta. Python, no image yet. ECS, port 8000.", *_named("parcel-eta")),
        ("We leave our VMs. First in line is badge-print: Go, port 9000, Nomad.", *_named("badge-print")),
        ("From Monday on the courts need case-search. ECS, cluster justice-1, port 8080.", *_named("case-search")),
        # Labels.
        ("Dienst: kassenbuch\nImage: r.de.example/fin/kasse:2\nPort: 8080", *_named("kassenbuch")),
        ("System: rain-gauge\nArtefact: a/gauge:2\nPlatform: ECS", *_named("rain-gauge")),
        ("Component: coin-counter\nArtefact: a/coins:2\nPlatform: ECS", *_named("coin-counter")),
        # What parts have in common.
        (
            "Profile: hay\n\nApplication *hay* belongs to Barn.\n* hay-api - REST, image a/hay-api:1, port 80\n"
            "* hay-sync - a worker, image a/hay-sync:1",
            "application",
            "hay",
        ),
        (
            "Two pieces, one image (a/tile:5).\n* `tile-web`: web, port 90, 3 replicas\n* `tile-job`: job, 8 cores",
            "services.tile-web.port",
            90,
        ),
        (
            "cat (a/cat:1, port 80) and dog (a/dog:1, port 81) on ECS.\nDB_URL from secret zoo/db, for both services.",
            "services.*.secrets.DB_URL",
            "zoo/db",
        ),
        ("a sieve (a/sieve:2, port 80) and a mill (a/mill:1, port 81). ECS.", "services.mill.port", 81),
        (f"{OWN}LOG_LEVEL should be warn.", "services.*.env.LOG_LEVEL", "warn"),
        (f"{OWN}CACHE_TTL must be set to 30 in production.", "environments.production.env.CACHE_TTL", "30"),
        (f"{OWN}THEME_NAME will be `dark`.", "services.*.env.THEME_NAME", "dark"),
        (f"{OWN}Scaling change: production goes from 6 to 9 replicas.", "environments.production.replicas.*", 9),
        (f"{OWN}The promise to our clients is 99.95 % availability.", "objectives.availability", 99.95),
        (f"{OWN}The former release stays on standby for half an hour.", "strategy.keep_old_seconds", 1800),
        (f"{OWN}Let the outgoing version linger for 10 minutes.", "strategy.keep_old_seconds", 600),
        (f"{OWN}Redis 7, which has to be set up.", "dependencies.redis.version", "7"),
        (f"{OWN}MySQL 8 (a new one, 40 GB).", "dependencies.mysql.storage_gib", 40),
        (f"{OWN}We need Redis 7 and it must be created.", "dependencies.redis.managed", True),
        (f"{OWN}A queue (SQS, to be created).", "dependencies.queue.managed", True),
        (f"{OWN}Acceptance: a GET on /ping gives 200 after each release (smoke test).", "smoke_tests.*", "/ping"),
        (f"{OWN}The application belongs to the team Media Core.", "owner", "team Media Core"),
        (f"{OWN}The search squad looks after it.", "owner", "search squad"),
        (f"{OWN}Whom to call: team Night Shift.", "owner", "team Night Shift"),
        (f"{OWN}Its code is in acme/shop, default branch *develop*.", "repository", "acme/shop"),
        (f"{OWN}GitHub Actions builds from branch `release` of acme/shop.", "repository", "acme/shop"),
        ("We deploy the customer's shop, acme/shop:1. The customer asks for Nomad.", "toolchain.runtime", "nomad"),
        ("Options.\n(a) ECS\n(b) Nomad\nDecision. (b).\nDeploy shop, acme/shop:1.", "toolchain.runtime", "nomad"),
        ("Options considered:\n1. ECS\n2. Nomad\nWe decided on option 1. Deploy shop.", "toolchain.runtime", "ecs"),
        (f"{OWN}Staging gets 256 MiB, production 512.", "environments.production.memory_mib.*", 512),
        (f"{OWN}Three replicas. Sizing: 512 MB, replica count 5.", "services.*.replicas", {3, 5}),
        (
            f"{OWN}Canary: 10/30/100. Hold the first step 20 min and the second 40 min.",
            "strategy.hold_seconds",
            (1200, 2400),
        ),
        (f"{OWN}Canary please: 5 -> 20 -> 50 -> 100.", "strategy.steps", (5, 20, 50, 100)),
        (f"{OWN}Argo does the canary: 20, 60, 100. 3 min between steps.", "strategy.hold_seconds", (180,)),
        (f"{OWN}Canary it is. 5, 25, 100 with 10 minutes each.", "strategy.steps", (5, 25, 100)),
        (f"{OWN}10 % of beekeepers first, then 40 %, then everybody.", "strategy.steps", (10, 40, 100)),
        (f"{OWN}All I want: if more than 2% of requests fail, roll back, don't wake me.", "triggers.error_rate", 2.0),
        (f"{OWN}At most 0.5 % of the requests may fail.", "objectives.error_rate", 0.5),
        (f"{OWN}Availability of 99.9 % in a window of 7 days.", "objectives.window_days", 7),
        (f"{OWN}Two pods of 1500m and 1.5Gi each.", "services.*.cpu_millicores", 1500),
        (f"{OWN}Memory was 256Mi and it got OOM-killed, so 384Mi.", "services.*.memory_mib", 384),
        (f"{OWN}Replicas: 2 / 6 (staging / production).", "environments.production.replicas.*", 6),
        (f"{OWN}prod/staging replicas: 4/1", "environments.staging.replicas.*", 1),
        (f"{OWN}1 replica in qa and uat.", "environments.uat.replicas.*", 1),
        (f"{OWN}3 replicas in staging and in production 9.", "environments.production.replicas.*", 9),
        (f"{OWN}Four instances at least and twelve at most.", "services.*.max_replicas", 12),
        (
            f"{OWN}\n[10:03] jo: 3 tasks in prod\n[10:05] jo: ah no, make that 4 in prod",
            "environments.production.replicas.*",
            4,
        ),
        (f"{OWN}In eu-west-1 like the rest.\nAh true. eu-north-1 then.", "environments.*.region", "eu-north-1"),
        (f"{OWN}A bucket for the PDFs. That one exists.", "dependencies.bucket.managed", False),
        (f"{OWN}MySQL 8, it is there already.", "dependencies.mysql.managed", False),
        (f"{OWN}Postgres 16, new, 200 GiB.", "dependencies.postgres.storage_gib", 200),
        (
            f"{OWN}REDIS_URL is redis://cache.internal:6379/0.",
            "services.*.env.REDIS_URL",
            "redis://cache.internal:6379/0",
        ),
        (f"{OWN}DEBUG has to be false on the server!", "services.*.env.DEBUG", "false"),
        (f"{OWN}API_BASE_URL can stay a variable: https://x.org/r4", "services.*.env.API_BASE_URL", "https://x.org/r4"),
        (f"{OWN}Secrets: MQ_PASSWORD, key farm/mq, and FEED_TOKEN.", "services.*.secrets.MQ_PASSWORD", "farm/mq"),
        (f"{OWN}Version of the application: 0.9.0", "version", "0.9.0"),
        (f"{OWN}/ping tells you it's alive.", "services.*.health_path", "/ping"),
        (f"{OWN}You see on /ready whether it is up.", "services.*.health_path", "/ready"),
        (f"{OWN}After every change: GET /label must answer 200.", "smoke_tests.*", "/label"),
        (f"{OWN}Blue-green, old one stays 15 min.", "strategy.keep_old_seconds", 900),
        (f"{OWN}Releases on Tuesdays, 10:00-12:00 UTC.", "windows", "tue 10:00-12:00 UTC"),
        (f"{OWN}We practise the rollback once a month.", "drill_every_days", 30),
        (f"{OWN}Cluster prod-eu. Staging on dev-eu.", "environments.staging.cluster", "dev-eu"),
        (f"{OWN}Clusters per environment: qa = k-qa, production = k-prd.", "environments.qa.cluster", "k-qa"),
        (f"{OWN}Cluster: a-prod for production, staging: a-stg.", "environments.staging.cluster", "a-stg"),
        (f"{OWN}Namespace `ski`, in staging as well as in production.", "environments.staging.namespace", "ski"),
        ("The job sweep (a/sweep:1) runs Sundays at 4 in the morning UTC. ECS.", "services.*.schedule", "0 4 * * 0"),
        ("- sweep: job, a/sweep:1, `python -m sweep`. ECS.", "services.*.command", ("python", "-m", "sweep")),
        ("Deploy web-shop.\n\nFor reference, unchanged: image a/web-shop:1, port 80, ECS.", "services.*.port", 80),
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
        (f"{OWN}(we used Jenkins at my old place, never again)", "toolchain.ci"),
        (f"{OWN}Repo acme/shop, Dockerfile in docker/.", "services.*.context"),
        (f"{OWN}From our monorepo (acme/shop), folder apps/shop.", "environments.*.cluster"),
        ("Nomad. App fleet, images fleet-web:3 and fleet-ingest:3.", "toolchain.registry_host"),
        (f"{OWN}The warehouse (Postgres:14, 5432) is there.", "services.*.replicas"),
        (f"{OWN}fin-prod and fin-stage are what we call our books.", "environments.staging.cluster"),
        # What is only said beside a name is no second service.
        ("Deploy request, service `fare`. A small web service on port 80, image a/fare:1. ECS.", "services.web.name"),
        ("The service is oven-control, a/oven-control:7, web on 8300.", "services.web.name"),
        ("Put seat-view on Nomad, port 3000. The frontend people wrote it.", "services.frontend.name"),
        ("It's called dew-point: it's the API of our stations. ECS, web on 8300.", "services.api.name"),
        ("meter-hub goes to ECS, a/hub-server:3. The API listens on 8080.", "services.api.name"),
        ("RUNBOOK printo\n\nPrints shipping labels. What to deploy: a/printo:3, port 90.", "services.labels.name"),
        ('I am of the "claims" team. Deploy a/scorer:3 to ECS, it scores claims.', "services.claims.name"),
        ("Container-Image: a/mahnlauf:2\nPort: 80\nName: mahnlauf", "services.container-image.name"),
        ("Put case-log on ECS, port 80.\n```yaml\nLOG_THEME: dark\n```", "services.log-theme.name"),
        # Another's.
        ("Move tax-forms to ECS. The auth-service of the identity team calls it.", "services.auth-service.name"),
        ("Our thing is named 'tram'. It talks to the fares API of another team. ECS.", "services.fares-api.name"),
        ("ADR: where quotes2 runs. ECS: a/quotes2:3. The fraud service learns the address.", "services.fraud.name"),
        # No wholes, and no one name for two.
        ("hay-api (a/hay-api:1, port 80) and hay-ui (a/hay-ui:1, port 81): ECS, namespace hay.", "application"),
        ("Deploy the notifications worker (a/notifications:1) to ECS.", "services.notifications.name"),
        ("the blog needs to go on ECS. it's nginx, image nginx:1.27, port 80.", "services.nginx.name"),
        (
            "cat (a/cat:1) and dog (a/dog:1) on ECS. DB_URL from secret zoo/db, for the dog.",
            "services.*.secrets.DB_URL",
        ),
        (f"{OWN}Until now it was a unit on two VMs (port 7000, restarted by hand).", "services.*.health_port"),
        (f"{OWN}FEATURE_X is required, CACHE_TTL is read at start.", "services.*.env.FEATURE_X"),
        (f"{OWN}API_TOKEN is abc.", "services.*.env.API_TOKEN"),
        (f"{OWN}The database belongs to the team Data.", "owner"),
        (f"{OWN}There is a Postgres 15 already (run by the DBA team).", "owner"),
        (f"{OWN}A client runs Nomad and asks for blue/green.", "strategy.kind"),
        (f"{OWN}My colleague says canary, I say rolling.", "strategy.kind"),
        (f"{OWN}Rejected alternatives:\n(a) Jenkins\n(b) CircleCI\n", "toolchain.ci"),
        (f"{OWN}512 MB of memory, and the third 2.", "services.*.cpu_millicores"),
        (f"{OWN}We have a Redis 7.", "dependencies.redis.storage_gib"),
        (f"{OWN}Our cluster is down.", "environments.*.cluster"),
        (f"{OWN}GOMEMLIMIT=350MiB, keep it below the memory.", "services.*.memory_mib"),
        (f"{OWN}Rolling, one half of the copies at a time.", "strategy.steps"),
        ("Deploy shop (a/shop:1) to ECS.\nRAJ: 1024 then.", "services.*.port"),
        (f"{OWN}Never on Friday, but as a joke, we have no fixed times.", "windows"),
        (f"{OWN}Cluster prod-eu. Staging on dev-eu.", "environments.dev.cluster"),
        (f"{OWN}I am a backend dev of the hotel team.", "environments.dev.role"),
        (f"{OWN}Clusters per environment: qa = k-qa, staging = k-stg.", "environments.k-qa.role"),
        (f"{OWN}CACHE_URL is redis://cache.internal:6379/0.", "dependencies.redis.kind"),
        (f"{OWN}API_BASE_URL can stay a variable: https://x.org/r4", "environments.*.domain"),
        (f"{OWN}Neighbour 'eta': ECS in us-east-1, 3 tasks.", "environments.*.region"),
        (f"{OWN}Roll back when 2% of calls fail over 3 minutes or health fails.", "triggers.latency"),
        (f"{OWN}It runs on x86.", "services.*.replicas"),
        ("a/shop:1 port 8181 health /live. Deploy shop to ECS.", "services.*.health_port"),
        ("Deploy web-shop.\n\nFor reference, our old shop: image a/old-shop:1, port 80, ECS.", "services.*.port"),
    ],
)
def test_its_neighbour_is_not(text: str, path: str) -> None:
    assert path not in claims(text)


def test_a_title_is_no_edit() -> None:
    said = claims(f"{OWN}\n\nUpdate strategy: rolling. It listens on port 9090.")
    assert said["services.*.port"] == {8080, 9090}


def test_a_surge_in_brackets_is_one() -> None:
    assert claims(f"{OWN}Rolling, max surge (25 %).")["strategy.max_surge_percent"] == 25


@pytest.mark.parametrize(
    ("words", "status", "milliseconds"),
    [
        ("GET /login returns 302 within 500 ms as a smoke test.", 302, 500),
        ("Smoke test: GET /login.", 200, 2000),
        ("Smoke test: /login under 2 seconds, then 300 users come.", 200, 2000),
    ],
)
def test_what_a_smoke_test_must_answer(words: str, status: int, milliseconds: int) -> None:
    text = f"{OWN}In eu-west-1. {words}"
    spec = assemble(Request(text=text), read(text)).spec
    assert spec is not None
    (test,) = spec.smoke_tests
    assert (test.path, test.status, test.max_ms) == ("/login", status, milliseconds)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("secrets: DB_PASSWORD, CACHE_TOKEN", True),
        ("Secrets: DB_URL -> shop/db-url", True),
        ("password: HUNTER_TWO", False),
        ("secrets: S3CR3T_VALUE", False),
    ],
)
def test_a_list_of_secrets_names_them(words: str, kept: bool) -> None:
    assert (redact(words).text == words) is kept


def test_a_cluster_that_is_to_be_made_is_unmet() -> None:
    rows = read("Spin up a new GKE cluster and deploy shop to it. Use our EKS cluster main.").unmet
    assert [row.quote for row in rows] == ["Spin up a new GKE cluster"]
