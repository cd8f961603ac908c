"""What a template comes to with its parameters: conditions, functions, outputs. Enough of CloudFormation for ours."""

from __future__ import annotations

import re
from typing import Any

import yaml


class Tag:
    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value


def _construct(loader: Any, name: str, node: Any) -> Tag:
    if isinstance(node, yaml.ScalarNode):
        return Tag(name, loader.construct_scalar(node))
    if isinstance(node, yaml.SequenceNode):
        return Tag(name, loader.construct_sequence(node, deep=True))
    return Tag(name, loader.construct_mapping(node, deep=True))


class Loader(yaml.CSafeLoader): ...


Loader.add_multi_constructor("!", _construct)


class Made:
    """A template with its parameters."""

    def __init__(self, text: str, parameters: dict[str, str]) -> None:
        self.document = yaml.load(text, Loader)
        self.parameters = {
            name: parameters.get(name, str(item.get("Default", "")))
            for name, item in self.document["Parameters"].items()
        }
        self.resources = {
            name: self.value({key: item[key] for key in item if key not in ("Condition", "DependsOn", "Metadata")})
            for name, item in self.document["Resources"].items()
            if self.holds(item.get("Condition"))
        }

    def holds(self, condition: Any) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(self.document["Conditions"][condition])
        if condition.name == "Condition":
            return self.holds(condition.value)
        if condition.name == "Equals":
            return bool(self.value(condition.value[0]) == self.value(condition.value[1]))
        found = [self.holds(item) for item in condition.value]
        return {"And": all, "Or": any, "Not": lambda rows: not rows[0]}[condition.name](found)  # type: ignore[operator]

    def value(self, item: Any) -> Any:
        if isinstance(item, dict):
            return {key: self.value(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [self.value(inner) for inner in item]
        if not isinstance(item, Tag):
            return item
        if item.name == "Ref":
            return self.ref(item.value)
        if item.name == "GetAtt":
            return f"{item.value}"
        if item.name == "If":
            return self.value(item.value[1 if self.holds(item.value[0]) else 2])
        if item.name == "Join":
            return item.value[0].join(self.value(item.value[1]))
        if item.name == "Split":
            return str(self.value(item.value[1])).split(item.value[0])
        if item.name == "Select" and isinstance(rows := self.value(item.value[1]), list):
            return rows[int(item.value[0])]
        if item.name == "Sub":
            text, more = (item.value, {}) if isinstance(item.value, str) else item.value
            return re.sub(
                r"\$\{([^!}][^}]*)\}",
                lambda found: str(self.value(more[found[1]]) if found[1] in more else self.ref(found[1])),
                text,
            )
        return f"{item.name} {self.value(item.value)}"

    def ref(self, name: str) -> str:
        if name in self.parameters:
            return self.parameters[name]
        kind = self.document["Resources"].get(name, {}).get("Type", "")
        if kind == "AWS::ECS::TaskDefinition":
            image = self.value(self.document["Resources"][name]["Properties"]["ContainerDefinitions"][0]["Image"])
            return f"arn:td/{name}/{image[-8:]}"
        return f"<{name}>"

    def outputs(self) -> list[dict[str, str]]:
        rows = self.document["Outputs"].items()
        return [
            {"OutputKey": key, "OutputValue": self.value(item["Value"])}
            for key, item in rows
            if self.holds(item.get("Condition"))
        ]
