"""The three targets against servers that refuse what their vendors' descriptions refuse. No real server ever ran here."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hug_agents.adapters.monitors.datadog import DatadogTarget
from hug_agents.adapters.monitors.documents import DocumentsTarget, covers
from hug_agents.adapters.monitors.elk import ElkTarget
from hug_agents.adapters.monitors.grafana import GrafanaTarget
from hug_agents.adapters.registry import load_target
from hug_agents.bundle import Artifact, Bundle
from hug_agents.errors import HttpError, UsageError
from hug_agents.execute.target import Order, PlanStale, SavedPlan, Target, Work
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import Objective
from tests.adapters.monitors.emulators import Datadog, Elastic, Grafana, Refused, Server, serve
from tests.examples import kubernetes_canary_eks

pytest.importorskip("datadog_api_client", reason="datadog-api-client, install with pip install 'hug-agents[gates]'")

BASE = kubernetes_canary_eks()
TOOLS = BASE.toolchain.model_copy(update={"monitors": ("prometheus", "grafana", "elk", "datadog")})
SPEC = BASE.model_copy(update={"toolchain": TOOLS})
BLUEPRINT = plan(SPEC)
BUNDLE = render(BLUEPRINT)
LATER = SPEC.model_copy(
    update={"objectives": (*SPEC.objectives, Objective(kind="availability", target_percent=99.0, window_days=7))}
)
LATER_BLUEPRINT = plan(LATER)
LATER_BUNDLE = render(LATER_BLUEPRINT)
PRODUCTION = SPEC.environments[1]
OK = {"acknowledged": True}


def made(server: Server, url: str) -> DocumentsTarget:
    if isinstance(server, Grafana):
        return GrafanaTarget(url, "grafana-secret")
    if isinstance(server, Elastic):
        return ElkTarget(f"{url},{url}", "elastic-secret")
    return DatadogTarget(url, "datadog-secret", "application-secret")


@pytest.fixture(params=[Grafana, Elastic, Datadog], ids=lambda kind: kind.__name__)
def site(request: pytest.FixtureRequest) -> Iterator[tuple[Any, DocumentsTarget]]:
    server = request.param()
    with serve(server) as url:
        yield server, made(server, url)
    assert server.violations == []


def work(saved: SavedPlan, action: str = "deploy", *, later: bool = False, release: str = "r1") -> Work:
    order = Order.model_validate(
        {
            "release": release,
            "environment": saved.environment,
            "action": action,
            "bundle": saved.bundle,
            "plan": saved.digest(),
        }
    )
    return Work(
        order=order,
        plan=saved,
        blueprint=LATER_BLUEPRINT if later else BLUEPRINT,
        bundle=LATER_BUNDLE if later else BUNDLE,
        previous=BUNDLE if later else None,
    )


def test_sent_once_seen_and_sent_no_more(site: tuple[Any, DocumentsTarget]) -> None:
    server, target = site
    assert isinstance(target, Target)
    saved = target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
    assert saved.creates > 0 and saved.updates == 0
    assert server.changes == [], "planning changes nothing"
    assert saved == target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
    job = work(saved)
    assert target.observe(job).state == "partial"
    assert target.apply(job).status == "done"
    assert target.observe(job).state == "done"
    assert target.drift(BUNDLE, BLUEPRINT, PRODUCTION).status == "none"
    before = list(server.changes)
    assert target.apply(job).detail.startswith("0 documents")
    assert server.changes == before, "the same order again sends nothing"
    assert {method for method, _ in server.changes} <= {"POST", "PUT"}


def test_every_kind_of_document_is_changed_as_the_description_has_it(site: tuple[Any, DocumentsTarget]) -> None:
    _, target = site
    target.apply(work(target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)))
    for document in target.documents(BUNDLE, BLUEPRINT, "production"):
        target.send(target.resolved(document), new=False)
    assert target.drift(BUNDLE, BLUEPRINT, PRODUCTION).status == "none"


def test_a_crash_half_way_is_completed(site: tuple[Any, DocumentsTarget], monkeypatch: pytest.MonkeyPatch) -> None:
    server, target = site
    job = work(target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None))
    sent, send = [], target.send

    def dies(document: Any, *, new: bool) -> None:
        if len(sent) == 1:
            raise KeyboardInterrupt
        sent.append(document)
        send(document, new=new)

    monkeypatch.setattr(target, "send", dies)
    with pytest.raises(KeyboardInterrupt):
        target.apply(job)
    monkeypatch.undo()
    half = len(server.changes)
    assert target.apply(job).status == "done"
    assert target.drift(BUNDLE, BLUEPRINT, PRODUCTION).status == "none"
    assert len(server.changes) == len(set(server.changes)) or len(server.changes) > half


def test_drift_names_what_was_edited_and_what_is_gone(site: tuple[Any, DocumentsTarget]) -> None:
    server, target = site
    target.apply(work(target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)))
    edited = {"Grafana": "dashboard", "Elastic": "alerting/rule", "Datadog": "/api/v1/monitor/"}[type(server).__name__]
    found = [key for key in server.things if edited in key]
    old = copy.deepcopy(server.things[found[0]])
    inside = server.things[found[0]].get("dashboard", server.things[found[0]])
    inside["title" if "title" in inside else "query" if "query" in inside else "name"] = "a hand's work"
    gone = found[1]
    held = server.things.pop(gone)
    seen = target.drift(BUNDLE, BLUEPRINT, PRODUCTION)
    assert seen.status == "drifted"
    assert [line.split(":")[0] for line in sorted(seen.changes)] == ["edited", "missing"]
    assert target.drift(None, BLUEPRINT, PRODUCTION).status == "none"
    server.things[found[0]], server.things[gone] = old, held


def test_an_edit_after_the_plan_is_not_overwritten(site: tuple[Any, DocumentsTarget]) -> None:
    server, target = site
    first = target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
    target.apply(work(first))
    word, name = {
        Grafana: ("/dashboards/", "description"),
        Elastic: ("alerting/rule", "name"),
        Datadog: ("/api/v1/monitor/", "message"),
    }[type(server)]
    thing = next(item.get("dashboard", item) for key, item in server.things.items() if word in key)
    thing[name] = "theirs"
    saved = target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
    assert saved.updates == 1
    thing[name] = "theirs again"
    before = list(server.changes)
    with pytest.raises(PlanStale):
        target.apply(work(saved, release="r2"))
    assert server.changes == before


def test_back_to_the_documents_before_and_nothing_is_deleted(site: tuple[Any, DocumentsTarget]) -> None:
    server, target = site
    target.apply(work(target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)))
    saved = target.plan(LATER_BUNDLE, LATER_BLUEPRINT, PRODUCTION, BUNDLE)
    assert saved.creates + saved.updates > 0
    target.apply(work(saved, later=True, release="r2"))
    count = len(server.things)
    done = target.rollback(work(saved, "rollback", later=True, release="r2"))
    assert done.status == "done"
    assert target.drift(BUNDLE, BLUEPRINT, PRODUCTION).status == "none"
    assert len(server.things) == count
    assert ("remove them by hand" in done.detail) == bool(saved.creates)


def test_it_only_watches(site: tuple[Any, DocumentsTarget]) -> None:
    _, target = site
    saved = target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
    assert target.apply(work(saved, "shift")).untouched
    other = saved.model_copy(update={"target": "grafana:http://elsewhere"})
    with pytest.raises(UsageError, match="the approved plan is for"):
        target.apply(work(other))
    empty = Bundle(SPEC.digest(), [Artifact(path="a.txt", content="a\n", system="test")])
    with pytest.raises(UsageError, match="has nothing for"):
        target.plan(empty, BLUEPRINT, PRODUCTION, None)


def test_a_deployment_is_one_line_on_the_dashboards() -> None:
    server = Grafana()
    with serve(server) as url:
        target = made(server, url)
        job = work(target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None))
        target.apply(job)
        target.apply(job)
    assert [note["tags"][:3] for note in server.things["notes"]] == [["deployment", "payments-api", "production"]]


def rule_of(name: str) -> dict[str, Any]:
    asks = {
        "refId": "A",
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": "p",
        "model": {"expr": "up == 0"},
    }
    states = {"noDataState": "OK", "execErrState": "Error", "for": "5m"}
    return {"uid": name, "title": name, "condition": "A", "labels": {"severity": "page"}, "data": [asks], **states}


def test_rules_that_somebody_adds_for_grafana_go_as_groups_into_the_folder() -> None:
    names = ("first", "second")
    made_of = [
        {"orgId": 1, "name": name, "folder": "shop", "interval": "1m", "rules": [rule_of(f"{name}-a"), rule_of(name)]}
        for name in names
    ]
    rules = yaml.safe_dump({"apiVersion": 1, "groups": made_of})
    path = "monitoring/grafana/provisioning/alerting/rules.yaml"
    bundle = Bundle(SPEC.digest(), [*BUNDLE, Artifact(path=path, content=rules, system="grafana")])
    server = Grafana()
    with serve(server) as url:
        target = made(server, url)
        for document in target.documents(bundle, BLUEPRINT, "production"):
            target.send(document, new=True)
        assert target.drift(bundle, BLUEPRINT, PRODUCTION).status == "none"
        groups = [item for key, item in server.things.items() if "rule-groups" in key]
        assert len(groups) == len(names) and all(item["interval"] == 60 for item in groups)
        groups[0]["rules"].pop()
        assert target.drift(bundle, BLUEPRINT, PRODUCTION).status == "drifted"
    assert server.violations == []


def test_an_export_that_fails_for_another_reason_is_no_missing_object() -> None:
    class Full(Elastic):
        def _kibana(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
            if path == "/api/saved_objects/_export":
                raise Refused(400, "Can't export more than 0 objects")
            return super()._kibana(method, path, query, body)

    server = Full()
    with serve(server) as url, pytest.raises(HttpError, match="did not export"):
        made(server, url).plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
    assert server.violations == []


@pytest.mark.parametrize(
    ("server", "method", "path", "sent", "said"),
    [
        (Grafana, "POST", "/api/folders", {"title": "a", "colour": "red"}, {}),
        (Grafana, "POST", "/api/annotations", {"tags": ["a"]}, {"id": 1, "message": "x"}),
        (Grafana, "GET", "/api/dashboards/uid/a", None, {"dashboard": {}, "meta": {"folder": "b"}}),
        (Grafana, "GET", "/api/dashboard/a", None, {}),
        (Elastic, "PUT", "/_ilm/policy/a", {"policy": {"phases": {"hot": {"actions": {"rolover": {}}}}}}, OK),
        (
            Elastic,
            "PUT",
            "/_component_template/a",
            {"template": {"mappings": {"properties": {"a": {"type": "txt"}}}}},
            OK,
        ),
        (Elastic, "PUT", "/_security/role/a", {"cluster": []}, OK),
        (Elastic, "PUT", "/api/alerting/rule/a", {"name": "a", "consumer": "alerts"}, {}),
        (Elastic, "POST", "/api/saved_objects/_bulk_get", [{"type": "a", "id": "b"}], {}),
        (Datadog, "POST", "/api/v1/monitor", {"type": "query alert", "query": "x", "colour": 1}, {}),
        (Datadog, "GET", "/api/v1/slo", None, [{"id": "a"}]),
        (Datadog, "PATCH", "/api/v1/monitor/1", {}, {}),
    ],
)
def test_the_descriptions_judge(server: type[Server], method: str, path: str, sent: Any, said: Any) -> None:
    assert server().judge(path)(method, path, {}, sent, 200, said)


def test_monitors_get_the_ids_of_their_objectives() -> None:
    server = Datadog()
    with serve(server) as url:
        target = made(server, url)
        target.apply(work(target.plan(BUNDLE, BLUEPRINT, PRODUCTION, None)))
    burns = [item["query"] for key, item in server.things.items() if item.get("type") == "slo alert"]
    assert len(burns) == 6 and all('burn_rate("id-' in query for query in burns)


def test_a_wrong_key_is_one_clear_error_without_the_key() -> None:
    for server, wrong in (
        (Grafana(), lambda url: GrafanaTarget(url, "not-the-secret")),
        (Elastic(), lambda url: ElkTarget(f"{url},{url}", "not-the-secret")),
        (Datadog(), lambda url: DatadogTarget(url, "not-the-secret", "nor-this")),
    ):
        with serve(server) as url, pytest.raises(HttpError, match="401") as caught:
            wrong(url).plan(BUNDLE, BLUEPRINT, PRODUCTION, None)
        assert "not-the-secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["grafana:", "grafana:nowhere", "elk:http://one", "datadog:example.com", "datadog:"])
def test_an_incomplete_target_says_what_it_needs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GRAFANA_TOKEN", "ELASTIC_API_KEY", "DATADOG_API_KEY", "DATADOG_APP_KEY"):
        monkeypatch.setenv(f"HUG_AGENTS_{variable}", "x")
    with pytest.raises(UsageError, match="needs"):
        load_target(name, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["grafana:http://g.example.com", "elk:https://e.example.com,http://k.example.com", "datadog:http://d.example.com"],
)
def test_no_key_is_sent_in_clear(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GRAFANA_TOKEN", "ELASTIC_API_KEY", "DATADOG_API_KEY", "DATADOG_APP_KEY"):
        monkeypatch.setenv(f"HUG_AGENTS_{variable}", "x")
    with pytest.raises(UsageError, match="https only"):
        load_target(name, None)  # type: ignore[arg-type]


def test_what_a_server_adds_is_no_difference() -> None:
    assert covers({"a": "1", "b": True, "more": 1}, {"a": 1, "b": "true", "c": None})
    assert not covers({"a": [1, 2]}, {"a": [1]})
    assert not covers({"a": {"b": 1}}, {"a": {"b": 2}})
    assert not covers("text", {"a": 1})
