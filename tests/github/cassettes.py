"""How a session with GitHub is kept: YAML, bodies parsed so that a reviewer reads a diff, no header but where a log lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
import yaml

NOWHERE = "http://127.0.0.1:1"
"""Where a replay points to: nothing listens there."""
CASSETTE = Path(__file__).parents[1] / "cassettes" / "github_actions.yaml"


def recorder(mode: str) -> vcr.VCR:
    """`once` records, `none` replays, in the order of the session."""
    found = vcr.VCR(
        record_mode=mode,
        serializer="github",
        match_on=["method", "path", "query", "same_json"],
        filter_headers=["authorization"],
        decode_compressed_response=True,
    )
    found.register_serializer("github", _Serializer)
    found.register_matcher("same_json", _same_json)
    return found


class _Serializer:
    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        """A cassette as YAML."""
        rows = [
            {"request": _request(item["request"]), "response": _response(item["response"])}
            for item in cassette["interactions"]
        ]
        return yaml.dump(
            {"version": 1, "interactions": rows}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110
        )

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        """What vcrpy plays back."""
        cassette: dict[str, Any] = yaml.safe_load(text)
        for item in cassette["interactions"]:
            request, response = item["request"], item["response"]
            request |= {"uri": NOWHERE + request.pop("target"), "headers": {}}
            request["body"] = json.dumps(request.pop("json")) if "json" in request else None
            response["headers"] = {"content-type": ["application/json"]}
            if "location" in response:
                response["headers"]["location"] = [NOWHERE + response.pop("location")]
            if "text" in response:
                body = response.pop("text")
            else:
                body = json.dumps(response.pop("json")) if "json" in response else ""
            response["body"] = {"string": body.encode()}
        return cassette


def _same_json(one: Any, other: Any) -> None:
    bodies = [json.loads(item.body) if item.body else None for item in (one, other)]
    assert bodies[0] == bodies[1], "this request was not recorded; run python -m tests.github.record"


def _target(uri: str) -> str:
    parts = urlsplit(uri)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _request(request: dict[str, Any]) -> dict[str, Any]:
    body = {"json": json.loads(request["body"])} if request["body"] else {}
    return {"method": request["method"], "target": _target(request["uri"]), **body}


def _response(response: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"status": response["status"]}
    headers = {key.lower(): value for key, value in response["headers"].items()}
    if "location" in headers:
        kept["location"] = _target(headers["location"][0])
    raw = response["body"]["string"]
    raw = raw.decode() if isinstance(raw, bytes) else raw
    if not raw:
        return kept
    try:
        return {**kept, "json": json.loads(raw)}
    except ValueError:
        return {**kept, "text": raw}


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
