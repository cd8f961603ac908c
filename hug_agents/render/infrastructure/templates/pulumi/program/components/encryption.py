"""One customer managed key an environment: whoever may read its data is written in one place."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import document


@dataclass(frozen=True, kw_only=True)
class EncryptionArgs:
    """What the key is called, and where it is."""

    name: str
    account_id: pulumi.Input[str]
    region: pulumi.Input[str]


class Encryption(pulumi.ComponentResource):
    """The key and its alias."""

    key_arn: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Encryption", name, None, opts)
        logs = pulumi.Output.concat("arn:aws:logs:", args.region, ":", args.account_id, ":log-group:*")
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Data of {args.name}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=document(
                [
                    {
                        # Without this nobody could ever change the key again. `*` in a key policy is the key itself.
                        "Sid": "AccountAdministers",
                        "Effect": "Allow",
                        "Principal": {"AWS": pulumi.Output.concat("arn:aws:iam::", args.account_id, ":root")},
                        "Action": "kms:*",
                        "Resource": "*",
                    },
                    {
                        "Sid": "LogsOfThisAccount",
                        "Effect": "Allow",
                        "Principal": {"Service": pulumi.Output.concat("logs.", args.region, ".amazonaws.com")},
                        "Action": [
                            "kms:Encrypt",
                            "kms:Decrypt",
                            "kms:ReEncrypt*",
                            "kms:GenerateDataKey*",
                            "kms:DescribeKey",
                        ],
                        "Resource": "*",
                        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
                    },
                    {
                        "Sid": "AlarmsAndSchedulesOfThisAccount",
                        "Effect": "Allow",
                        "Principal": {
                            "Service": [
                                "cloudwatch.amazonaws.com",
                                "scheduler.amazonaws.com",
                                "budgets.amazonaws.com",
                            ]
                        },
                        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                        "Resource": "*",
                        "Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}},
                    },
                ]
            ),
            # Backups and snapshots cannot be read without it.
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=f"alias/{args.name}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.key_arn = key.arn
        self.register_outputs({"key_arn": self.key_arn})
