"""Where alarms go. A person subscribes by confirming the mail that AWS sends; other receivers subscribe to the topic."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import document


@dataclass(frozen=True, kw_only=True)
class AlertsArgs:
    """Who is written to (empty: nobody), and from which cost on."""

    name: str
    account_id: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    email: str
    monthly_budget_usd: int


class Alerts(pulumi.ComponentResource):
    """The topic of every alarm, and a budget that warns. The budget stops nothing."""

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Alerts", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-topic", name=f"{args.name}-alerts", kms_master_key_id=args.kms_key_arn, opts=here
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=document(
                [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
                        "Action": "sns:Publish",
                        "Resource": topic.arn,
                        "Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}},
                    }
                ]
            ),
            opts=here,
        )
        if args.email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=args.email, opts=here
            )
        aws.budgets.Budget(
            f"{name}-monthly",
            name=f"{args.name}-monthly",
            budget_type="COST",
            limit_amount=str(args.monthly_budget_usd),
            limit_unit="USD",
            time_unit="MONTHLY",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:Stack${args.name}"]),
            ],
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    threshold=threshold,
                    threshold_type="PERCENTAGE",
                    notification_type=kind,
                    subscriber_sns_topic_arns=[topic.arn],
                )
                for threshold, kind in ((80, "ACTUAL"), (100, "FORECASTED"))
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.topic_arn = topic.arn
        self.register_outputs({"topic_arn": self.topic_arn})
