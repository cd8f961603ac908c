"""What the pipeline's roles may do: assumed by OIDC, and no wider than a release needs.

A release changes resources through CloudFormation only: the role's own hands are tied by `aws:CalledVia`.
"""

from __future__ import annotations

import json
from typing import Any

from hug_agents.render.infrastructure.aws.access import READ
from hug_agents.render.infrastructure.aws.trust import said, spelled, trust
from hug_agents.render.infrastructure.cfn.foundation import allow, policy
from hug_agents.render.infrastructure.cfn.programs import Program
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import Template, arn, att, resource, sub
from hug_agents.render.naming import short, template_bucket
from hug_agents.spec import DeploymentSpec

_VIA = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}}


def settings(template: Template, spec: DeploymentSpec) -> None:
    """The parameters that say whose pipeline may deploy."""
    found = trust(spec)
    for item in found.settings if found else ():
        template.parameters[item.pascal] = {
            "Type": "String",
            **({"Default": item.default} if item.default else {}),
            "AllowedPattern": f"^{item.pattern}$",
            "ConstraintDescription": f"{item.form}, without a wildcard",
            "Description": item.description,
        }


def role(spec: DeploymentSpec, place: str, name: str, policies: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The role for the jobs of a place: an environment, or the build."""
    return resource(
        "AWS::IAM::Role",
        {
            "RoleName": name,
            "MaxSessionDuration": 21600,
            "AssumeRolePolicyDocument": _trusted(spec, place),
            "Policies": [
                {"PolicyName": name, "PolicyDocument": policy(*statements)} for name, statements in policies.items()
            ],
        },
    )


def _trusted(spec: DeploymentSpec, place: str) -> Any:
    found = trust(spec)
    assert found is not None, "asked for where there is a pipeline only"
    token = found.tokens[place]
    known = {item.name: f"${{{item.pascal}}}" for item in found.settings}
    issuer = spelled(token.issuer, known)
    # In an issuer with a parameter, the names of the conditions hold it too, and those no function can say: the whole document
    # is then one text, which IAM takes as well.
    text = str if "${" in issuer else _value
    subjects = [text(spelled(item, known)) for item in token.subjects]
    condition: dict[str, dict[str, Any]] = {
        "StringEquals": {f"{issuer}:aud": text(spelled(token.audience, known))},
    }
    condition.setdefault("StringLike" if token.like else "StringEquals", {})[f"{issuer}:sub"] = (
        subjects if len(subjects) > 1 else subjects[0]
    )
    if token.claims:
        condition["StringEqualsIfExists"] = {f"{issuer}:{claim}": value for claim, value in token.claims}
    document = policy(
        {
            "Effect": "Allow",
            "Principal": {
                "Federated": text(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{issuer}")
            },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
    )
    return sub(json.dumps(document, indent=2)) if text is str else document


def _value(text: str) -> Any:
    return sub(text) if "${" in text else text


def deploy_role(template: Template, scope: Scope, programs: tuple[Program, ...]) -> None:
    """Add the role of the pipeline in this environment, where one is written for its CI system."""
    found = trust(scope.spec)
    if found is None:
        return
    settings(template, scope.spec)
    policies = {
        "stack": _stack(scope),
        "read": [
            allow(
                [f"{service}:{name}" for service, names in READ.items() for name in names], "*", sid="ReadConfiguration"
            )
        ],
        "release": _release(scope, programs),
    }
    name = short(scope.name, "deploy", limit=64)
    template.add(
        f"The role of the pipeline. {said(scope.spec, scope.environment)}, and\n{found.approvals}\n"
        "It can release, through CloudFormation; network, data, roles and keys are changed by a person with the account's\n"
        "administrator role.",
        {"DeployRole": role(scope.spec, scope.environment.name, name, policies)},
    )
    template.output("DeployRoleArn", found.role_variable, att("DeployRole", "Arn"))


def _stack(scope: Scope) -> list[dict[str, Any]]:
    """Change sets of this stack alone, its drift, and the templates that they are made from."""
    actions = (
        "ContinueUpdateRollback CreateChangeSet DeleteChangeSet DescribeChangeSet DescribeStackEvents "
        "DescribeStackResourceDrifts DescribeStackResources DescribeStacks DetectStackDrift DetectStackResourceDrift "
        "ExecuteChangeSet GetTemplate GetTemplateSummary ListStackResources"
    ).split()
    bucket = template_bucket(scope.spec)
    return [
        allow(
            [f"cloudformation:{action}" for action in actions],
            arn("cloudformation", f"stack/{scope.name}/*"),
            sid="ChangeTheStack",
        ),
        # These calls name no resource; AWS accepts nothing but `*` for them.
        allow(
            ["cloudformation:DescribeStackDriftDetectionStatus", "cloudformation:ValidateTemplate"],
            "*",
            sid="AskAboutIt",
        ),
        allow(
            ["s3:GetObject", "s3:PutObject"],
            sub(f"arn:${{AWS::Partition}}:s3:::{bucket}-${{AWS::AccountId}}/{scope.name}/*"),
            sid="KeepTemplates",
        ),
    ]


def _release(scope: Scope, programs: tuple[Program, ...]) -> list[dict[str, Any]]:
    names = [item.name for item in programs]
    services = [item for item in programs if item.kind in ("web", "worker")]
    once = [item.name for item in programs if item.kind in ("job", "migration")]
    scheduled = [item for item in programs if item.kind == "scheduled"]
    families = [arn("ecs", f"task-definition/{name}:*") for name in names]
    run_task = {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    found = [
        allow(
            ["ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:TagResource"],
            families,
            _VIA,
            sid="RegisterTasks",
        ),
        allow(
            ["ssm:PutParameter", "ssm:AddTagsToResource", "ssm:GetParameters"],
            arn("ssm", f"parameter/{scope.spec.application}/{scope.environment.name}/release"),
            _VIA,
            sid="RecordTheRelease",
        ),
    ]
    if services:
        found += [
            allow(
                [f"ecs:{action}" for action in ("CreateService", "UpdateService", "DeleteService", "TagResource", "UntagResource")],
                arn("ecs", f"service/{scope.name}/*"),
                _VIA,
                sid="ChangeServices",
            ),
            allow(
                [
                    f"application-autoscaling:{action}"
                    for action in (
                        "RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy",
                        "TagResource",
                    )
                ],
                arn("application-autoscaling", "scalable-target/*"),
                {**_VIA, "StringEqualsIfExists": {"application-autoscaling:service-namespace": "ecs"}},
                sid="ChangeScaling",
            ),
            allow(
                ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"],
                [arn("cloudwatch", f"alarm:{item.name}-*") for item in services],
                _VIA,
                sid="WatchSlots",
            ),
        ]  # fmt: skip
    sides = {("pub" if item.public else "int") for item in scope.spec.web_services}
    if sides:
        rules = [arn("elasticloadbalancing", f"listener-rule/app/{scope.name}-{side}/*") for side in sorted(sides)]
        found.append(allow("elasticloadbalancing:ModifyRule", rules, _VIA, sid="ShiftTraffic"))
    if scheduled:
        found.append(
            allow(
                ["scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule"],
                [arn("scheduler", f"schedule/default/{item.name}") for item in scheduled],
                _VIA,
                sid="ChangeSchedules",
            )
        )
    if once:
        inside = {"ArnEquals": {"ecs:cluster": att("Cluster", "Arn")}}
        found += [
            allow("ecs:RunTask", [arn("ecs", f"task-definition/{name}:*") for name in once], inside, sid="RunOnce"),
            allow("ecs:TagResource", arn("ecs", "task/${Cluster}/*"), run_task, sid="TagRuns"),
        ]
    passed = {"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com", "scheduler.amazonaws.com"]}}
    roles = [item.role(which) for item in programs for which in ("Execution", "Task")]
    roles += [item.role("Schedule") for item in scheduled]
    found.append(allow("iam:PassRole", roles, passed, sid="PassRoles"))
    return found
