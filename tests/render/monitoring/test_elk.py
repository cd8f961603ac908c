"""ELK: what the pipeline takes out, what the documents say of each other, whom the rules tell."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from hug_agents import slo
from hug_agents.bundle import Artifact
from hug_agents.planning import plan
from hug_agents.render.monitoring import elk
from hug_agents.render.monitoring.elk_fields import FIELDS, properties
from hug_agents.render.monitoring.elk_kibana import identity
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.logstash import parse
from tests.examples import ALL, ecs_canary, kubernetes_canary_eks

FOLDER = "monitoring/elk"


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    tools = spec.toolchain.model_copy(update={"monitors": ("elk",)})
    return {
        item.path.removeprefix(FOLDER + "/"): item
        for item in elk.render(plan(spec.model_copy(update={"toolchain": tools})))
    }


def redactions() -> list[tuple[str, str]]:
    """Pattern and replacement of each, as Ruby reads them; nothing in them is Ruby's alone."""
    plugins = parse(rendered(ecs_canary())["logstash/pipeline/main.conf"].content)
    rules = next(option.value for plugin in plugins for option in plugin.options if option.name == "gsub")
    return [(rules[n + 1], rules[n + 2]) for n in range(0, len(rules), 3) if rules[n] == "[message]"]


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('{"authorization":"Bearer s3cr3t","path":"/"}', "s3cr3t"),
        ("login password=hunter2 ok", "hunter2"),
        ('{"Password": "hunter2"}', "hunter2"),
        ("GET /pay?api_key=k-12345&x=1", "k-12345"),
        ("set-cookie: session=deadbeef; Path=/", "deadbeef"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl done", "c2lnbmF0dXJl"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("connecting to postgres://app:s3cr3t@db:5432/x", "s3cr3t"),
    ],
)
def test_secrets_are_taken_out(line: str, secret: str) -> None:
    for pattern, replacement in redactions():
        line = re.sub(pattern, replacement, line)
    assert secret not in line and "[redacted]" in line


def test_what_is_no_secret_stays() -> None:
    line = "GET /orders/42 answered 200 in 12 ms for author bob@example.com"
    kept = line
    for pattern, replacement in redactions():
        kept = re.sub(pattern, replacement, kept)
    assert kept == line


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_rule_has_an_entry_in_the_runbook(name: str) -> None:
    spec = ALL[name]()
    tools = spec.toolchain.model_copy(update={"monitors": ("elk",)})
    wanted = {alert.name for alert in slo.alerts(spec.model_copy(update={"toolchain": tools}))}
    files = rendered(spec)
    rules = {path: json.loads(item.content) for path, item in files.items() if path.startswith("kibana/rules/")}
    assert {body["name"].partition(" ")[0] for body in rules.values()} == wanted
    for path, body in rules.items():
        told = {action["id"] for action in body["actions"]}
        assert told == {"page"} or told == {"ticket"}
        if path.startswith("kibana/rules/staging."):
            assert told == {"ticket"}, "staging wakes nobody"


def test_the_names_of_streams_cannot_meet() -> None:
    spec = kubernetes_canary_eks().model_copy(update={"application": "a-b"})
    files = rendered(spec)
    assert "elasticsearch/index-templates/logs-a_b-production.json" in files
    body = json.loads(files["elasticsearch/index-templates/logs-a_b-production.json"].content)
    assert body["index_patterns"] == ["logs-a_b-production", "logs-a_b.dead_letters-production"]
    assert body["priority"] > 100, "above Elastic's own template for logs-*-*"
    main = files["logstash/pipeline/main.conf"].content
    assert '"[data_stream][dataset]" => "a_b"' in main and '== "production"' in main


def test_logstash_may_add_lines_and_nothing_else() -> None:
    files = rendered(ecs_canary())
    key = json.loads(files["elasticsearch/api-keys/logstash.json"].content)
    (role,) = key["role_descriptors"].values()
    assert role["cluster"] == ["monitor"]
    assert [row["privileges"] for row in role["indices"]] == [["auto_configure", "create_doc"]]
    assert key["expiration"] == "90d"


def test_every_secret_is_a_reference() -> None:
    for path, item in rendered(ALL["hostile_ecs"]()).items():
        if path.endswith(".conf"):
            for plugin in parse(item.content):
                for option in plugin.options:
                    assert option.name not in ("api_key", "password") or option.value == "${ELASTICSEARCH_API_KEY}"


def test_hostile_text_is_not_written() -> None:
    files = rendered(ALL["hostile_kubernetes"]())
    for item in files.values():
        assert "reboot" not in item.content, "no free text stands in these files"


def test_filebeat_reads_what_the_runtime_writes() -> None:
    inputs = yaml.safe_load(rendered(ecs_canary())["filebeat/production/filebeat.yml"].content)["filebeat.inputs"]
    assert [item["log_group_name"] for item in inputs] == ["/payments-api/production/payments-api"]
    allowed = json.loads(rendered(ecs_canary())["filebeat/production/iam-policy.json"].content)["Statement"]
    assert allowed[0]["Resource"] == [
        "arn:aws:logs:eu-west-1:222222222222:log-group:/payments-api/production/payments-api:*"
    ]
    pods = yaml.safe_load(rendered(kubernetes_canary_eks())["filebeat/production/filebeat.yml"].content)
    conditions = pods["filebeat.autodiscover"]["providers"][0]["templates"]
    assert [item["condition"]["and"][2]["equals"]["kubernetes.container.name"] for item in conditions] == [
        "payments-api",
        "worker",
    ]


def test_the_mapping_has_every_field_once() -> None:
    def leaves(tree: dict[str, Any], above: str = "") -> set[str]:
        found = set()
        for name, value in tree.items():
            found |= leaves(value["properties"], f"{above}{name}.") if "properties" in value else {above + name}
        return found

    assert leaves(properties()) == set(FIELDS) | {"@timestamp"}


def test_an_identity_is_a_uuid_that_kibana_takes() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", identity("a", "b"))
    assert identity("a", "b") == identity("a", "b") != identity("ab", "")
