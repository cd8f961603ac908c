"""An object store: private, versioned, encrypted, TLS only."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components import connections
from components.private_bucket import PrivateBucket, PrivateBucketArgs


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """The stem of the bucket's name, and how long an overwritten or deleted object can be brought back."""

    name: str
    account_id: pulumi.Input[str]
    old_version_days: int
    kms_key_arn: pulumi.Input[str]


class Bucket(pulumi.ComponentResource):
    """A bucket that programs read and write."""

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Bucket", name, None, opts)
        self._args = args
        self._bucket = PrivateBucket(
            f"{name}-store",
            PrivateBucketArgs(
                # Bucket names are shared by all of AWS; the account makes this one ours.
                bucket=pulumi.Output.concat(f"{args.name}-", args.account_id),
                old_version_days=args.old_version_days,
                kms_key_arn=args.kms_key_arn,
                protect=True,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self._bucket.name})

    def connection(self, stem: str) -> connections.Connection:
        """How programs reach it: STEM_BUCKET."""
        use_key = {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [self._args.kms_key_arn],
        }
        return connections.bucket(stem, self._bucket.name, use_key)
