"""ELK: Filebeat collects, Logstash parses and redacts, Elasticsearch keeps, Kibana shows and alerts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hug_agents import slo as objectives
from hug_agents.bundle import Artifact
from hug_agents.plans import Blueprint
from hug_agents.render.monitoring.elk_collect import cloudwatch_policy, config, daemon, kustomization
from hug_agents.render.monitoring.elk_fields import OF_A_LINE, TEXTS, nested
from hug_agents.render.monitoring.elk_indices import (
    api_key,
    component_name,
    components,
    lifecycle,
    policy_name,
    roles,
    templates,
)
from hug_agents.render.monitoring.elk_kibana import connectors, rules, saved_objects
from hug_agents.render.monitoring.streams import dataset, dead_dataset, space, stream
from hug_agents.render.naming import ELK
from hug_agents.render.templating import Safe, fill, json_document, yaml_documents
from hug_agents.spec import DeploymentSpec


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Write `monitoring/elk/`."""
    spec = blueprint.spec
    yield from _collection(spec)
    yield from _pipelines(spec)
    for place in spec.environments:
        yield _json(f"elasticsearch/ilm/{policy_name(spec, place)}.json", lifecycle(place))
    for name, body in components(spec):
        yield _json(f"elasticsearch/component-templates/{name}.json", body)
    for name, body in templates(spec):
        yield _json(f"elasticsearch/index-templates/{name}.json", body)
    for name, body in roles(spec):
        yield _json(f"elasticsearch/roles/{name}.json", body)
    yield _json("elasticsearch/api-keys/logstash.json", api_key(spec))
    lines = [json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in saved_objects(spec)]
    yield _text("kibana/saved-objects.ndjson", "\n".join(lines) + "\n")
    for name, body in rules(spec):
        yield _json(f"kibana/rules/{name}.json", body)
    yield _text(
        "kibana/kibana.yml",
        yaml_documents(
            connectors(),
            header="Put this into kibana.yml. The secrets: kibana-keystore add\n"
            "xpack.actions.preconfigured.page.secrets.routingKey and xpack.actions.preconfigured.ticket.secrets.webhookUrl",
        ),
    )
    yield _text(
        "README.md",
        fill(
            "monitoring",
            "templates/elk_readme.md.j2",
            spec=spec,
            kubernetes=spec.toolchain.runtime == "kubernetes",
            streams=[(place.name, stream(spec, place), policy_name(spec, place)) for place in spec.environments],
            dead=f"logs-{dead_dataset(spec)}-*",
            mappings=component_name(spec, "mappings"),
            slos=[(slo.sentence, _needs(slo.threshold_ms)) for slo in objectives.slos(spec)],
            fields=", ".join(OF_A_LINE),
            unmeasured=objectives.unmeasured(spec),
        ),
    )


def _needs(threshold_ms: int | None) -> str:
    return "http.response.status_code" if threshold_ms is None else "event.duration (nanoseconds)"


def _collection(spec: DeploymentSpec) -> Iterable[Artifact]:
    for place in spec.environments:
        folder = f"filebeat/{place.name}"
        header = "${NAMES} are read from Filebeat's keystore, else from its environment."
        yield _text(f"{folder}/filebeat.yml", yaml_documents(config(spec, place), header=header))
        if spec.toolchain.runtime == "kubernetes":
            yield _text(f"{folder}/daemonset.yaml", yaml_documents(*daemon(spec, place)))
            about = f"kubectl apply --kustomize {ELK}/{folder}"
            yield _text(f"{folder}/kustomization.yaml", yaml_documents(kustomization(place), header=about))
        elif place.cloud == "aws":
            yield _text(f"{folder}/iam-policy.json", cloudwatch_policy(spec, place))


def _pipelines(spec: DeploymentSpec) -> Iterable[Artifact]:
    yield _text(
        "logstash/pipeline/main.conf",
        fill(
            "monitoring",
            "templates/logstash.conf.j2",
            dataset=dataset(spec),
            environments=[(place.name, space(place)) for place in spec.environments],
            fields=[(Safe(nested(name)), Safe(nested(name))) for name in OF_A_LINE],
            texts=[Safe(nested(name)) for name in TEXTS],
        ),
    )
    yield _text(
        "logstash/pipeline/dead-letters.conf",
        fill("monitoring", "templates/logstash_dead_letters.conf.j2", dead=dead_dataset(spec)),
    )
    settings: dict[str, Any] = {
        "api.http.host": "127.0.0.1",
        "pipeline.ecs_compatibility": "v8",
        "queue.type": "persisted",
        "queue.max_bytes": "4gb",
        "queue.checkpoint.writes": 1024,
        "dead_letter_queue.enable": True,
        "dead_letter_queue.max_bytes": "1gb",
        "dead_letter_queue.storage_policy": "drop_older",
        "log.format": "json",
    }
    yield _text("logstash/logstash.yml", yaml_documents(settings))
    pipelines = [
        {"pipeline.id": "main", "path.config": "/usr/share/logstash/pipeline/main.conf"},
        {
            "pipeline.id": "dead-letters",
            "path.config": "/usr/share/logstash/pipeline/dead-letters.conf",
            # What is refused here too would come back for ever.
            "dead_letter_queue.enable": False,
            "pipeline.workers": 1,
        },
    ]
    yield _text("logstash/pipelines.yml", yaml_documents(pipelines))


def _json(path: str, body: dict[str, Any]) -> Artifact:
    return _text(path, json_document(body))


def _text(path: str, content: str) -> Artifact:
    return Artifact(path=f"{ELK}/{path}", content=content, system="elk", owner="devops")
