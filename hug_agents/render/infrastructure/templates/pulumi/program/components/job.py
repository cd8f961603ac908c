"""A program that ends. With a schedule EventBridge starts it; without, the deploy script does, once a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.policies import document, trust
from components.task import Task, TaskArgs


@dataclass(frozen=True, kw_only=True)
class JobArgs:
    """`schedule` is `cron(...)` in UTC, or empty; `tasks` is how many a run starts."""

    task: TaskArgs
    schedule: str
    tasks: int
    cluster_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    alert_topic_arn: pulumi.Input[str]


class Job(pulumi.ComponentResource):
    """A job's task, and its schedule if it has one."""

    security_group_id: pulumi.Output[str]
    role_arns: list[pulumi.Output[str]]
    schedule_role_arns: list[pulumi.Output[str]]
    run: dict[str, Any]
    """How it is run by hand: an empty task definition says that none was released yet."""

    def __init__(self, name: str, args: JobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Job", name, None, opts)
        self._name, self._args = name, args
        here = self._here = pulumi.ResourceOptions(parent=self)
        task = Task(f"{name}-task", args.task, here)
        group = aws.ec2.SecurityGroup(
            f"{name}-tasks",
            name=f"{args.task.name}-tasks",
            description=f"Tasks of {args.task.name}",
            vpc_id=args.vpc_id,
            tags={"Name": f"{args.task.name}-tasks"},
            opts=here,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=group.id,
            description="Anywhere; nothing may connect to a job",
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="-1",
            opts=here,
        )
        self.security_group_id = group.id
        self.role_arns = task.role_arns
        self.schedule_role_arns = [self._schedule(task, group)] if args.schedule else []
        self.run = {"task_definition": task.definition_arns.get("job", ""), "security_group": group.id}
        self.register_outputs({"security_group_id": self.security_group_id})

    def _schedule(self, task: Task, group: aws.ec2.SecurityGroup) -> pulumi.Output[str]:
        """The role that EventBridge starts it with."""
        name, args = self._name, self._args
        missed = aws.sqs.Queue(
            f"{name}-missed",
            name=f"{args.task.name}-missed",
            sqs_managed_sse_enabled=True,
            message_retention_seconds=1209600,
            opts=self._here,
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-missed",
            name=f"{args.task.name}-missed",
            alarm_description=f"A run of {args.task.name} could not be started.",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": missed.name},
            statistic="Maximum",
            period=300,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=[args.alert_topic_arn],
            ok_actions=[args.alert_topic_arn],
            opts=self._here,
        )
        role = aws.iam.Role(
            f"{name}-schedule",
            name=f"{args.task.name}-schedule",
            assume_role_policy=trust("scheduler.amazonaws.com", args.task.account_id),
            opts=self._here,
        )
        started = pulumi.Output.from_input(args.cluster_arn).apply(
            lambda arn: arn.replace(":cluster/", ":task/") + "/*"
        )
        policy = aws.iam.RolePolicy(
            f"{name}-run-task",
            name="run-task",
            role=role.id,
            policy=document(
                [
                    {
                        "Effect": "Allow",
                        "Action": "ecs:RunTask",
                        "Resource": task.family_arn,
                        "Condition": {"ArnEquals": {"ecs:cluster": args.cluster_arn}},
                    },
                    {
                        "Effect": "Allow",
                        "Action": "iam:PassRole",
                        "Resource": task.role_arns,
                        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                    },
                    {
                        # `propagate_tags` tags the task that it starts.
                        "Effect": "Allow",
                        "Action": "ecs:TagResource",
                        "Resource": started,
                        "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
                    },
                    {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": missed.arn},
                    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": args.task.kms_key_arn},
                ]
            ),
            opts=self._here,
        )
        if "job" in task.definition_arns:
            aws.scheduler.Schedule(
                f"{name}-schedule",
                name=args.task.name,
                schedule_expression=args.schedule,
                schedule_expression_timezone="UTC",
                kms_key_arn=args.task.kms_key_arn,
                flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
                target=aws.scheduler.ScheduleTargetArgs(
                    arn=args.cluster_arn,
                    role_arn=role.arn,
                    ecs_parameters=aws.scheduler.ScheduleTargetEcsParametersArgs(
                        task_definition_arn=task.definition_arns["job"],
                        task_count=args.tasks,
                        launch_type="FARGATE",
                        platform_version="1.4.0",
                        propagate_tags="TASK_DEFINITION",
                        network_configuration=aws.scheduler.ScheduleTargetEcsParametersNetworkConfigurationArgs(
                            subnets=list(args.subnet_ids), security_groups=[group.id], assign_public_ip=False
                        ),
                    ),
                    retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                    ),
                    dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=missed.arn),
                ),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        return role.arn
