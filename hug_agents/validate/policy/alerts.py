"""The alerts of a bundle, whichever monitor raises them: rules of Prometheus and Grafana, monitors of Datadog, rules of Kibana."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hug_agents.bundle import Bundle
from hug_agents.validate.datadog import kind
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.promql import grafana_file
from hug_agents.validate.promtool import prometheus_files


class Raised(NamedTuple):
    """One alert as a file has it."""

    name: str
    file: str
    line: int
    severity: str
    summary: str


def raised(bundle: Bundle) -> Iterator[Raised]:
    """Every alert of every monitor. A file that cannot be read has none: its own gate says so."""
    rules = set(prometheus_files(bundle, "groups"))
    for item in bundle:
        path = item.path
        grafana = grafana_file(path) and "/alerting/" in path
        if path in rules or grafana:
            yield from _grouped(path, _read(item.content), "title" if grafana else "alert")
        elif kind(path) == "monitors":
            for document in _read(item.content):
                data = document.data
                name = str(data.get("name", "")).partition(":")[0]
                yield Raised(
                    name, path, document.line("name"), str(data.get("priority", "")), str(data.get("message", ""))
                )
        elif "/kibana/rules/" in path:
            for document in _read(item.content):
                actions = document.data.get("actions") or [{}]
                name = str(document.data.get("name", "")).partition(" ")[0]
                heard = str(actions[0].get("id", ""))
                yield Raised(name, path, document.line("name"), heard, str(actions[0].get("params", "")))


def _read(text: str) -> tuple[Located, ...]:
    try:
        return tuple(item for item in documents(text) if isinstance(item.data, dict))
    except Malformed:
        return ()


def _grouped(path: str, read: tuple[Located, ...], key: str) -> Iterator[Raised]:
    for document in read:
        for number, group in enumerate(_rows(document.data, "groups")):
            for index, rule in enumerate(_rows(group, "rules")):
                if isinstance(rule, dict) and isinstance(rule.get(key), str):
                    yield Raised(
                        rule[key].partition(" ")[0],
                        path,
                        document.line("groups", number, "rules", index, key),
                        str((rule.get("labels") or {}).get("severity", "")),
                        str((rule.get("annotations") or {}).get("summary", "")),
                    )


def _rows(value: Any, key: str) -> list[Any]:
    rows = value.get(key) if isinstance(value, dict) else None
    return rows if isinstance(rows, list) else []
