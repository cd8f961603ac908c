"""Grafana: dashboards judged by the gates, and asked of a real Prometheus that has the bundle's own rules."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.bundle import Artifact
from hug_agents.planning import plan
from hug_agents.process import find, run
from hug_agents.render import render
from hug_agents.render.monitoring import grafana, prometheus
from hug_agents.spec import DeploymentSpec
from hug_agents.validate import run_gates
from tests.adapters.test_prometheus import free_port, until
from tests.examples import ALL, kubernetes_canary_eks

FOLDER = "monitoring/grafana"


def monitored(spec: DeploymentSpec, *monitors: str) -> DeploymentSpec:
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"monitors": monitors})})


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    return {item.path.removeprefix(FOLDER + "/"): item for item in grafana.render(plan(spec))}


def expressions(board: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Title, expression with the variables filled in, and whether it is asked for one moment."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            if target["datasource"]["type"] == "prometheus":
                yield panel["title"], filled(target["expr"]), target["instant"]


def filled(expr: str) -> str:
    return expr.replace("$__rate_interval", "1m").replace("$environment", "production").replace("$service", ".*")


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("monitors", [("prometheus", "grafana"), ("grafana", "elk", "datadog", "prometheus")])
def test_every_example_passes_its_gates(name: str, monitors: tuple[str, ...]) -> None:
    blueprint = plan(monitored(ALL[name](), *monitors))
    bundle = render(blueprint)
    results = run_gates(bundle, blueprint, only=["grafana", "promql", "elk", "logstash", "datadog", "policy pack"])
    skipped = [result.reason for result in results if result.status == "skipped"]
    found = [finding for result in results for finding in result.findings if finding.severity == "error"]
    assert not found
    assert bundle.digest() == render(blueprint).digest()
    if skipped:
        pytest.skip("; ".join(skipped))


def test_a_dashboard_is_stable_and_reads_what_is_provisioned() -> None:
    files = rendered(monitored(kubernetes_canary_eks(), "prometheus", "grafana", "elk"))
    board = json.loads(files["dashboards/overview.json"].content)
    assert board["uid"] == "payments-api-overview"
    assert [item["name"] for item in board["templating"]["list"]] == ["environment", "service"]
    assert board["annotations"]["list"][0]["target"]["tags"] == ["deployment", "payments-api"]
    assert {panel["title"] for panel in board["panels"] if panel["type"] == "row"} >= {
        "Requests, errors, duration",
        "By track: what a rollout compares",
        "Saturation",
        "Logs",
    }
    assert not [panel for panel in board["panels"] if panel["title"].startswith("CPU of each")], "that is for ECS"
    errors = next(panel for panel in board["panels"] if panel["title"] == "Errors")
    assert errors["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == 0.01, "the trigger's 1 %"


class Growing(http.server.BaseHTTPRequestHandler):
    """Counters that rise with each scrape: half of the new version's requests fail."""

    scrapes = 0

    def do_GET(self) -> None:
        type(self).scrapes += 1
        n = type(self).scrapes
        lines = []
        for track, failed in (("stable", 0.01), ("canary", 0.5)):
            of = f'service="payments-api",environment="production",track="{track}"'
            lines += [
                f'http_requests_total{{{of},code="200"}} {100 * n * (1 - failed)}',
                f'http_requests_total{{{of},code="503"}} {100 * n * failed}',
                *(
                    f'http_request_duration_seconds_bucket{{{of},le="{le}"}} {100 * n * share}'
                    for le, share in (("0.1", 0.5), ("0.3", 0.8), ("1", 0.95), ("+Inf", 1))
                ),
                f"http_request_duration_seconds_count{{{of}}} {100 * n}",
                f"http_request_duration_seconds_sum{{{of}}} {20 * n}",
            ]
        for space in ("payments-api-production", "payments-api-staging"):
            lines.append(f'kube_deployment_status_replicas_available{{namespace="{space}",deployment="worker"}} 2')
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with the rules of the bundle, that scrapes what the services would export."""
    if find("prometheus") is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("grafana")
    exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Growing)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    (folder / "rules").mkdir()
    for item in prometheus.render(plan(monitored(kubernetes_canary_eks(), "prometheus"))):
        if "/rules/" in item.path:
            (folder / "rules" / Path(item.path).name).write_text(item.content, encoding="utf-8")
    labels = {"service": "payments-api", "environment": "production"}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [
            {
                "job_name": "pods",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{exporter.server_address[1]}"], "labels": labels}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    process = subprocess.Popen(
        [
            str(find("prometheus")),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = f"http://127.0.0.1:{port}"
    try:
        until(lambda: asked(found, 'ALERTS{alertname="AvailabilityBudgetBurnFast", alertstate="firing"}'))
        yield found
    finally:
        process.terminate()
        process.wait(30)
        exporter.shutdown()


def asked(url: str, expr: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expr})}", timeout=10) as answer:
        said = json.load(answer)
    assert said["status"] == "success", (expr, said)
    result: list[dict[str, Any]] = said["data"]["result"]
    return result


def test_every_query_of_the_dashboards_has_data(url: str) -> None:
    files = rendered(monitored(kubernetes_canary_eks(), "prometheus", "grafana"))
    asked_for = 0
    for name in ("overview", "objectives"):
        board = json.loads(files[f"dashboards/{name}.json"].content)
        for title, expr, _ in expressions(board):
            found = until(lambda expr=expr: asked(url, expr), 30)
            assert any(row["value"][1] != "NaN" for row in found), (title, expr)
            asked_for += 1
        for note in board["annotations"]["list"]:
            if "expr" in note:
                assert asked(url, filled(note["expr"])), note
    assert asked_for >= 25
    board = json.loads(files["dashboards/overview.json"].content)
    tracked = next(expr for title, expr, _ in expressions(board) if title == "Errors by track")
    values = {row["metric"]["track"]: float(row["value"][1]) for row in asked(url, tracked)}
    assert values == pytest.approx({"stable": 0.01, "canary": 0.5}, abs=0.05)


GOOD = (
    "up",
    "sum by (a) (rate(x[5m]))",
    "x offset 5m",
    "histogram_quantile(0.9, sum by (le) (rate(x_bucket[1m])))",
    "a and on (b) c",
)
BAD = (
    "sum by (a (x)",
    "rate(x)",
    "x[5m] + 1",
    "nonsense(x)",
    "x{a=b}",
    'x{a="b"',
    "sum(x) by",
    "1 +",
    "x[5x]",
    "a and 1",
)


def test_the_parser_agrees_with_promtool(tmp_path: Path) -> None:
    parser = pytest.importorskip("promql_parser", reason="promql-parser, install with pip install 'hug-agents[gates]'")
    if find("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    for number, expr in enumerate((*GOOD, *BAD)):
        file = tmp_path / f"{number}.yml"
        file.write_text(json.dumps({"groups": [{"name": "a", "rules": [{"record": "a:b:c", "expr": expr}]}]}))
        right = run(["promtool", "check", "rules", str(file)], cwd=tmp_path, timeout=30).code == 0
        try:
            parser.parse(expr)
        except ValueError:
            assert not right, expr
        else:
            assert right, expr
