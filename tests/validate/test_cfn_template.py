"""Templates as the rules read them: either form of a function, lines also inside a policy that is one text."""

from __future__ import annotations

import pytest

from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.validate.cfn_template import read
from hug_agents.validate.located import Malformed
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit
from hug_agents.validate.policy.stacks import RULES
from tests.examples import ALL

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Fn::Sub: |
          {
            "Version": "2012-10-17",
            "Statement": [{
              "Effect": "Allow",
              "Principal": {"Federated": "arn:aws:iam::${AWS::AccountId}:oidc-provider/${Host}"},
              "Action": "sts:AssumeRoleWithWebIdentity",
              "Condition": {
                "StringEquals": {"${Host}:aud": "x"},
                "StringLike": {
                  "${Host}:sub": "project_path:*"
                }
              }
            }]
          }
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: a
          Image: {"Fn::If": [Live, {"Ref": Image}, "acme/a:1"]}
          Privileged: !If [Live, !Ref AWS::NoValue, true]
        - Fn::If:
            - Live
            - Name: b
              User: "0:0"
            - Ref: AWS::NoValue
"""


def hits(text: str) -> list[tuple[str, Hit]]:
    blueprint = plan(ALL["minimal"]())
    bundle = Bundle("x", [Artifact(path="stacks/x.yaml", content=text, system="x")])
    facts = Facts(bundle, blueprint)
    return [(rule.id, hit) for rule in RULES for hit in rule.check(facts)]


def test_both_forms_of_functions_are_read_at_their_lines() -> None:
    resources, _ = read("t.yaml", TEMPLATE)
    task = next(item for item in resources if item.name == "Task")
    found = task.get("ContainerDefinitions")
    assert found is not None
    containers = list(found.rows())
    assert [item.get("Name").text for item in containers] == ["a", "b"]  # type: ignore[union-attr]
    image = containers[0].get("Image")
    assert image is not None and [(item.text, item.line) for item in image.choices()] == [("", 27), ("acme/a:1", 27)]


def test_what_is_wrong_in_either_form_is_found_at_its_line() -> None:
    rows = TEMPLATE.splitlines()
    found = {(rule, rows[hit.line - 1].strip()) for rule, hit in hits(TEMPLATE)}
    assert ("HUG-S2", '"${Host}:sub": "project_path:*"') in found
    assert ("HUG-S5", "Privileged: !If [Live, !Ref AWS::NoValue, true]") in found
    assert ("HUG-S5", 'User: "0:0"') in found
    assert all(
        hit.file == "stacks/x.yaml" and ("Role" in hit.message or "Task" in hit.message) for _, hit in hits(TEMPLATE)
    )


@pytest.mark.parametrize("ci", ["gitlab_ci", "circleci", "jenkins"])
def test_a_wildcard_in_a_rendered_trust_is_found(ci: str) -> None:
    spec = ALL["ecs_canary"]()
    blueprint = plan(
        spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": "cloudformation", "ci": ci})})
    )
    path = "infrastructure/cloudformation/environments/production/template.yaml"
    text = next(item.content for item in render(blueprint) if item.path == path)
    line = next(row for row in text.splitlines() if ':sub": "' in row or "/job/drift/" in row)
    changed = text.replace(line, line.replace("/main", "/*").replace(":main", ":*").replace("/drift/", "/*/"))
    assert hits(text) == [] and changed != text
    [(rule, hit)] = hits(changed)
    assert rule == "HUG-S2" and "*" in text.splitlines()[hit.line - 1].replace(line, changed.splitlines()[hit.line - 1])


@pytest.mark.parametrize("text", ["a: [", "{", "a: !Ref\n  - : :"])
def test_what_is_no_yaml_is_said(text: str) -> None:
    with pytest.raises(Malformed):
        read("t.yaml", text)


@pytest.mark.parametrize(
    "text", ["", "Resources: x\n", "Resources:\n  A: !Ref B\n", "- 1\n", "Resources:\n  A:\n    Type:\n      - x\n"]
)
def test_what_is_no_template_has_nothing(text: str) -> None:
    assert hits("AWSTemplateFormatVersion: x\n" + text if text.startswith("R") else text) == []
