"""Prometheus files, judged by promtool and amtool, and by breaking them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents import slo
from hug_agents.bundle import Artifact
from hug_agents.planning import plan
from hug_agents.process import Completed, find, run
from hug_agents.render.monitoring import prometheus
from hug_agents.spec import DeploymentSpec, Objective, Service, Toolchain, Trigger
from tests.examples import ALL, HOSTILE, ecs_canary, kubernetes_canary_eks, minimal, shop_ecs_blue_green

FOLDER = "monitoring/prometheus"


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    return {item.path.removeprefix(FOLDER + "/"): item for item in prometheus.render(plan(spec))}


def written(spec: DeploymentSpec, root: Path) -> Path:
    for path, item in rendered(spec).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(item.content, encoding="utf-8")
    return root


def promtool(root: Path, *arguments: str) -> Completed:
    if find("promtool") is None:
        pytest.skip("promtool is not installed: install with apt-get install prometheus")
    return run(["promtool", *arguments], cwd=root, timeout=300)


def passes(root: Path) -> None:
    """The files pass what their users run on them."""
    rules = sorted(str(path) for path in (root / "rules").glob("*.yml"))
    tests = sorted(str(path) for path in (root / "tests").glob("*.yml"))
    for arguments in (
        ["check", "rules", "--lint=all", "--lint-fatal", *rules],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", *tests],
    ):
        done = promtool(root, *arguments)
        assert done.code == 0, done.output[-3000:]


def with_objectives(*objectives: Objective, triggers: tuple[Trigger, ...] = ()) -> DeploymentSpec:
    return ecs_canary().model_copy(update={"objectives": objectives, "triggers": triggers})


VARIANTS: dict[str, DeploymentSpec] = {
    "90 percent over a day": with_objectives(Objective(kind="availability", target_percent=90, window_days=1)),
    "99.999 percent over a quarter": with_objectives(
        Objective(kind="availability", target_percent=99.999, window_days=90)
    ),
    "a week": with_objectives(Objective(kind="availability", target_percent=99.5, window_days=7)),
    "28 days, error rate": with_objectives(Objective(kind="error_rate", target_percent=0.35, window_days=28)),
    "half may fail": with_objectives(Objective(kind="error_rate", target_percent=50)),
    "almost all may fail": with_objectives(Objective(kind="error_rate", target_percent=99.5)),
    "odd latency": with_objectives(Objective(kind="latency", target_percent=95, threshold_ms=1237)),
    "a millisecond": with_objectives(Objective(kind="latency", target_percent=50, threshold_ms=1)),
    "whole seconds": with_objectives(Objective(kind="latency", target_percent=99.9, threshold_ms=2000)),
    "ten minutes": with_objectives(Objective(kind="latency", target_percent=99, threshold_ms=600_000)),
    "several of a kind": with_objectives(
        Objective(kind="availability", target_percent=99.9),
        Objective(kind="availability", target_percent=99, window_days=7),
        Objective(kind="error_rate", target_percent=1),
        Objective(kind="latency", target_percent=99, threshold_ms=1000),
        Objective(kind="latency", target_percent=50, threshold_ms=100),
    ),
    "triggers": with_objectives(
        triggers=(
            Trigger(metric="error_rate", threshold=0.05, for_seconds=0),
            Trigger(metric="error_rate", threshold=99.5, for_seconds=45),
            Trigger(metric="latency", threshold=333.3, for_seconds=90),
            Trigger(metric="latency", threshold=0.5, for_seconds=30),
            Trigger(metric="health", for_seconds=7200),
        )
    ),
    "no web service": kubernetes_canary_eks().model_copy(
        update={
            "services": (
                Service(name="mailer", kind="worker", image="mailer:1"),
                Service(name="report", kind="job", image="report:1", schedule="0 3 * * *"),
                Service(name="once", kind="job", image="once:1"),
            ),
            "smoke_tests": (),
            "environments": tuple(
                item.model_copy(update={"overrides": ()}) for item in kubernetes_canary_eks().environments
            ),
        }
    ),
    "no production": ecs_canary().model_copy(update={"environments": ecs_canary().environments[:1]}),
    "many services": shop_ecs_blue_green().model_copy(
        update={
            "services": tuple(
                Service(name=f"s{number}", image="s:1", port=80, metrics_path="/metrics") for number in range(30)
            )
        }
    ),
}


@pytest.mark.parametrize("name", ["ecs_canary", "shop_ecs_blue_green", "kubernetes_canary_eks"])
def test_examples_pass_promtool(name: str, tmp_path: Path) -> None:
    passes(written(ALL[name](), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_very_different_objectives_pass_promtool(name: str, tmp_path: Path) -> None:
    passes(written(VARIANTS[name], tmp_path))


@pytest.mark.parametrize("name", sorted({**ALL, **VARIANTS}))
def test_the_rules_are_the_alerts_that_the_runbook_is_written_from(name: str) -> None:
    spec = VARIANTS.get(name) or ALL[name]()
    rules = [
        rule
        for path, item in rendered(spec).items()
        if path.startswith("rules/")
        for group in yaml.safe_load(item.content)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    said = {(item.name, item.severity) for item in slo.alerts(spec)}
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in rules} == said
    for rule in rules:
        assert set(rule["annotations"]) >= {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    symptoms = {item.alert for item in plan(spec).runbook.symptoms}
    assert {item.name for item in slo.alerts(spec)} <= symptoms


def test_every_alert_has_a_unit_test_of_its_own() -> None:
    for spec in (ecs_canary(), kubernetes_canary_eks(), VARIANTS["no web service"], VARIANTS["several of a kind"]):
        files = rendered(spec)
        tests = "".join(item.content for path, item in files.items() if path.startswith("tests/"))
        for alert in slo.alerts(spec):
            assert re.search(rf"alertname(: |=\"){alert.name}\b", tests), alert.name


RATIO = 'ratio_rate{}{{sli="errors", service="payments-api", environment="production"}} > 0.0144'
FAST, SLOWER, SLOW = (f"availability-99.9-30d.{step}" for step in ("1m", "10m", "120m"))
BREAKS = [
    ("budgets", "> 0.0144", "> 0.0158", FAST, "a limit that is 10 % too high"),
    ("budgets", "> 0.0144", "> 0.0130", FAST, "a limit that is 10 % too low"),
    ("budgets", "> 0.006", "> 0.0066", SLOWER, "the slower page's limit"),
    ("budgets", "> 0.001\n", "> 0.0011\n", SLOW, "the ticket's limit"),
    ("budgets", RATIO.format("1h"), RATIO.format("5m"), FAST, "no long window"),
    ("budgets", RATIO.format("5m"), RATIO.format("1h"), FAST, "no short window"),
    ("budgets", 'environment="production"} > 0.0144', 'environment=~".+"} > 0.0144', FAST, "staging pages"),
    ("presence", "for: 15m", "for: 25m", "presence", "missing data is said too late"),
    ("presence", "for: 3m", "for: 10m", "presence", "an outage that is said too late"),
    ("rollback", "> 0.01\n    for: 60s", "> 0.011\n    for: 60s", "rollback", "a trigger that is too slack"),
    ("rollback", "for: 60s", "for: 10s", "rollback", "a trigger that is too quick"),
    ("recording", 'code=~"5.."', 'code=~"[45].."', FAST, "the client's mistakes count"),
    ("recording", 'le="0.3"', 'le="0.6"', "latency-300ms-99-30d.1m", "another bucket"),
    ("recording", "  or\n", "  and\n", "presence", "a service that never failed has no value"),
]


@pytest.mark.parametrize(("rules", "old", "new", "tests", "what"), BREAKS, ids=[row[-1] for row in BREAKS])
def test_the_unit_tests_notice(rules: str, old: str, new: str, tests: str, what: str, tmp_path: Path) -> None:
    path = written(ecs_canary(), tmp_path) / "rules" / f"{rules}.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = promtool(tmp_path, "test", "rules", f"tests/{tests}.yml")
    assert done.code != 0, f"nothing failed although {what}"
    assert "FAILED" in done.output


def test_any_owner_is_text_and_no_template(tmp_path: Path) -> None:
    for owner in (HOSTILE.replace("\n", " "), "{", "a {{ b", "{{{ $labels }}", '{{ "x" }}', "}} {{", "Ü 😀 ${x}"):
        spec = ecs_canary().model_copy(update={"owner": owner})
        root = written(spec, tmp_path / str(abs(hash(owner))))
        # The expected annotations hold the owner as it is: promtool compares them with what the template gave.
        done = promtool(root, "test", "rules", "tests/presence.yml")
        assert done.code == 0, done.output[-2000:]
        assert (
            yaml.safe_load((root / "tests/presence.yml").read_text())["tests"][-1]["alert_rule_test"][0]["exp_alerts"][
                0
            ]["exp_annotations"]["owner"]
            == owner
        )


@pytest.mark.parametrize("name", ["ecs_canary", "kubernetes_canary_eks", "hostile_ecs"])
def test_alertmanager_accepts_its_configuration_and_routes(name: str, tmp_path: Path) -> None:
    if find("amtool") is None:
        pytest.skip("amtool is not installed: install with apt-get install prometheus-alertmanager")
    root = written(ALL[name](), tmp_path)
    assert run(["amtool", "check-config", "alertmanager.yml"], cwd=root, timeout=60).code == 0
    for labels, receiver in (
        (["severity=page", "environment=production", "service=x"], "page"),
        (["severity=page", "environment=staging", "service=x"], "ticket"),
        (["severity=ticket", "environment=production", "service=x"], "ticket"),
        (["alertname=Watchdog", "severity=none"], "heartbeat"),
    ):
        done = run(
            ["amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels], cwd=root, timeout=60
        )
        assert done.stdout.strip() == receiver, labels


def test_kubernetes_scrape_items_are_scrape_configs(tmp_path: Path) -> None:
    """Debian's promtool knows no Kubernetes discovery, so that one key is replaced; all others are checked."""
    files = rendered(VARIANTS["no web service"]) | rendered(kubernetes_canary_eks())
    items: list[dict[str, Any]] = yaml.safe_load(files["scrape-kubernetes.yml"].content)
    assert [item["job_name"] for item in items] == [
        "payments-api/staging/payments-api",
        "payments-api/production/payments-api",
        "kube-state-metrics",
    ]
    for item in items:
        del item["kubernetes_sd_configs"]
        item["static_configs"] = [{"targets": ["127.0.0.1:1"]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": items}))
    done = promtool(tmp_path, "check", "config", "prometheus.yml")
    assert done.code == 0, done.output


def test_ecs_targets_are_found(tmp_path: Path) -> None:
    """Against an aws that answers like the real one: two slots, a migration, a task that has no address yet."""
    if find("jq") is None:
        pytest.skip("jq is not installed: install with apt-get install jq")
    spec = ecs_canary()
    root = written(spec, tmp_path / "prometheus")
    tools = tmp_path / "bin"
    tools.mkdir()

    def task(group: str, container: str, address: str | None) -> dict[str, Any]:
        details = [{"name": "subnetId", "value": "subnet-1"}]
        if address:
            details.append({"name": "privateIPv4Address", "value": address})
        return {
            "group": group,
            "containers": [{"name": container}],
            "attachments": [{"type": "ElasticNetworkInterface", "details": details}],
        }

    tasks = [
        task("service:payments-api-production-payments-api-blue", "payments-api", "10.0.1.7"),
        task("service:payments-api-production-payments-api-green", "payments-api", "10.0.2.8"),
        task("family:migrate", "payments-api", "10.0.3.9"),
        task("service:other", "other", "10.0.4.1"),
        task("service:payments-api-production-payments-api-green", "payments-api", None),
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    aws = tools / "aws"
    aws.write_text(
        "#!/usr/bin/env bash\n"
        'case "$2" in\n'
        f"  list-tasks) [[ $4 == payments-api-production ]] && printf 'arn:1\\tarn:2\\tarn:3\\n' ;;\n"
        f'  describe-tasks) cat "{tmp_path}/tasks.json" ;;\n'
        "esac\n"
    )
    aws.chmod(0o755)
    path = f"{tools}:/usr/bin:/bin"
    done = run(["bash", "ecs-targets.sh", "production"], cwd=root, timeout=60, env={"PATH": path})
    assert done.code == 0, done.output
    assert json.loads((root / "targets/production.json").read_text()) == [
        {
            "targets": [f"{address}:8080"],
            "labels": {"service": "payments-api", "environment": "production", "__metrics_path__": "/metrics"},
        }
        for address in ("10.0.1.7", "10.0.2.8")
    ]
    assert run(["bash", "ecs-targets.sh", "nowhere"], cwd=root, timeout=60, env={"PATH": path}).code == 2
    if find("shellcheck"):
        assert run(["shellcheck", "ecs-targets.sh"], cwd=root, timeout=60).output == ""


def test_without_metrics_and_objectives_only_the_watchdog_is_left() -> None:
    files = rendered(minimal())
    assert "rules/recording.yml" not in files
    assert [item.name for item in slo.alerts(minimal())] == ["Watchdog"]
    assert "not scraped" in files["README.md"].content


def test_the_same_spec_gives_the_same_bytes() -> None:
    for spec in (ecs_canary(), VARIANTS["many services"]):
        again = DeploymentSpec.model_validate_json(spec.model_dump_json())
        assert {path: item.sha256 for path, item in rendered(spec).items()} == {
            path: item.sha256 for path, item in rendered(again).items()
        }


def test_nothing_is_scraped_by_accident_on_a_runtime_without_discovery() -> None:
    spec = ecs_canary().model_copy(update={"toolchain": Toolchain(runtime="nomad")})
    assert set(rendered(spec)) & {"ecs-targets.sh", "scrape-kubernetes.yml"} == set()


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_readme_names_the_files_that_are_there(name: str) -> None:
    spec = ALL[name]()
    silent = tuple(item.model_copy(update={"metrics_path": None}) for item in spec.web_services)
    for services in (spec.services, silent):
        files = rendered(spec.model_copy(update={"services": services}))
        named = set(re.findall(r"^\| `([^`*]+)` \|", files["README.md"].content, re.MULTILINE))
        assert named <= set(files), named - set(files)
        asks = "It asks the cluster" in files["README.md"].content
        assert asks == ("scrape-kubernetes.yml" in files)
