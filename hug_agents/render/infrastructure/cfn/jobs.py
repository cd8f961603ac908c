"""Programs that end: with a schedule EventBridge starts them, without one the deploy script does, once a release."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.aws.schedule import eventbridge
from hug_agents.render.infrastructure.cfn.alarms import simple_alarm
from hug_agents.render.infrastructure.cfn.dependencies import Told
from hug_agents.render.infrastructure.cfn.foundation import KEY, allow, policy, trust
from hug_agents.render.infrastructure.cfn.network import PRIVATE
from hug_agents.render.infrastructure.cfn.programs import Program, task
from hug_agents.render.infrastructure.cfn.release import image, released
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import Template, arn, att, logical, ref, resource, sub


def job(template: Template, scope: Scope, program: Program, told: Told) -> None:
    """Add a job or a migration."""
    slot = "next" if program.kind == "migration" else "main"
    condition = released(program.stem, slot)
    plain = logical(program.service.name)
    definition = f"JobTask{program.stem}"
    found = {definition: task(scope, program, told, image(plain, slot), "job", condition)}
    if program.kind == "scheduled":
        template.add(
            f"{program.service.name}: started by its schedule, in UTC.",
            found | _schedule(program, definition, condition),
        )
        return
    before = program.kind == "migration"
    template.add(
        f"{program.service.name}: run by deploy/deploy.sh "
        + ("before the new version starts, from that version's image." if before else "once a release."),
        found,
    )
    text = f'{{"service": "{program.service.name}", "task_definition": "${{{definition}}}", "security_group": "${{Group}}"}}'
    template.output(
        f"{'Migration' if before else 'Job'}{plain}",
        "What is run before the new version starts." if before else "What is run once a release.",
        sub(text, Group=att(f"Tasks{program.stem}", "GroupId")),
        condition,
    )


def _schedule(program: Program, definition: str, condition: str) -> dict[str, Any]:
    name, stem, service = program.name, program.stem, program.service
    run_task = {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    return {
        f"Missed{stem}": resource(
            "AWS::SQS::Queue",
            # Runs that could not be started wait here, and wake a person.
            {"QueueName": f"{name}-missed", "SqsManagedSseEnabled": True, "MessageRetentionPeriod": 1209600},
        ),
        f"MissedAlarm{stem}": simple_alarm(
            f"{name}-missed",
            f"A run of {name} could not be started.",
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
            {"QueueName": att(f"Missed{stem}", "QueueName")},
            ("GreaterThanThreshold", 0),
        ),
        f"ScheduleRole{stem}": resource(
            "AWS::IAM::Role",
            {
                "RoleName": f"{name}-schedule",
                "AssumeRolePolicyDocument": trust("scheduler.amazonaws.com"),
                "Policies": [
                    {
                        "PolicyName": "run-task",
                        "PolicyDocument": policy(
                            allow(
                                "ecs:RunTask",
                                arn("ecs", f"task-definition/{name}:*"),
                                {"ArnEquals": {"ecs:cluster": att("Cluster", "Arn")}},
                            ),
                            allow(
                                "iam:PassRole",
                                [program.role("Execution"), program.role("Task")],
                                {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                            ),
                            # `PropagateTags` tags the task that it starts.
                            allow("ecs:TagResource", arn("ecs", "task/${Cluster}/*"), run_task),
                            allow("sqs:SendMessage", att(f"Missed{stem}", "Arn")),
                            allow("kms:Decrypt", KEY),
                        ),
                    }
                ],
            },
        ),
        f"Schedule{stem}": resource(
            "AWS::Scheduler::Schedule",
            {
                "Name": name,
                "ScheduleExpression": eventbridge(service.schedule or ""),
                "ScheduleExpressionTimezone": "UTC",
                "KmsKeyArn": KEY,
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": att("Cluster", "Arn"),
                    "RoleArn": att(f"ScheduleRole{stem}", "Arn"),
                    "EcsParameters": {
                        "TaskDefinitionArn": ref(definition),
                        "TaskCount": service.replicas,
                        "LaunchType": "FARGATE",
                        "PlatformVersion": "1.4.0",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                            "AwsvpcConfiguration": {
                                "AssignPublicIp": "DISABLED",
                                "SecurityGroups": [att(f"Tasks{stem}", "GroupId")],
                                "Subnets": PRIVATE,
                            }
                        },
                    },
                    "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3},
                    "DeadLetterConfig": {"Arn": att(f"Missed{stem}", "Arn")},
                },
            },
            Condition=condition,
        ),
    }
