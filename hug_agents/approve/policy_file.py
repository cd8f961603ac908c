"""Reading `governance.yaml`: plain YAML, and an error that names the line and the field."""

from __future__ import annotations

import difflib
import json
import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from hug_agents.approve.checkpoints import CHECKPOINT_IDS
from hug_agents.approve.measured import METRICS
from hug_agents.approve.policy import Policy
from hug_agents.approve.risk import TIERS
from hug_agents.errors import PolicyError
from hug_agents.plans import Role
from hug_agents.yamls import LOADER, problem

_LARGEST = 1_000_000
_DEEPEST = 20
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})\Z")
Path_ = tuple[str | int, ...]


def load_policy(path: Path) -> Policy:
    """The policy of a file. Raises PolicyError with every problem, each as `FILE:LINE: field: what`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(
            f"cannot be read: {error.strerror}", where=str(path), hint="write one: hug policy init"
        ) from error
    return parse_policy(data, name=str(path))


def default_policy() -> Policy:
    """The embedded policy: the mission's roles, and no people."""
    return parse_policy(default_text().encode(), name="the default policy")


def default_text() -> str:
    """The embedded policy as it is written, comments and all: what a person starts from."""
    return files("hug_agents.approve").joinpath("governance.yaml").read_text(encoding="utf-8")


def policy_schema() -> str:
    """JSON Schema (2020-12) of the file, for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema(mode="validation")}
    return json.dumps(schema | {"title": "governance.yaml of hug-agents"}, indent=2) + "\n"


# Read before and after every effect, and nearly always the same bytes: what they say depends on nothing else.
@lru_cache(maxsize=8)
def parse_policy(data: bytes, *, name: str = "governance.yaml") -> Policy:
    """The policy that the bytes of a file say."""
    if len(data) > _LARGEST:
        raise PolicyError(f"{len(data)} bytes are too many for a policy", where=name)
    lines: dict[Path_, int] = {}
    try:
        text = data.decode("utf-8")
        _check_events(text)
        node = yaml.compose(text, Loader=LOADER)
        value = _plain(node, (), lines)
    except UnicodeDecodeError as error:
        raise PolicyError("not UTF-8 text", where=name) from error
    except yaml.YAMLError as error:
        said, line = problem(error)
        raise PolicyError(f"not YAML: {said}"[:200], where=f"{name}:{line}" if line else name) from error
    except _Ambiguous as error:
        raise PolicyError(str(error), where=f"{name}:{error.line}") from None
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        problems = _problems(error, lines, name)
    first, *more = problems
    where, _, what = first.partition(": ")
    raise PolicyError(
        "\n".join([what, *more]),
        where=where,
        hint="hug policy schema gives your editor the schema of this file",
        problems=tuple(problems),
    )


class _Ambiguous(Exception):
    """YAML that two readers would read differently."""

    def __init__(self, what: str, node: yaml.Node | yaml.Event) -> None:
        super().__init__(what)
        self.line: int = getattr(node.start_mark, "line", 0) + 1


def _check_events(text: str) -> None:
    """One document without anchors, aliases and tags, and not nested to exhaustion, before any of it is built."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _Ambiguous("nested too deeply", event)
        if getattr(event, "anchor", None):
            raise _Ambiguous("anchors and aliases are not read", event)
        if getattr(event, "tag", None):
            raise _Ambiguous("tags are not read", event)


def _plain(node: yaml.Node | None, path: Path_, lines: dict[Path_, int]) -> Any:
    """Plain values: true, false, null and whole numbers as YAML 1.2 has them, all else as the text that is written."""
    if node is None:
        return None
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str) or key == "<<":
                raise _Ambiguous("a key must be plain text", key_node)
            if key in found:
                raise _Ambiguous(f"the key {key[:60]!r} is given twice", key_node)
            found[key] = _plain(value_node, (*path, key), lines)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, number), lines) for number, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    text = str(node.value)
    if node.style:  # quoted; None and '' are not
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in ("", "~", "null"):
        return None
    return int(text) if _INTEGER.match(text) else text


def _problems(error: ValidationError, lines: dict[Path_, int], name: str) -> list[str]:
    found = []
    for item in error.errors(include_url=False, include_context=False):
        path = tuple(part for part in item["loc"] if part != "[key]")
        # What is wrong between fields is found at the root, and names its field itself.
        near = path or tuple(item["msg"].removeprefix("Value error, ").partition(": ")[0].split("."))
        line = next((lines[near[:end]] for end in range(len(near), -1, -1) if near[:end] in lines), 1)
        field = ".".join(str(part) for part in path)
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "there is no such field"
        guess = _guess(item, path)
        found.append(f"{name}:{line}: {field}: {message}{guess}" if field else f"{name}:{line}: {message}{guess}")
    return found


def _guess(item: Any, path: tuple[Any, ...]) -> str:
    """`; did you mean ...?` where one is near."""
    if item["type"] == "extra_forbidden":
        names: list[str] = sorted(_field_names())
        wrong = str(path[-1])
    elif item["type"] == "literal_error" and isinstance(item["input"], str):
        names = [
            *get_args(Role),
            *CHECKPOINT_IDS,
            *TIERS,
            *METRICS,
            "team",
            "solo",
            "development",
            "staging",
            "production",
        ]
        wrong = item["input"]
    else:
        return ""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _field_names() -> set[str]:
    schema = Policy.model_json_schema()
    return {name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", {})}
