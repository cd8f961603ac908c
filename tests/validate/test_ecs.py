"""ECS documents that Amazon's description of the API refuses are findings; those of a rendered program are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.validate.ecs import against, wrong
from tests.examples import ecs_canary, pulumi
from tests.validate.conftest import run_one

pytest.importorskip("botocore", reason="botocore, install with pip install 'hug-agents[aws]'")


def test_what_a_rendered_program_registers_is_what_the_api_takes() -> None:
    blueprint = plan(pulumi(ecs_canary()))
    result = run_one("ecs model", render(blueprint), blueprint)
    assert (result.status, result.findings) == ("passed", ())
    assert result.version


def resources(container: dict[str, Any], **service: Any) -> list[dict[str, Any]]:
    """A task definition and a service, as Pulumi's mocks see them."""
    task = {
        "family": "api",
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": json.dumps([{"name": "api", "image": "a@sha256:0", "essential": True, **container}]),
    }
    inputs = {"name": "api", "cluster": "c", "taskDefinition": "arn", "desiredCount": 2.0, **service}
    return [
        {"type": "aws:ecs/taskDefinition:TaskDefinition", "name": "t", "inputs": task, "file": "task.py", "line": 1},
        {"type": "aws:ecs/service:Service", "name": "s", "inputs": inputs, "file": "service.py", "line": 2},
    ]


@pytest.mark.parametrize(
    ("container", "service", "said"),
    [
        (
            {"readOnlyRootFilesystem": True},
            {},
            'Unknown parameter in containerDefinitions[0]: "readOnlyRootFilesystem"',
        ),
        (
            {"environment": [{"name": "A", "value": 1}]},
            {},
            "Invalid type for parameter containerDefinitions[0].environment",
        ),
        (
            {"secrets": [{"name": "A"}]},
            {},
            'Missing required parameter in containerDefinitions[0].secrets[0]: "valueFrom"',
        ),
        ({"logConfiguration": {"logDriver": "awslog"}}, {}, "logConfiguration.logDriver is 'awslog', and not one of"),
        ({}, {"launchType": "FARGET"}, "launchType is 'FARGET', and not one of EC2, FARGATE"),
        ({}, {"alarms": {"enable": True, "rollback": True, "alarmNames": ["no"]}}, "there is none of that name"),
        (
            {"portMappings": [{"containerPort": 80}]},
            {"loadBalancers": [{"targetGroupArn": "arn", "containerName": "api", "containerPort": 8080.0}]},
            "no container api has the port 8080",
        ),
        ({}, {"networkConfiguration": {"subnets": "s-1"}}, "Invalid type for parameter networkConfiguration"),
    ],
)
def test_what_the_api_would_refuse_is_found(container: dict[str, Any], service: dict[str, Any], said: str) -> None:
    ((item, message),) = wrong(resources(container, **service))
    assert said in message
    assert item["file"] == ("service.py" if service else "task.py")


def test_what_is_right_is_not_found() -> None:
    assert list(wrong(resources({}))) == []
    assert list(against("DescribeServices", {"services": ["api"]})) == []
