"""What single lines of a model's Kubernetes files do not show: capabilities that are added, network policies that let all in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hug_agents.amendment import written
from hug_agents.validate.located import Located, Malformed, Path, documents, walk
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit

_DEEPEST = 40
_PEERS = {"ingress": ("from", "everything in the cluster in"), "egress": ("to", "everything out")}


def added_capabilities(facts: Facts) -> Iterator[Hit]:
    """`capabilities.add`, whichever it adds; what is dropped is welcome."""
    for file, document, path, node in _mappings(facts):
        if path[-1:] == ("capabilities",) and node.get("add"):
            yield Hit(
                f"this has rights over its host: capabilities {node['add']}"[:120], file, document.line(*path, "add")
            )


def open_policies(facts: Facts) -> Iterator[Hit]:
    """A rule of a network policy without peers, or with every namespace as its peer: such rules add up, and the widest holds."""
    for file, document, path, node in _mappings(facts):
        if node.get("kind") != "NetworkPolicy" or not isinstance(node.get("spec"), dict):
            continue
        for way, (key, what) in _PEERS.items():
            rules = node["spec"].get(way)
            for number, rule in enumerate(rules if isinstance(rules, list) else ()):
                place = (*path, "spec", way, number)
                if _is_open(rule, key) and document.line(*place) in _lines(facts, file):
                    yield Hit(f"this lets {what}", file, document.line(*place))


def _is_open(rule: Any, key: str) -> bool:
    peers = rule.get(key) if isinstance(rule, dict) else None
    return not peers or any(peer in ({}, {"namespaceSelector": {}}) for peer in peers if isinstance(peers, list))


def _lines(facts: Facts, file: str) -> set[int]:
    return {number for span in written(facts.bundle[file]) for number in span}


def _mappings(facts: Facts) -> Iterator[tuple[str, Located, Path, dict[str, Any]]]:
    """Every mapping of the YAML files that a model wrote in, with its file and path."""
    for item in facts.bundle:
        if not item.author or not item.path.endswith((".yml", ".yaml")):
            continue
        try:
            found = documents(item.content)
        except Malformed:
            continue  # another gate says so
        for document in found:
            for path, node in walk(document.data, deepest=_DEEPEST):
                if isinstance(node, dict):
                    yield item.path, document, path, node
