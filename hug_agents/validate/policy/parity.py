"""HUG-P2: staging differs from production in size and name, and in nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hug_agents.spec import Environment
from hug_agents.validate.cfn_template import Item
from hug_agents.validate.gate import Severity
from hug_agents.validate.hcl import Block
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.policy.facts import Facts, folder
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Neglecting environment parity between staging and production."
_SIZE = re.compile(
    r"(^|_)(description|error_message|replicas|count|nodes|cpu|memory|storage|capacity|gib|mib|size|days|percent|budget\w*|usd|class|type|min|max|"
    r"multi_az|per_zone|protection|default|environment|tags|default_tags|snapshot\w*|window)($|_)"
)
"""Attributes of Terraform that say how much, not what; and those that only people read."""
_MANIFEST_SIZE = re.compile(
    r"(^|\.)(replicas|minReplicas|maxReplicas|averageUtilization|minAvailable|maxUnavailable|resources|env|value|"
    r"namespace|host|hosts|annotations|storage)(\.|$)"
)
"""The same for fields of Kubernetes."""


def _pairs(facts: Facts) -> Iterator[tuple[Environment, Environment]]:
    """Each staging with the production that it stands for: the one most like it, else the first."""
    for staging in facts.spec.environments:
        if staging.role == "staging" and facts.spec.production:
            alike = [
                item for item in facts.spec.production if (item.cloud, item.region) == (staging.cloud, staging.region)
            ]
            yield staging, (alike or list(facts.spec.production))[0]


def _plain(text: str, environment: Environment) -> str:
    """A value with all that names the environment taken out, comments and spacing too."""
    text = re.sub(r"(^|\s)(#|//)[^\n]*", " ", text)
    text = re.sub(r',?\s*"[^"]*/job/drill/"', "", text)  # drills are held in one environment, never in production
    text = re.sub(r"\b[a-z][a-z0-9-]*-[0-9a-f]{6}\b", "<name>", text)
    values = (environment.domain, environment.account, environment.namespace, environment.cluster, environment.name)
    for value in values:
        if value:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", "<environment>", text)
    if environment.region:
        text = text.replace(environment.region, "<region>")
    return " ".join(text.split())


def _attributes(block: Block, environment: Environment, where: str = "") -> Iterator[tuple[str, str, str, int]]:
    """`(place, name, value, line)` of every attribute, and of every block with the value of its presence."""
    for name, attribute in block.attributes.items():
        yield f"{where}{name}", name, _plain(attribute.text, environment), attribute.line
    seen: dict[str, int] = {}
    for inner in block.blocks:
        title = _plain(" ".join((inner.type, *inner.labels)), environment)
        seen[title] = seen.get(title, 0) + 1
        place = f"{where}{title}{f' {seen[title]}' if seen[title] > 1 else ''}"
        yield place, "", "", inner.line
        yield from _attributes(inner, environment, f"{place}.")


def roots_differ(facts: Facts) -> Iterator[Hit]:
    """Terraform roots that call other modules, or give them something other than another size."""
    for staging, production in _pairs(facts):
        ours, theirs = (_root(facts, item) for item in (staging, production))
        if not ours or not theirs:
            continue
        same_shape = (staging.domain is None, staging.cloud) == (production.domain is None, production.cloud)
        for missing, here, there, name in (
            (theirs.keys() - ours.keys(), theirs, ours, staging.name),
            (ours.keys() - theirs.keys(), ours, theirs, production.name),
        ):
            for place in sorted(missing):
                parent = place.rpartition(".")[0]
                if not there or (parent and parent not in there) or _SIZE.search(place.rpartition(".")[2]):
                    continue
                file, line, _, _ = here[place]
                yield Hit(f"{name} has no {place}", file, line, severity=None if same_shape else "warning")
        for place in sorted(ours.keys() & theirs.keys()):
            file, line, name, value = ours[place]
            other = theirs[place][3]
            if _SIZE.search(name) or _resource_arithmetic(name, value, other):
                continue
            if _unnamed(value) != _unnamed(other):
                one, another = _where_they_part(value, other)
                yield Hit(
                    f"{place} is {one} in {staging.name} and {another} in {production.name}",
                    file,
                    line,
                    severity=None if same_shape else "warning",
                )


_STACK_SIZE = re.compile(
    r"Description|Cpu|Memory|(Desired)?Count|M(in|ax)imum\w*|M(in|ax)Capacity|\w+Class|(CacheNode|Instance)Type|\w*Allocated\w*"
    r"|\w*Days|MultiAZ\w*|\w+Protection|\w*Cidr\w*|\w*Retention\w*|\w*Failover\w*|Num\w+|Snapshot\w+|\w+Window|Amount"
)
"""Keys of CloudFormation that say how much, not what; and those that only people read."""


def stacks_differ(facts: Facts) -> Iterator[Hit]:
    """Templates that make other things, or give them something other than another size."""
    for staging, production in _pairs(facts):
        ours, theirs = (_stack(facts, item) for item in (staging, production))
        if not ours or not theirs:
            continue
        same_shape = (staging.domain is None, staging.cloud) == (production.domain is None, production.cloud)
        severity: Severity | None = None if same_shape else "warning"
        for here, there, name in ((theirs, ours, staging.name), (ours, theirs, production.name)):
            for place in sorted(here.keys() - there.keys()):
                parent, _, key = place.rpartition(".")
                # one more of what is there, such as a gateway a zone, is a size
                counted = not parent and any(
                    re.fullmatch(rf"{re.escape(key.rstrip('0123456789'))}\d+", i) for i in there
                )
                if (not parent or parent in there) and not counted and not _is_size(key):
                    yield Hit(f"{name} has no {place}", *here[place][:2], severity=severity)
        for place in sorted(ours.keys() & theirs.keys()):
            value, other = ours[place][2], theirs[place][2]
            if _uncounted(value) != _uncounted(other) and not _is_size(place.rpartition(".")[2]):
                one, another = _where_they_part(value, other)
                message = f"{place} is {one} in {staging.name} and {another} in {production.name}"
                yield Hit(message, *ours[place][:2], severity=severity)


def _is_size(key: str) -> bool:
    return bool(_STACK_SIZE.fullmatch(key) or _SIZE.search(key))


def _uncounted(value: str) -> str:
    """Without names, and without the number of one of several resources."""
    return re.sub(r"^(Ref|GetAtt) (\D+)\d+", r"\1 \2", _unnamed(value))


def _stack(facts: Facts, environment: Environment) -> dict[str, tuple[str, int, str]]:
    """Everything that a template's resources say: place → file, line, value."""
    found: dict[str, tuple[str, int, str]] = {}
    for resource in facts.stack_resources():
        if folder(resource.file).rpartition("/")[2] == environment.name:
            for path, line, value in _parts(resource.body, resource.name):
                found[path] = (resource.file, line, _plain(value, environment))
    return found


def _parts(item: Item, path: str) -> Iterator[tuple[str, int, str]]:
    if isinstance(item.value, dict) and not item.function:
        yield path, item.line, ""
        for key, inner in item.value.items():
            yield from _parts(inner, f"{path}.{key.replace('.', '_')}")
    elif isinstance(item.value, list) and not item.function:
        yield path, item.line, ""
        for index, inner in enumerate(item.value):
            key, value = inner.get("Key"), inner.get("Value")
            if key and value:  # a pair goes by its key, wherever it stands in the list
                yield from _parts(value, f"{path}.{key.text.replace('.', '_')}")
            else:
                yield from _parts(inner, f"{path}.{index}")
    else:
        said = " ".join(part.text or str(part.value) for part in item.walk() if not isinstance(part.value, list | dict))
        yield path, item.line, f"{item.function} {said}".strip()


def _unnamed(value: str) -> str:
    """Without the names of resources: a long one is cut and hashed in one environment and stands whole in another."""
    return re.sub(r"[A-Za-z0-9-]*(<environment>|<name>)[A-Za-z0-9-]*", "<name>", value)


def _where_they_part(one: str, other: str) -> tuple[str, str]:
    """Two long values from a little before they begin to differ."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, same - 30)
    lead = "..." if start else ""
    return lead + one[start : start + 80], lead + other[start : start + 80]


def _resource_arithmetic(name: str, one: str, other: str) -> bool:
    """Both are zones or addresses: networks of two environments must not overlap."""
    address = re.compile(r'"?\d+\.\d+\.\d+\.\d+(/\d+)?"?')
    return bool(address.fullmatch(one) and address.fullmatch(other)) or name in ("cidr", "zones")


def _root(facts: Facts, environment: Environment) -> dict[str, tuple[str, int, str, str]]:
    """Everything that an environment's root says: place → file, line, attribute, value."""
    found: dict[str, tuple[str, int, str, str]] = {}
    for path, block in facts.terraform.items():
        where = folder(path)
        if where.rpartition("/")[2] == environment.name and where in facts.terraform_roots:
            for place, name, value, line in _attributes(block, environment):
                found[place] = (path, line, name, value)
    return found


def overlays_differ(facts: Facts) -> Iterator[Hit]:
    """Overlays that take other parts, or change something other than a size or a name."""
    for staging, production in _pairs(facts):
        ours, theirs = _overlay(facts, staging), _overlay(facts, production)
        if not ours or not theirs:
            continue
        same_shape = (staging.domain is None, staging.cloud) == (production.domain is None, production.cloud)
        for here, there, name in ((theirs, ours, staging.name), (ours, theirs, production.name)):
            for place in sorted(here.keys() - there.keys()):
                file, line, _ = here[place]
                if not _MANIFEST_SIZE.search(place):
                    yield Hit(f"{name} has no {place}", file, line, severity=None if same_shape else "warning")
        for place in sorted(ours.keys() & theirs.keys()):
            file, line, value = ours[place]
            if value != theirs[place][2] and not _MANIFEST_SIZE.search(place):
                yield Hit(
                    f"{place} is {value[:80]} in {staging.name} and {theirs[place][2][:80]} in {production.name}",
                    file,
                    line,
                )


def _overlay(facts: Facts, environment: Environment) -> dict[str, tuple[str, int, str]]:
    """Everything that an overlay says, its patches by what they change: place → file, line, value."""
    found: dict[str, tuple[str, int, str]] = {}
    for artifact in facts.bundle:
        parts = artifact.path.split("/")
        if (
            len(parts) < 3
            or parts[-3:-1] != ["overlays", environment.name]
            or not artifact.path.endswith((".yaml", ".yml"))
        ):
            continue
        try:
            read = documents(artifact.content)
        except Malformed:
            continue
        for document in read:
            for place, path, value in _leaves(document, environment):
                found[f"{parts[-1]}: {place}"] = (artifact.path, document.line(*path), value)
    return found


def _leaves(document: Located, environment: Environment) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    data = document.data
    if not isinstance(data, dict):
        return
    if data.get("kind") == "Kustomization":
        for key in ("resources", "components"):
            for index, row in enumerate(data.get(key) or ()):
                yield f"{key}.{_plain(str(row), environment)}", (key, index), ""
        for index, row in enumerate(data.get("patches") or ()):
            yield from _patched(index, row, environment)
        rest = {key: value for key, value in data.items() if key not in ("resources", "components", "patches")}
        yield from _flat(rest, environment, (), "")
        return
    meta = data.get("metadata") if isinstance(data.get("metadata"), dict) else {}
    name = _plain(str((meta or {}).get("name", "")), environment)
    yield from _flat(data, environment, (), f"{data.get('kind', '')} {name} ")


def _patched(index: int, row: Any, environment: Environment) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    text = row.get("patch") if isinstance(row, dict) else None
    if not isinstance(text, str):
        yield f"patches.{index}", ("patches", index), _plain(str(row), environment)
        return
    try:
        read = documents(text)
    except Malformed:
        return
    for document in read:
        if isinstance(document.data, list):  # JSON patch: its paths are what it changes
            for change in document.data:
                place = str(change.get("path", "")).strip("/").replace("/", ".") if isinstance(change, dict) else ""
                yield f"patch {place}", ("patches", index), _plain(str(change), environment)
        elif isinstance(document.data, dict):
            inner = {
                key: value for key, value in document.data.items() if key not in ("apiVersion", "kind", "metadata")
            }
            meta = document.data.get("metadata")
            name = meta.get("name", "") if isinstance(meta, dict) else ""
            for place, _, value in _flat(inner, environment, (), f"patch of {document.data.get('kind', '')} {name} "):
                if re.search(r"\.\d+\.name$", place):
                    continue  # it says which item of a list is patched
                yield place, ("patches", index), value


def _flat(
    value: Any, environment: Environment, path: tuple[str | int, ...], prefix: str
) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, environment, (*path, str(key)), prefix)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, environment, (*path, index), prefix)
    else:
        yield prefix + ".".join(str(step) for step in path), path, _plain(str(value), environment)


def spec_differs(facts: Facts) -> Iterator[Hit]:
    """Staging on another cloud, or with variables that production has not."""
    for staging, production in _pairs(facts):
        index = facts.spec.environments.index(staging)
        if staging.cloud != production.cloud:
            yield Hit(
                f"{staging.name} is on {staging.cloud} and {production.name} on {production.cloud}",
                *facts.spec_place("environments", index, "cloud"),
            )
        for service in facts.spec.services:
            ours, theirs = (
                {item.name for item in facts.spec.in_environment(service, place).env} for place in (staging, production)
            )
            for name in sorted(ours ^ theirs):
                lacking = production.name if name in ours else staging.name
                yield Hit(
                    f"{service.name} has the variable {name} in one and not in {lacking}",
                    *facts.spec_place("environments", index, "overrides"),
                )


RULES = (
    Rule(
        "HUG-P2a", "Roots and templates differ in size only", SOURCE,
        "What staging has not, staging cannot test.",
        "make the same things with the same inputs; let sizes and names differ",
        lambda facts: (*roots_differ(facts), *stacks_differ(facts)),
    ),
    Rule(
        "HUG-P2b", "Overlays differ in size only", SOURCE,
        "A patch that only one environment has is code that only one environment runs.",
        "put it into the base, or into both overlays", overlays_differ,
    ),
    Rule(
        "HUG-P2c", "Environments are of one kind", SOURCE,
        "Another cloud, or a variable that only one of them has, is a difference that a test in staging cannot see.",
        "put both on the same platform, and give every variable a value in both", spec_differs, severity="warning",
    ),
)  # fmt: skip
