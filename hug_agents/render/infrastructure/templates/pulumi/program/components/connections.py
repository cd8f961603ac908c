"""What every program is told of its dependencies. Secrets are ARNs here, never values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.policies import Statement

QUEUE_ACTIONS = (
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How programs reach one dependency, or all of them."""

    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_arns: Sequence[pulumi.Input[str]] = ()
    statements: Sequence[Statement] = ()


def together(connections: Iterable[Connection]) -> Connection:
    """All of them as one."""
    environment: dict[str, pulumi.Input[str]] = {}
    secrets: dict[str, pulumi.Input[str]] = {}
    arns: list[pulumi.Input[str]] = []
    statements: list[Statement] = []
    for item in connections:
        environment |= item.environment
        secrets |= item.secrets
        arns += item.secret_arns
        statements += item.statements
    return Connection(environment=environment, secrets=secrets, secret_arns=arns, statements=statements)


def sql(
    stem: str,
    host: pulumi.Input[str],
    port: pulumi.Input[int],
    database: pulumi.Input[str],
    secret_arn: pulumi.Input[str],
) -> Connection:
    """A database whose secret holds JSON with the keys username and password."""
    return Connection(
        environment={
            f"{stem}_HOST": host,
            f"{stem}_PORT": pulumi.Output.from_input(port).apply(str),
            f"{stem}_NAME": database,
        },
        secrets={
            f"{stem}_USER": pulumi.Output.concat(secret_arn, ":username::"),
            f"{stem}_PASSWORD": pulumi.Output.concat(secret_arn, ":password::"),
        },
        secret_arns=[secret_arn],
    )


def redis(stem: str, host: pulumi.Input[str], port: pulumi.Input[int], secret_arn: pulumi.Input[str]) -> Connection:
    """A cache whose secret is its password."""
    return Connection(
        environment={f"{stem}_HOST": host, f"{stem}_PORT": pulumi.Output.from_input(port).apply(str)},
        secrets={f"{stem}_PASSWORD": secret_arn},
        secret_arns=[secret_arn],
    )


def queue(stem: str, url: pulumi.Input[str], arn: pulumi.Input[str], *more: Statement) -> Connection:
    """A queue that programs send to and receive from."""
    use = {"Effect": "Allow", "Action": list(QUEUE_ACTIONS), "Resource": [arn]}
    return Connection(environment={f"{stem}_URL": url}, statements=[use, *more])


def bucket(stem: str, name: pulumi.Input[str], *more: Statement) -> Connection:
    """A bucket whose objects programs read and write."""
    arn = pulumi.Output.concat("arn:aws:s3:::", name)
    return Connection(
        environment={f"{stem}_BUCKET": name},
        statements=[
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": [arn]},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": [pulumi.Output.concat(arn, "/*")],
            },
            *more,
        ],
    )
