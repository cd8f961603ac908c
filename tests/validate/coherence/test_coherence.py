"""Whole bundles agree with themselves; one that was changed in one place does not, and both places are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import Analysis, Query
from hug_agents.validate import GateResult, run_gates
from hug_agents.validate.coherence import gate
from hug_agents.validate.coherence.fact import Fact
from hug_agents.validate.coherence.promql import labels, metrics
from tests.examples import ALL, kubernetes_rolling

BUNDLES = {name: (blueprint := plan(make()), render(blueprint)) for name, make in ALL.items()}


def judged(name: str, bundle: Bundle) -> GateResult:
    (result,) = run_gates(bundle, BUNDLES[name][0], only=["coherence"])
    return result


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_is_rendered_agrees_with_itself(name: str) -> None:
    result = judged(name, BUNDLES[name][1])
    assert result.status == "passed", [f"{item.file}:{item.line} {item.message}" for item in result.findings]


CHANGES = yaml.safe_load((Path(__file__).parent / "changes.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: f"{case['file']}: {case['old'][:40]}")
def test_a_change_in_one_file_is_found_with_both_places(case: dict[str, str]) -> None:
    name, path, old = case["bundle"], case["file"], case["old"]
    bundle = BUNDLES[name][1]
    content = bundle[path].content
    at = content.index(old)
    result = judged(name, changed(bundle, path, content[:at] + case["new"] + content[at + len(old) :]))
    line = content.count("\n", 0, at) + 1
    here = [item for item in result.findings if item.file == path and item.rule == case["rule"]]
    assert result.status == "failed" and here, result.findings
    assert any(abs(item.line - line) <= 4 for item in here), (line, here)
    other = re.escape(case.get("other", "spec.json"))
    assert any(re.search(rf"{other}:[1-9]\d* says", item.message) for item in here), here


def changed(bundle: Bundle, path: str, content: str) -> Bundle:
    rows = [item.model_copy(update={"content": content}) if item.path == path else item for item in bundle]
    return Bundle(bundle.manifest.spec, rows)


@pytest.mark.parametrize(
    ("author", "labelled", "status"), [("m", "sweep", "passed"), ("m", "swep", "failed"), ("", "sweep", "failed")]
)
def test_what_a_model_adds_may_say_its_own_name(author: str, labelled: str, status: str) -> None:
    content = (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: sweep\n  labels: {app.kubernetes.io/name: "
        f"{labelled}"
        "}\n"
    )
    job = Artifact(path="kubernetes/base/amendment-r5.yaml", content=content, system="kubernetes", author=author)
    bundle = BUNDLES["kubernetes_rolling"][1]
    assert judged("kubernetes_rolling", Bundle(bundle.manifest.spec, (*bundle, job))).status == status


@pytest.mark.parametrize(
    ("name", "group", "touched"),
    [
        ("ecs_canary", "pipelines of github_actions", ".github/"),
        ("ecs_canary", "terraform environments", "infrastructure/terraform/environments/staging/"),
        ("kubernetes_canary_eks", "kubernetes overlays", "kubernetes/overlays/staging/"),
        ("ecs_canary", "deploy/smoke.sh", "deploy/smoke.sh"),
    ],
)
def test_an_environment_that_is_left_out_is_found(name: str, group: str, touched: str) -> None:
    rows = []
    for item in BUNDLES[name][1]:
        if item.path.startswith(touched) and touched.endswith("staging/"):
            continue
        renamed = item.model_copy(update={"content": re.sub("staging", "elsewhere", item.content)})
        rows.append(renamed if item.path.startswith(touched) else item)
    result = judged(name, Bundle("sha256:" + "0" * 64, rows))
    found = [item for item in result.findings if item.message.startswith(group)]
    assert found and "'staging'" in found[0].message and "spec.json:" in found[0].message, result.findings
    assert found[0].file and found[0].line


@pytest.mark.parametrize(
    ("system", "path", "line", "rule"),
    [
        ("cloudformation", "t.yaml", "            - ContainerPort: 8081", "port"),
        ("cloudformation", "t.yaml", '      HealthCheckPort: "8081"', "port"),
        ("cloudformation", "t.yaml", "      HealthCheckPath: /health", "path"),
        ("cloudformation", "t.yaml", "            - Name: STRIPE_TOKEN", "variable"),
        ("cloudformation", "secrets.json", '  "SecretArnPayments": "payments/stripe"', "secret"),
        ("nomad", "j.hcl", "        to = 8081", "port"),
        ("nomad", "j.hcl", '        path     = "/health"', "path"),
        ("nomad", "j.hcl", "          STRIPE_TOKEN={{ .STRIPE_TOKEN.Value | toJSON }}", "variable"),
        ("pulumi", "a.py", '        http=Http(port=8081, health_path="/healthz", health_port=8080),', "port"),
        ("pulumi", "a.py", '        secrets={"STRIPE_KEY": "payments/stripe"},', "secret"),
        ("datadog", "m.json", '  "query": "sum:app.http_request.count{service:payments-api}"', "metric"),
        ("datadog", "m.json", '  "query": "sum:app.http_requests.count{service:payments,env:production}"', "service"),
        ("datadog", "m.json", '  "query": "sum:app.http_requests.count{env:prod}"', "environment"),
        ("elk", "r.json", '  "esql": "WHERE service.name IN (\\"payments\\", \\"payments-api\\")"', "service"),
    ],
)
def test_other_systems_are_read_by_their_spelling(system: str, path: str, line: str, rule: str) -> None:
    blueprint, bundle = BUNDLES["ecs_canary"]
    rows = [*bundle, Artifact(path=f"x/{path}", content=f"\n{line}\n", system=system)]
    (result,) = run_gates(Bundle("x", rows), blueprint, only=["coherence"])
    assert [(item.rule, item.file, item.line) for item in result.findings] == [(rule, f"x/{path}", 2)]


def test_what_an_analysis_asks_for_by_name_is_the_users_own() -> None:
    query = Query(name="queue", promql='max(queue_age_seconds{v="{{version}}"})', at_most=5)
    spec = kubernetes_rolling().model_copy(update={"analysis": Analysis(queries=(query,))})
    blueprint = plan(spec)
    bundle = render(blueprint)
    extra = Artifact(path="x/a.yml", content="groups:\n- expr: queue_age_seconds > 5\n", system="x")
    (result,) = run_gates(Bundle("x", [*bundle, extra]), blueprint, only=["coherence"])
    assert result.status == "passed", result.findings


def test_a_third_party_adds_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "readers", lambda: (*gate._OURS, lambda _: [Fact("port", "1", "refers", "x.hcl", 7)]))
    result = judged("ecs_canary", BUNDLES["ecs_canary"][1])
    assert [(item.file, item.line, item.rule) for item in result.findings] == [("x.hcl", 7, "port")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('sum by (service) (rate(http_requests_total{code=~"5..", x="a(b)"}[5m])) / 2', ("http_requests_total",)),
        ("a:b:rate5m > 0.01 and on (x) (c offset 5m) or vector(1)", ("a:b:rate5m", "c")),
        ('histogram_quantile(0.99, sum(rate(d_bucket[$__rate_interval])) by (le)) * 1e3', ("d_bucket",)),
        ("min_over_time((up == bool 1)[1h:5m])", ("up",)),
        ("{{ args.x }}", ()),
    ],
)  # fmt: skip
def test_metrics_are_told_from_words(text: str, names: tuple[str, ...]) -> None:
    assert metrics(text) == names


def test_labels_are_read_and_patterns_left_out() -> None:
    text = 'x{service="api", environment=~"a|b|.*", service!="no"} and y{service="$service"}'
    assert labels(text) == (("service", "api"), ("environment", "a"), ("environment", "b"))
