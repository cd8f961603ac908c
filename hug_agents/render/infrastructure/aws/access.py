"""What the pipeline's role may do in an environment: IAM statements, each no wider than a release needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hug_agents.render.infrastructure.aws.dependencies import MODULES, label
from hug_agents.render.infrastructure.aws.programs import Program
from hug_agents.render.infrastructure.hcl import expression, list_of, object_of
from hug_agents.render.templating import Safe
from hug_agents.spec import DeploymentSpec

READ = {
    # Configuration, never content: no object, message, log line or secret value.
    "acm": ("Describe*", "List*"),
    "application-autoscaling": ("Describe*", "ListTagsForResource"),
    "budgets": ("ViewBudget", "ListTagsForResource"),
    "cloudwatch": ("Describe*", "ListTagsForResource"),
    "ec2": ("Describe*",),
    "ecs": ("Describe*", "List*"),
    "elasticache": ("Describe*", "ListTagsForResource"),
    "elasticloadbalancing": ("Describe*",),
    "iam": ("GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies", "ListInstanceProfilesForRole"),
    "kms": ("DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListAliases", "ListResourceTags"),
    "logs": ("DescribeLogGroups", "ListTagsForResource"),
    "rds": ("Describe*", "ListTagsForResource"),
    "route53": ("Get*", "List*"),
    "s3": ("GetBucket*", "GetEncryptionConfiguration", "GetLifecycleConfiguration", "GetAccelerateConfiguration",
           "GetReplicationConfiguration", "ListBucket"),
    "scheduler": ("Get*", "List*"),
    "secretsmanager": ("DescribeSecret", "GetResourcePolicy"),
    "sns": ("Get*", "List*"),
    "sqs": ("GetQueueAttributes", "GetQueueUrl", "ListQueueTags"),
}  # fmt: skip


def _statement(
    sid: str, actions: list[str], resources: Safe, condition: dict[str, Any] | None = None, *, why: str = ""
) -> Safe:
    pairs: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list_of(actions) if len(actions) > 3 else actions,
        "Resource": resources,
    }
    if condition:
        pairs["Condition"] = object_of(condition)
    statement = object_of(pairs)
    return Safe(statement.replace("{", f"{{\n# {why}", 1)) if why else statement


_NO_RESOURCE = "This call names no resource; AWS accepts nothing but `*` for it."


def _arns(*arns: str) -> Safe:
    quoted = [expression(f'"{arn}"') for arn in arns]
    return quoted[0] if len(quoted) == 1 else list_of(quoted)


def state(key: str) -> Safe:
    """The state of this environment, and its lock."""
    bucket = "arn:aws:s3:::${local.state_bucket}"
    return list_of(
        [
            _statement("ListState", ["s3:ListBucket"], _arns(bucket)),
            _statement("WriteState", ["s3:GetObject", "s3:PutObject"], _arns(f"{bucket}/{key}")),
            _statement(
                "HoldLock", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], _arns(f"{bucket}/{key}.tflock")
            ),
        ]
    )


def read() -> Safe:
    """What a plan reads. Configuration, never content: no object, message, log line or secret value."""
    actions = [f"{service}:{action}" for service, names in READ.items() for action in names]
    why = "Calls that list and describe; most of them take no resource, and AWS accepts nothing but `*` for those."
    return list_of([_statement("ReadConfiguration", actions, _arns("*"), why=why)])


def release(spec: DeploymentSpec, programs: Iterable[Program]) -> Safe:
    """What a release changes: task definitions, services, weights, scaling, schedules and the alarms of slots."""
    programs = tuple(programs)
    here = "${local.region}:${local.account_id}"
    cluster = "${local.name}"
    families = [f"arn:aws:ecs:{here}:task-definition/{item.name}:*" for item in programs]
    alarms = [f"arn:aws:cloudwatch:{here}:alarm:{item.name}-*" for item in programs if item.source == "service"]
    schedules = [f"arn:aws:scheduler:{here}:schedule/default/{item.name}" for item in programs]
    run = [
        f"arn:aws:ecs:{here}:task-definition/{item.name}:*" for item in programs if item.kind in ("job", "migration")
    ]
    statements = [
        _statement("RegisterTasks", ["ecs:RegisterTaskDefinition", "ecs:TagResource"], _arns(*families)),
        _statement(
            "ChangeServices",
            ["ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource"],
            _arns(f"arn:aws:ecs:{here}:service/{cluster}/*"),
        ),
    ]
    if run:
        tasks = f"arn:aws:ecs:{here}:task/{cluster}/*"
        statements += [
            _statement(
                "RunOnce",
                ["ecs:RunTask"],
                _arns(*run),
                {"ArnEquals": {"ecs:cluster": expression("module.cluster.arn")}},
            ),
            _statement("TagRuns", ["ecs:TagResource"], _arns(tasks), {"StringEquals": {"ecs:CreateAction": "RunTask"}}),
        ]
    if any(item.kind == "web" for item in programs):
        rules = [
            f"arn:aws:elasticloadbalancing:{here}:listener-rule/app/{cluster}-{name}/*"
            for name, public in (("pub", True), ("int", False))
            if any(service.public is public for service in spec.web_services)
        ]
        statements.append(_statement("ShiftTraffic", ["elasticloadbalancing:ModifyRule"], _arns(*rules)))
    if alarms:
        statements += [
            _statement(
                "ChangeScaling",
                [
                    "application-autoscaling:RegisterScalableTarget",
                    "application-autoscaling:DeregisterScalableTarget",
                    "application-autoscaling:PutScalingPolicy",
                    "application-autoscaling:DeleteScalingPolicy",
                    "application-autoscaling:TagResource",
                ],
                _arns(f"arn:aws:application-autoscaling:{here}:scalable-target/*"),
                {"StringEqualsIfExists": {"application-autoscaling:service-namespace": "ecs"}},
            ),
            _statement(
                "WatchSlots",
                ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"],
                _arns(*alarms),
            ),
        ]
    if any(item.kind == "scheduled" for item in programs):
        statements.append(
            _statement(
                "ChangeSchedules",
                ["scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule"],
                _arns(*schedules),
            )
        )
    roles = [f"module.{item.module}.role_arns" for item in programs]
    roles += [f"[module.{item.module}.schedule_role_arn]" for item in programs if item.kind == "scheduled"]
    statements.append(
        _statement(
            "PassRoles",
            ["iam:PassRole"],
            expression(f"concat(\n{''.join(f'{role},{chr(10)}' for role in roles)})"),
            {"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com", "scheduler.amazonaws.com"]}},
        )
    )
    return list_of(statements)


def cache_passwords(spec: DeploymentSpec) -> Safe | None:
    """ElastiCache takes its password from the configuration, so a plan reads that one secret."""
    caches = [item for item in spec.dependencies if item.kind == "redis" and item.managed]
    if not caches:
        return None
    arns = list_of(expression(f"module.{MODULES[item.kind]}_{label(item.name)}.secret_arn") for item in caches)
    return list_of(
        [
            _statement("ReadCachePasswords", ["secretsmanager:GetSecretValue"], arns),
            _statement("DecryptCachePasswords", ["kms:Decrypt"], list_of([expression("module.encryption.key_arn")])),
        ]
    )


def build() -> Safe:
    """Push images to the registry, and nothing else."""
    return list_of(
        [
            _statement("LogIn", ["ecr:GetAuthorizationToken"], _arns("*"), why=_NO_RESOURCE),
            _statement(
                "Push",
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:CompleteLayerUpload",
                    "ecr:DescribeImages",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                expression("module.registry.repository_arns"),
            ),
        ]
    )
