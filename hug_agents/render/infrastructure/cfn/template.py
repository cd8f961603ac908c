"""A CloudFormation template: intrinsic functions, sections, and the YAML that people write by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hug_agents.errors import UnsupportedError
from hug_agents.render.templating import yaml_string

MOST_RESOURCES = 500
MOST_PARAMETERS = 200
MOST_OUTPUTS = 200
MOST_BYTES = 1_000_000
"""CloudFormation's quotas of one template."""
_DYNAMIC = "{{resolve:"


@dataclass(frozen=True)
class Function:
    """An intrinsic function in its short form."""

    tag: str
    value: Any


def ref(name: str) -> Function:
    """`!Ref Name`."""
    return Function("Ref", name)


def att(name: str, attribute: str) -> Function:
    """`!GetAtt Name.Attribute`."""
    return Function("GetAtt", f"{name}.{attribute}")


def sub(text: str, **values: Any) -> Function:
    """`!Sub` of a text that we wrote ourselves; text of a spec goes through `plain` first."""
    return Function("Sub", [text, values] if values else text)


def plain(text: str) -> str:
    """Text as data inside a `!Sub`: `${` stands for itself."""
    return text.replace("${", "${!")


def when(condition: str, then: Any, otherwise: Any) -> Function:
    """`!If`."""
    return Function("If", [condition, then, otherwise])


NOTHING = ref("AWS::NoValue")


def holds(name: str) -> Function:
    """`!Condition Name`."""
    return Function("Condition", name)


def both(*conditions: Any) -> Function:
    """`!And`."""
    return Function("And", list(conditions))


def either(*conditions: Any) -> Function:
    """`!Or`."""
    return Function("Or", list(conditions))


def negated(condition: Any) -> Function:
    """`!Not`."""
    return Function("Not", [condition])


def equals(one: Any, other: Any) -> Function:
    """`!Equals`."""
    return Function("Equals", [one, other])


def arn(service: str, rest: str, *, region: str = "${AWS::Region}", account: str = "${AWS::AccountId}") -> Function:
    """An ARN of this account and region; `rest` may hold `${...}`."""
    return sub(f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{rest}")


def logical(*parts: str) -> str:
    """Names as one logical id: `blue-image`, `payments-api` → `BlueImagePaymentsApi`. Different names stay different.

    Only letters and digits are allowed, so a hyphen is told by the capital after it; where no letter follows, six digits of
    the name's hash tell it.
    """
    found = []
    for part in parts:
        words = re.split(r"[^A-Za-z0-9]+", part)
        mark = "" if re.fullmatch(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*", part) else f"X{digest6(part)}"
        found.append("".join(word[:1].upper() + word[1:] for word in words) + mark)
    return "".join(found)


def digest6(text: str) -> str:
    """Six digits of a text's hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:6]


Resource = dict[str, Any]


def resource(type: str, properties: Mapping[str, Any], **attributes: Any) -> Resource:
    """A resource; `attributes` are Condition, DependsOn, DeletionPolicy and the like. What is None is left out."""
    given = {name: value for name, value in attributes.items() if value}
    found = {name: value for name, value in properties.items() if value is not None}
    return {"Type": type, **given, **({"Properties": found} if found else {})}


@dataclass
class Template:
    """One template, section by section; resources in groups, each under a comment."""

    description: str
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    groups: list[tuple[str, dict[str, Resource]]] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, comment: str, resources: Mapping[str, Resource]) -> None:
        """Another group of resources."""
        if resources:
            self.groups.append((comment, dict(resources)))

    def output(self, name: str, description: str, value: Any, condition: str = "") -> None:
        """Another output."""
        given = {"Condition": condition} if condition else {}
        self.outputs[name] = {"Description": description, **given, "Value": value}

    def text(self, where: str) -> str:
        """The file. Raises UnsupportedError for what is too large for one stack, naming `where` it is."""
        names = [name for _, group in self.groups for name in group]
        if len(names) != len(set(names)) or set(names) & self.parameters.keys():
            raise UnsupportedError(
                "two names of the spec make the same logical id", where=where, hint="rename one of the services"
            )
        for what, count, most in (
            ("resources", len(names), MOST_RESOURCES),
            ("parameters", len(self.parameters), MOST_PARAMETERS),
            ("outputs", len(self.outputs), MOST_OUTPUTS),
        ):
            if count > most:
                raise too_large(where, f"{count} {what}, and CloudFormation takes {most}")
        parts = [dump({"AWSTemplateFormatVersion": "2010-09-09", "Description": self.description})]
        for name, section in (("Parameters", self.parameters), ("Conditions", self.conditions)):
            if section:
                parts.append(dump({name: section}))
        parts.append("Resources:\n" + "\n".join(_group(comment, group) for comment, group in self.groups))
        if self.outputs:
            parts.append(dump({"Outputs": self.outputs}))
        text = "\n".join(parts)
        if len(text.encode()) > MOST_BYTES:
            raise too_large(where, f"{len(text.encode())} bytes, and CloudFormation takes {MOST_BYTES}")
        return text


def too_large(where: str, why: str) -> UnsupportedError:
    """One stack cannot hold it."""
    return UnsupportedError(
        f"the stack would have {why}",
        where=where,
        hint="split the application, or choose terraform, which has no such limit",
    )


def data(text: str, where: str) -> str:
    """Text of a spec as a value. Raises UnsupportedError for what CloudFormation would replace by a secret or parameter."""
    if _DYNAMIC in text:
        raise UnsupportedError(
            "CloudFormation reads {{resolve:…}} as a dynamic reference wherever it stands, and nothing escapes it",
            where=where,
            hint="leave these words out, refer to a secret by its name, or choose terraform",
        )
    return text


def _group(comment: str, group: Mapping[str, Resource]) -> str:
    said = "".join(f"  # {line}".rstrip() + "\n" for line in comment.splitlines())
    return said + "\n".join(_indented(dump({name: item})) for name, item in group.items())


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases, items of a list indented, plain words after a tag unquoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def choose_scalar_style(self) -> str:
        event: Any = self.event
        if (
            event.tag
            and event.tag.startswith("!")
            and re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*(::[A-Za-z]+)?", event.value)
        ):
            return ""
        style: str = super().choose_scalar_style()
        return style


def _function(dumper: Any, item: Function) -> Any:
    node = dumper.represent_data(item.value)
    node.tag = f"!{item.tag}"
    if isinstance(node, yaml.SequenceNode) and all(isinstance(part, yaml.ScalarNode) for part in node.value):
        node.flow_style = True
    return node


_Dumper.add_representer(str, yaml_string)
_Dumper.add_representer(Function, _function)


def dump(value: Any) -> str:
    """YAML of plain values and functions, keys in their given order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def listed(items: Iterable[Any]) -> list[Any]:
    """A list without doubles, in order."""
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
