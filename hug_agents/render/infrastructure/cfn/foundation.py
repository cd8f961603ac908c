"""The key, the topic of alarms, the budget and the cluster of an environment."""

from __future__ import annotations

from typing import Any

from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import (
    Template,
    arn,
    att,
    equals,
    negated,
    ref,
    resource,
    sub,
)

KEY = att("Key", "Arn")
TOPIC = ref("Alerts")
OURS = {"aws:SourceAccount": ref("AWS::AccountId")}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: Any, resources: Any, condition: dict[str, Any] | None = None, *, sid: str = "") -> dict[str, Any]:
    """A statement that allows."""
    named = {"Sid": sid} if sid else {}
    tail = {"Condition": condition} if condition else {}
    return {**named, "Effect": "Allow", "Action": actions, "Resource": resources, **tail}


def trust(service: str, *, ours: bool = True) -> dict[str, Any]:
    """Who may assume a role: a service of AWS, for this account only."""
    condition = {"Condition": {"StringEquals": OURS}} if ours else {}
    return policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **condition})


def tls_only(service: str, resources: Any) -> dict[str, Any]:
    """A statement that refuses plain HTTP."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": f"{service}:*",
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def foundation(template: Template, scope: Scope) -> None:
    """Add them."""
    name = scope.name
    template.parameters["AlertEmail"] = {
        "Type": "String",
        "Default": "",
        "Description": "Who is written to when an alarm goes off; empty, nobody. Subscribe to the topic in another way.",
    }
    template.parameters["MonthlyBudgetUsd"] = {
        "Type": "Number",
        "Default": 1000 if scope.production else 300,
        "MinValue": 1,
        "Description": "A warning, not a limit. Needs the cost allocation tag Stack to be active in the account.",
    }
    template.conditions["HasAlertEmail"] = negated(equals(ref("AlertEmail"), ""))
    template.add(
        "One customer managed key: whoever may read this environment's data is written in one place.",
        {
            "Key": resource(
                "AWS::KMS::Key",
                {
                    "Description": f"Data of {name}",
                    "EnableKeyRotation": True,
                    "PendingWindowInDays": 30,
                    "KeyPolicy": policy(
                        {
                            # Without it nobody could ever change the key again. `*` in a key policy is the key itself.
                            "Sid": "AccountAdministers",
                            "Effect": "Allow",
                            "Principal": {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
                            "Action": "kms:*",
                            "Resource": "*",
                        },
                        {
                            "Sid": "LogsOfThisAccount",
                            "Effect": "Allow",
                            "Principal": {"Service": sub("logs.${AWS::Region}.amazonaws.com")},
                            "Action": [
                                "kms:Encrypt",
                                "kms:Decrypt",
                                "kms:ReEncrypt*",
                                "kms:GenerateDataKey*",
                                "kms:DescribeKey",
                            ],
                            "Resource": "*",
                            "Condition": {
                                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn("logs", "log-group:*")}
                            },
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
                            "Condition": {"StringEquals": OURS},
                        },
                    ),
                },
                # Backups and snapshots cannot be read without it.
                DeletionPolicy="Retain",
                UpdateReplacePolicy="Retain",
            ),
            "KeyAlias": resource("AWS::KMS::Alias", {"AliasName": f"alias/{name}", "TargetKeyId": ref("Key")}),
        },
    )
    template.add("Where alarms go. Whoever is subscribed by mail confirms it once.", _alerts(name))
    template.add(
        "",
        {
            "Cluster": resource(
                "AWS::ECS::Cluster",
                {
                    "ClusterName": name,
                    "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
                    "CapacityProviders": ["FARGATE"],
                    "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
                },
            )
        },
    )
    template.output("ClusterName", "The ECS cluster.", ref("Cluster"))
    template.output("AlertTopicArn", "Where alarms go.", TOPIC)


def _alerts(name: str) -> dict[str, Any]:
    def warning(kind: str, percent: int) -> dict[str, Any]:
        return {
            "Notification": {
                "ComparisonOperator": "GREATER_THAN",
                "NotificationType": kind,
                "Threshold": percent,
                "ThresholdType": "PERCENTAGE",
            },
            "Subscribers": [{"SubscriptionType": "SNS", "Address": TOPIC}],
        }

    return {
        "Alerts": resource("AWS::SNS::Topic", {"TopicName": f"{name}-alerts", "KmsMasterKeyId": KEY}),
        "AlertsPolicy": resource(
            "AWS::SNS::TopicPolicy",
            {
                "Topics": [TOPIC],
                "PolicyDocument": policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
                        "Action": "sns:Publish",
                        "Resource": TOPIC,
                        "Condition": {"StringEquals": OURS},
                    }
                ),
            },
        ),
        "AlertsByEmail": resource(
            "AWS::SNS::Subscription",
            {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": ref("AlertEmail")},
            Condition="HasAlertEmail",
        ),
        "Budget": resource(
            "AWS::Budgets::Budget",
            {
                "Budget": {
                    "BudgetName": f"{name}-monthly",
                    "BudgetType": "COST",
                    "TimeUnit": "MONTHLY",
                    "BudgetLimit": {"Amount": ref("MonthlyBudgetUsd"), "Unit": "USD"},
                    "CostFilters": {"TagKeyValue": [f"user:Stack${name}"]},
                },
                "NotificationsWithSubscribers": [warning("ACTUAL", 80), warning("FORECASTED", 100)],
            },
            DependsOn="AlertsPolicy",
        ),
    }
