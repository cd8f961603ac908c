"""Small stacks of what moto can make, and a target that puts them there."""

from __future__ import annotations

import json
from pathlib import Path

from hug_agents.adapters.cloudformation.target import CloudFormationTarget
from hug_agents.bundle import Artifact, Bundle
from hug_agents.execute.target import Action, Order, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.store import Store
from tests.examples import ALL

SPEC = ALL["minimal"]()
BLUEPRINT = plan(SPEC)
STAGING, PRODUCTION = SPEC.environments
ACCOUNT = "123456789012"
DIGEST_ONE = "sha256:" + "1a" * 32
DIGEST_TWO = "sha256:" + "2b" * 32

PLAIN = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Word:
    Type: String
    Default: one
Resources:
  Greeting:
    Type: AWS::SSM::Parameter
    Properties: {Name: /hello/greeting, Type: String, Value: GREETING}
Outputs:
  WordSaid:
    Value: !Ref Word
"""
DATABASE = """
  Files:
    Type: AWS::S3::Bucket
    Properties: {BucketName: hello-files}
"""
RELEASED = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  ReleaseId: {Type: String, Default: ""}
  ReleaseStatus:
    Type: String
    Default: none
  Live: {Type: String, Default: blue}
  Next: {Type: String, Default: blue}
  Previous: {Type: String, Default: ""}
  BlueWeight: {Type: String, Default: "100"}
  GreenWeight: {Type: String, Default: "0"}
  BlueRunning: {Type: String, Default: "false"}
  GreenRunning: {Type: String, Default: "false"}
  BlueImageHello: {Type: String, Default: ""}
  GreenImageHello: {Type: String, Default: ""}
  SecretArnKey: {Type: String}
Resources:
  Release:
    Type: AWS::SSM::Parameter
    Properties:
      Name: /hello/staging/release
      Type: String
      Value: !Join
        - " "
        - [!Ref ReleaseId, !Ref ReleaseStatus, !Ref Live, !Ref BlueImageHello, !Ref GreenImageHello, !Ref SecretArnKey]
"""


def template(text: str, *, secrets: dict[str, str] | None = None, **parameters: str) -> Bundle:
    """A bundle with the same template for both environments."""
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}]}
    stack = {"Parameters": parameters, "Tags": {"Application": "hello"}, "StackPolicy": policy}
    files = {"template.yaml": text, "stack.json": json.dumps(stack), "secrets.json": json.dumps(secrets or {})}
    return Bundle(
        SPEC.digest(),
        (
            Artifact(
                path=f"infrastructure/cloudformation/environments/{place.name}/{name}",
                content=content,
                system="cloudformation",
            )
            for place in SPEC.environments
            for name, content in files.items()
        ),
    )


def words(word: str, more: str = "") -> Bundle:
    """PLAIN, greeting otherwise, with more resources."""
    return template(PLAIN.replace("GREETING", word).replace("Outputs:", f"{more.lstrip() and more}Outputs:"))


class Bench:
    """A target, and orders for it."""

    def __init__(self, folder: Path, toml: str = "poll_seconds = 0.05\n") -> None:
        self.folder = folder / "cfn"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "target.toml").write_text(toml)
        self.store = Store(folder / "store")
        self.target = CloudFormationTarget(self.folder, self.store)

    def plan(self, bundle: Bundle, previous: Bundle | None = None) -> SavedPlan:
        return self.target.plan(bundle, BLUEPRINT, STAGING, previous)

    def work(
        self,
        saved: SavedPlan,
        bundle: Bundle,
        action: Action = "deploy",
        previous: Bundle | None = None,
        blueprint: Blueprint = BLUEPRINT,
    ) -> Work:
        order = Order(
            release="r1", environment=saved.environment, action=action, step=1, bundle=saved.bundle, plan=saved.digest()
        )
        return Work(order=order, plan=saved, blueprint=blueprint, bundle=bundle, previous=previous)

    def deploy(self, bundle: Bundle, previous: Bundle | None = None) -> Work:
        """Plan and apply; it must go well."""
        job = self.work(self.plan(bundle, previous), bundle, previous=previous)
        outcome = self.target.apply(job)
        assert outcome.status == "done", outcome.detail
        return job
