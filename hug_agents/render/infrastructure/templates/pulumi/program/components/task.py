"""What a program runs as: its log group, its two roles, and one task definition for each image that is wanted.

ECS itself needs the image, the logs and the secrets (execution role); the program needs its queues and buckets (task role).
Neither can do what the other does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document, trust


@dataclass(frozen=True, kw_only=True)
class Agent:
    """What watches a program from beside it. It is not essential: if it fails, the program goes on."""

    container: Mapping[str, Any]
    """As ECS describes it, without its logs."""
    labels: Mapping[str, str]
    """Of the program's container."""
    environment: Mapping[str, str]
    """The program's; a variable that it sets itself wins."""
    secret_arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class TaskArgs:
    """`images`: a task definition for each; the key is the slot (or `job`), the value an image by digest."""

    name: str
    container_name: str
    images: Mapping[str, str]
    cpu: int
    memory: int
    ports: Sequence[int] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, pulumi.Input[str]]
    """Environment variable to the ARN it is read from when a task starts. Never a value."""
    secret_arns: Sequence[pulumi.Input[str]]
    repository_arn: pulumi.Input[str] | None = None
    """The ECR repository that it may pull from."""
    registry_secret_arn: str = ""
    """The secret with the login of a private registry other than ECR."""
    statements: Sequence[Statement] = ()
    """What the program itself may do in AWS."""
    log_group: str
    log_retention_days: int
    kms_key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: pulumi.Input[str]
    agent: Agent | None = None
    """What runs beside the program."""
    readonly_root_filesystem: bool = False
    """Mount the image read-only; true once the program is known to write nowhere."""


class Task(pulumi.ComponentResource):
    """Roles, logs and task definitions of one program."""

    definition_arns: dict[str, pulumi.Output[str]]
    family_arn: pulumi.Output[str]
    """Every revision of the task definition."""
    role_arns: list[pulumi.Output[str]]

    def __init__(self, name: str, args: TaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("app:components:Task", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        self._name, self._args, self._here = name, args, here
        self._logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=args.log_group,
            retention_in_days=args.log_retention_days,
            kms_key_id=args.kms_key_arn,
            opts=here,
        )
        self._execution = aws.iam.Role(
            f"{name}-exec",
            name=f"{args.name}-exec",
            assume_role_policy=trust("ecs-tasks.amazonaws.com", args.account_id),
            opts=here,
        )
        task = aws.iam.Role(
            f"{name}-task",
            name=f"{args.name}-task",
            assume_role_policy=trust("ecs-tasks.amazonaws.com", args.account_id),
            opts=here,
        )
        policies = self._execution_policies()
        if args.statements:
            policies.append(self._policy("use-dependencies", task, args.statements))
        self.role_arns = [self._execution.arn, task.arn]
        self.family_arn = pulumi.Output.concat(
            "arn:aws:ecs:", args.region, ":", args.account_id, f":task-definition/{args.name}:*"
        )
        self.definition_arns = {}
        for key, image in sorted(args.images.items()):
            self.definition_arns[key] = aws.ecs.TaskDefinition(
                f"{name}-{key}",
                family=args.name,
                requires_compatibilities=["FARGATE"],
                network_mode="awsvpc",
                cpu=str(args.cpu),
                memory=str(args.memory),
                execution_role_arn=self._execution.arn,
                task_role_arn=task.arn,
                # Old revisions stay registered: they are what a rollback returns to.
                skip_destroy=True,
                runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                    operating_system_family="LINUX", cpu_architecture="X86_64"
                ),
                container_definitions=pulumi.Output.json_dumps(self._containers(key, image)),
                # A task that starts before its roles may do anything fails.
                opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
            ).arn
        self.register_outputs({"family_arn": self.family_arn})

    def _containers(self, key: str, image: str) -> list[dict[str, Any]]:
        container, agent = self._container(key, image), self._args.agent
        if agent is None:
            return [container]
        # What tells versions apart is the image's digest.
        container["dockerLabels"] = {**agent.labels, "com.datadoghq.tags.version": image.partition("@sha256:")[2]}
        return [container, {**agent.container, "logConfiguration": self._logging(f"{key}-agent")}]

    def _environment(self, image: str) -> Mapping[str, pulumi.Input[str]]:
        args = self._args
        if args.agent is None:
            return args.environment
        given = {**args.agent.environment, "DD_VERSION": image.partition("@sha256:")[2]}
        return {**{name: value for name, value in given.items() if name not in args.secrets}, **args.environment}

    def _logging(self, prefix: str) -> dict[str, Any]:
        return {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": self._logs.name,
                "awslogs-region": self._args.region,
                "awslogs-stream-prefix": prefix,
            },
        }

    def _container(self, key: str, image: str) -> dict[str, Any]:
        args = self._args
        container: dict[str, Any] = {
            "name": args.container_name,
            "image": image,
            "essential": True,
            "readonlyRootFilesystem": args.readonly_root_filesystem,
            # SIGTERM, then this long to finish what was begun.
            "stopTimeout": 30,
            "environment": [{"name": name, "value": value} for name, value in sorted(self._environment(image).items())],
            "secrets": [{"name": name, "valueFrom": source} for name, source in sorted(args.secrets.items())],
            "portMappings": [{"containerPort": port, "hostPort": port, "protocol": "tcp"} for port in args.ports],
            "linuxParameters": {"initProcessEnabled": True},
            "logConfiguration": self._logging(key),
        }
        if args.command:
            container["command"] = list(args.command)
        if args.registry_secret_arn:
            container["repositoryCredentials"] = {"credentialsParameter": args.registry_secret_arn}
        return container

    def _execution_policies(self) -> list[pulumi.Resource]:
        args = self._args
        write = {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.concat(self._logs.arn, ":*"),
        }
        policies: list[pulumi.Resource] = [self._policy("write-logs", self._execution, [write])]
        if args.repository_arn is not None:
            pull: list[Statement] = [
                # This call names no resource; AWS accepts nothing but `*` for it.
                {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
                {
                    "Effect": "Allow",
                    "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    "Resource": args.repository_arn,
                },
            ]
            policies.append(self._policy("pull-images", self._execution, pull))
        readable = [*args.secret_arns, *([args.registry_secret_arn] if args.registry_secret_arn else [])]
        readable += [args.agent.secret_arn] if args.agent else []
        if readable:
            via = pulumi.Output.concat("secretsmanager.", args.region, ".amazonaws.com")
            read: list[Statement] = [
                {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": readable},
                {
                    # Secrets under AWS's own key need no permission; those under the environment's key need this one.
                    "Effect": "Allow",
                    "Action": "kms:Decrypt",
                    "Resource": args.kms_key_arn,
                    "Condition": {"StringEquals": {"kms:ViaService": via}},
                },
            ]
            policies.append(self._policy("read-secrets", self._execution, read))
        return policies

    def _policy(self, policy: str, role: aws.iam.Role, statements: Sequence[Statement]) -> pulumi.Resource:
        return aws.iam.RolePolicy(
            f"{self._name}-{policy}", name=policy, role=role.id, policy=document(statements), opts=self._here
        )
