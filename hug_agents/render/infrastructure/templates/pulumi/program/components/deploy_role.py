"""A role for a pipeline on GitHub: by OIDC, no key is stored. The account must know GitHub's OIDC provider (see the README)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document

_ISSUER = "token.actions.githubusercontent.com"
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_SUBJECT = re.compile(r"environment:[A-Za-z0-9-]+|ref:refs/heads/[A-Za-z0-9._/-]+")


@dataclass(frozen=True, kw_only=True)
class DeployRoleArgs:
    """`subject`: which jobs of that repository, `environment:NAME` or `ref:refs/heads/BRANCH`."""

    name: str
    repository: str
    subject: str
    account_id: pulumi.Input[str]
    policies: Mapping[str, Sequence[Statement]]


class DeployRole(pulumi.ComponentResource):
    """What the pipeline may do, by the policy's name."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DeployRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:DeployRole", name, None, opts)
        if not _REPOSITORY.fullmatch(args.repository):
            raise ValueError(f"repository must be owner/name, without a wildcard: {args.repository!r}")
        if not _SUBJECT.fullmatch(args.subject):
            raise ValueError(f"subject must be environment:NAME or ref:refs/heads/BRANCH: {args.subject!r}")
        here = pulumi.ResourceOptions(parent=self)
        provider = pulumi.Output.concat("arn:aws:iam::", args.account_id, f":oidc-provider/{_ISSUER}")
        role = aws.iam.Role(
            f"{name}-role",
            name=args.name,
            max_session_duration=21600,
            assume_role_policy=document(
                [
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": provider},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Condition": {
                            "StringEquals": {
                                f"{_ISSUER}:aud": "sts.amazonaws.com",
                                f"{_ISSUER}:sub": f"repo:{args.repository}:{args.subject}",
                            }
                        },
                    }
                ]
            ),
            opts=here,
        )
        for policy, statements in args.policies.items():
            if statements:
                aws.iam.RolePolicy(
                    f"{name}-{policy}", name=policy, role=role.id, policy=document(statements), opts=here
                )
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})
