"""What every bucket here has: no public access, one owner, versions, encryption, TLS only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document, tls_only


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """`kms_key_arn` None: S3's own key. `expire_days` None: objects stay."""

    bucket: pulumi.Input[str]
    old_version_days: int
    kms_key_arn: pulumi.Input[str] | None = None
    expire_days: int | None = None
    protect: bool = False
    statements: Sequence[Statement] = field(default_factory=tuple)
    """Further statements of the bucket's policy; `Resource` is a suffix of its ARN."""


class PrivateBucket(pulumi.ComponentResource):
    """A bucket that only its users can read."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    policy: aws.s3.BucketPolicy

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:PrivateBucket", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket,
            force_destroy=False,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        access = aws.s3.BucketPublicAccessBlock(
            f"{name}-closed",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=here,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-owner",
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=here,
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versions",
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=here,
        )
        own_key = args.kms_key_arn is None
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    bucket_key_enabled=None if own_key else True,
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256" if own_key else "aws:kms",
                        kms_master_key_id=args.kms_key_arn,
                    ),
                )
            ],
            opts=here,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=None
                    if args.expire_days is None
                    else aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expire_days),
                    noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=args.old_version_days
                    ),
                    abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=7
                    ),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        everything = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
        self.policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=document(
                [
                    *(
                        {**statement, "Resource": pulumi.Output.concat(bucket.arn, statement["Resource"])}
                        for statement in args.statements
                    ),
                    tls_only("s3:*", everything),
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access]),
        )
        self.name = bucket.id
        self.arn = bucket.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
