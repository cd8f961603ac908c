"""A role for a pipeline: by OIDC, no key is stored. The account must know the pipeline's OIDC provider (see the README)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document

_ISSUER = re.compile(r"[a-z0-9.-]+(/[A-Za-z0-9_.-]+)*")
_AUDIENCE = re.compile(r"[A-Za-z0-9_.:/-]+")
_SUBJECT = re.compile(r"[A-Za-z0-9_.:/?-]+")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a token must say for its job to get a role."""

    issuer: str
    """The address of the identity provider, without `https://`."""
    audience: str
    subjects: Sequence[str]
    """Any of them."""
    wildcards: bool = False
    """A `?` in a subject stands for exactly one character: of an id that AWS cannot know before."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """What else it must say, where AWS knows the claim of this issuer."""

    def __post_init__(self) -> None:
        texts = [(_ISSUER, self.issuer), (_AUDIENCE, self.audience), *((_SUBJECT, item) for item in self.subjects)]
        for pattern, text in texts:
            if not pattern.fullmatch(text):
                raise ValueError(f"an issuer, audience or subject without a wildcard is needed: {text!r}")
        if not self.subjects:
            raise ValueError("without a subject, any job of the issuer would get the role")

    def condition(self) -> dict[str, dict[str, object]]:
        """The condition of the role's trust policy."""
        exact: dict[str, object] = {f"{self.issuer}:aud": self.audience}
        subjects: dict[str, object] = {f"{self.issuer}:sub": list(self.subjects)}
        if self.wildcards:
            found = {"StringEquals": exact, "StringLike": subjects}
        else:
            found = {"StringEquals": exact | subjects}
        if self.claims:
            found["StringEqualsIfExists"] = {f"{self.issuer}:{claim}": value for claim, value in self.claims.items()}
        return found


@dataclass(frozen=True, kw_only=True)
class DeployRoleArgs:
    """`identity`: whose jobs get the role. `policies`: what it may do, by the policy's name."""

    name: str
    identity: Identity
    account_id: pulumi.Input[str]
    policies: Mapping[str, Sequence[Statement]]


class DeployRole(pulumi.ComponentResource):
    """What the pipeline may do, by the policy's name."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DeployRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:DeployRole", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        provider = pulumi.Output.concat("arn:aws:iam::", args.account_id, f":oidc-provider/{args.identity.issuer}")
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
                        "Condition": args.identity.condition(),
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
