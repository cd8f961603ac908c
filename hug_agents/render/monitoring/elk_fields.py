"""The fields that a line may have: names and types of the Elastic Common Schema 9, and what each is taken from."""

from __future__ import annotations

from typing import Any

ECS = "9.2.0"
"""The version of the schema that the documents say they follow."""

FIELDS: dict[str, str] = {
    "message": "match_only_text",
    "log.level": "keyword",
    "log.logger": "keyword",
    "event.dataset": "keyword",
    "event.duration": "long",
    "event.outcome": "keyword",
    "event.original": "keyword",
    "error.type": "keyword",
    "error.message": "match_only_text",
    "error.stack_trace": "wildcard",
    "http.request.method": "keyword",
    "http.response.status_code": "long",
    "http.response.bytes": "long",
    "url.path": "wildcard",
    "trace.id": "keyword",
    "span.id": "keyword",
    "transaction.id": "keyword",
    "user_agent.original": "keyword",
    "service.name": "keyword",
    "service.environment": "keyword",
    "service.version": "keyword",
    "service.node.name": "keyword",
    "container.id": "keyword",
    "container.image.name": "keyword",
    "orchestrator.namespace": "keyword",
    "host.name": "keyword",
    "cloud.region": "keyword",
    "cloud.account.id": "keyword",
    "ecs.version": "keyword",
    "tags": "keyword",
    "labels.track": "keyword",
}
"""By name, the type of the schema's field reference."""

OF_A_LINE = (
    "message", "log.level", "log.logger", "event.duration", "event.outcome", "error.type", "error.message",
    "error.stack_trace", "http.request.method", "http.response.status_code", "http.response.bytes", "url.path",
    "trace.id", "span.id", "transaction.id", "user_agent.original",
)  # fmt: skip
"""What a program may say of itself."""
TEXTS = ("message", "error.message", "error.stack_trace", "url.path")
"""Where a secret may hide."""


def nested(name: str) -> str:
    """A field as Logstash writes it: `[http][request][method]`."""
    return "".join(f"[{part}]" for part in name.split("."))


def properties() -> dict[str, Any]:
    """The mapping of every field."""
    tree: dict[str, Any] = {}
    for name, kind in FIELDS.items():
        *above, last = name.split(".")
        here = tree
        for part in above:
            here = here.setdefault(part, {"properties": {}})["properties"]
        extra: dict[str, Any] = {}
        if name == "event.original":
            extra = {"index": False, "doc_values": False}
        elif kind == "keyword" and name not in ("log.level", "service.name", "service.environment"):
            extra = {"ignore_above": 1024}
        here[last] = {"type": kind, **extra}
    return {"@timestamp": {"type": "date"}, **tree}
