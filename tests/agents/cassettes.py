"""How cassettes are written: plain YAML, bodies parsed so that a reviewer reads a diff, one header kept."""

from __future__ import annotations

import json
from typing import Any

import yaml

MODEL = "smollm2-135m-instruct"
NOWHERE = "http://127.0.0.1:1/v1"
"""Where a replay points to: nothing listens there."""


def serialize(cassette: dict[str, Any]) -> str:
    """A cassette as YAML."""
    kept = [
        {"request": _request(item["request"]), "response": _response(item["response"])}
        for item in cassette["interactions"]
    ]
    return yaml.dump(
        {"version": 1, "interactions": kept}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110
    )


def deserialize(text: str) -> dict[str, Any]:
    """What vcrpy plays back."""
    cassette: dict[str, Any] = yaml.safe_load(text)
    for item in cassette["interactions"]:
        item["request"] |= {"uri": NOWHERE + item["request"].pop("path"), "headers": _HEADERS}
        item["request"]["body"] = json.dumps(item["request"].pop("json"))
        item["response"]["headers"] = _HEADERS
        item["response"]["body"] = {"string": json.dumps(item["response"].pop("json"), ensure_ascii=False).encode()}
    return cassette


def same_json(one: Any, other: Any) -> None:
    """The bodies mean the same; the address and the order of keys do not matter."""
    assert json.loads(one.body) == json.loads(other.body), "this prompt was not recorded; run `make record`"


_HEADERS = {"content-type": ["application/json"]}


def _request(request: dict[str, Any]) -> dict[str, Any]:
    path = request["uri"].partition("/v1")[2]
    return {"method": request["method"], "path": path, "json": json.loads(request["body"])}


def _response(response: dict[str, Any]) -> dict[str, Any]:
    raw = response["body"]["string"]
    body = json.loads(raw)
    for volatile in ("timings", "created", "id", "system_fingerprint"):
        body.pop(volatile, None)
    return {"status": response["status"], "json": {"id": "recorded", "created": 0, **body}}


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
