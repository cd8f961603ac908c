"""The stack of the image registry, which every environment shares: an image is built once and promoted by its digest."""

from __future__ import annotations

import json
from typing import Any

from hug_agents.render.infrastructure.aws.roots import registry_home
from hug_agents.render.infrastructure.aws.trust import BUILD, trust
from hug_agents.render.infrastructure.cfn.access import role, settings
from hug_agents.render.infrastructure.cfn.foundation import allow
from hug_agents.render.infrastructure.cfn.template import Template, att, logical, resource, sub
from hug_agents.render.naming import image_path, short
from hug_agents.spec import DeploymentSpec

_KEEP_IMAGES = 200


def registry(spec: DeploymentSpec) -> Template:
    """The template."""
    home = registry_home(spec)
    readers = sorted({item.account for item in spec.environments if item.account and item.account != home.account})
    built = [item for item in spec.services if item.image is None]
    template = Template(f"Images of {spec.application}, one registry for all environments")
    found = {f"Repository{logical(item.name)}": _repository(image_path(spec, item), readers) for item in built}
    template.add(
        "What was tested in one environment is, byte for byte, what runs in the next. Tags cannot be changed; images are scanned.",
        found,
    )
    for item in built:
        name = f"Repository{logical(item.name)}"
        template.output(name, f"Where images of {item.name} are pushed.", att(name, "RepositoryUri"))
    if trust(spec):
        settings(template, spec)
        actions = (
            "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload DescribeImages GetDownloadUrlForLayer "
            "InitiateLayerUpload PutImage UploadLayerPart"
        ).split()
        push = [
            # This call names no resource; AWS accepts nothing but `*` for it.
            allow("ecr:GetAuthorizationToken", "*", sid="LogIn"),
            allow([f"ecr:{action}" for action in actions], [att(name, "Arn") for name in found], sid="Push"),
        ]
        name = short(spec.application, "build", limit=64)
        template.add(
            "The build pushes images and can do nothing else. Only the default branch gets this role.",
            {"BuildRole": role(spec, BUILD, name, {"push": push})},
        )
        template.output("BuildRoleArn", "The role that the build assumes.", att("BuildRole", "Arn"))
    return template


def _repository(path: str, readers: list[str]) -> dict[str, Any]:
    def rule(priority: int, said: str, selection: dict[str, Any]) -> dict[str, Any]:
        return {"rulePriority": priority, "description": said, "selection": selection, "action": {"type": "expire"}}

    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
    enough = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEEP_IMAGES}
    rules = [
        rule(1, "Untagged images: nothing refers to them", untagged),
        rule(2, "Keep enough releases to go back to", enough),
    ]
    return resource(
        "AWS::ECR::Repository",
        {
            "RepositoryName": path,
            "ImageTagMutability": "IMMUTABLE",
            "ImageScanningConfiguration": {"ScanOnPush": True},
            "EncryptionConfiguration": {"EncryptionType": "KMS"},
            "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": rules}, indent=2)},
            "RepositoryPolicyText": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "EnvironmentsPull",
                        "Effect": "Allow",
                        "Principal": {
                            "AWS": [sub(f"arn:${{AWS::Partition}}:iam::{reader}:root") for reader in readers]
                        },
                        "Action": [
                            "ecr:BatchCheckLayerAvailability",
                            "ecr:BatchGetImage",
                            "ecr:GetDownloadUrlForLayer",
                        ],
                    }
                ],
            }
            if readers
            else None,
        },
        # Running tasks pull their image again when they are replaced.
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )
