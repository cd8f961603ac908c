"""A queue, and one for the messages that could not be handled: someone must look at those."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import connections
from components.policies import document, tls_only


@dataclass(frozen=True, kw_only=True)
class QueueArgs:
    """A message is hidden that long while one worker handles it; longer than handling takes."""

    name: str
    kms_key_arn: pulumi.Input[str]
    alert_topic_arn: pulumi.Input[str]
    visibility_timeout_seconds: int = 60


class Queue(pulumi.ComponentResource):
    """An SQS queue with its dead letters."""

    def __init__(self, name: str, args: QueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Queue", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        self._args = args
        dead = aws.sqs.Queue(
            f"{name}-dead",
            name=f"{args.name}-dead",
            kms_master_key_id=args.kms_key_arn,
            kms_data_key_reuse_period_seconds=300,
            message_retention_seconds=1209600,
            opts=here,
        )
        self._queue = aws.sqs.Queue(
            f"{name}-queue",
            name=args.name,
            kms_master_key_id=args.kms_key_arn,
            kms_data_key_reuse_period_seconds=300,
            message_retention_seconds=345600,
            visibility_timeout_seconds=args.visibility_timeout_seconds,
            receive_wait_time_seconds=20,
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 5}),
            opts=here,
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dead",
            queue_url=dead.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [self._queue.arn]}
            ),
            opts=here,
        )
        for which, queue in (("queue", self._queue), ("dead", dead)):
            aws.sqs.QueuePolicy(
                f"{name}-{which}-tls-only",
                queue_url=queue.url,
                policy=document([tls_only("sqs:*", queue.arn)]),
                opts=here,
            )
        aws.cloudwatch.MetricAlarm(
            f"{name}-dead-letters",
            name=f"{args.name}-dead-letters",
            alarm_description=f"Messages of {args.name} could not be handled.",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": dead.name},
            statistic="Maximum",
            period=300,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=[args.alert_topic_arn],
            ok_actions=[args.alert_topic_arn],
            opts=here,
        )
        self.register_outputs({"url": self._queue.url})

    def connection(self, stem: str) -> connections.Connection:
        """How programs reach it: STEM_URL."""
        return connections.queue(
            stem,
            self._queue.url,
            self._queue.arn,
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": [self._args.kms_key_arn],
            },
        )
