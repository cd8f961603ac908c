"""What every program runs as: its log group, its two roles, its security group, and its task definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.programs import ECR_IMAGE, private_registry, resource_name
from hug_agents.render.infrastructure.cfn.balancers import balancer
from hug_agents.render.infrastructure.cfn.dependencies import PORTS, Told, group_of, secret_parameter
from hug_agents.render.infrastructure.cfn.foundation import KEY, allow, policy, trust
from hug_agents.render.infrastructure.cfn.network import VPC
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import (
    NOTHING,
    Function,
    Template,
    arn,
    att,
    data,
    listed,
    logical,
    ref,
    resource,
    sub,
    when,
)
from hug_agents.render.naming import DATADOG_SECRET, image_path, log_group, registry_host, uses_ecr
from hug_agents.spec import Service


@dataclass(frozen=True)
class Program:
    """A service, a job, or the migration of a service. `stem` is what its logical ids end in."""

    service: Service
    kind: str
    stem: str
    name: str
    command: tuple[str, ...]

    def role(self, which: str) -> Any:
        """The ARN of its execution or task role."""
        return att(f"{which}Role{self.stem}", "Arn")


def programs(scope: Scope) -> tuple[Program, ...]:
    """Every program that runs there, in the spec's order."""
    found = []
    for plain in scope.spec.services:
        service = scope.spec.in_environment(plain, scope.environment)
        kind = ("scheduled" if service.schedule else "job") if service.kind == "job" else service.kind
        name = resource_name(scope.spec, scope.environment, service)
        found.append(Program(service, kind, logical(service.name), name, service.command))
        if service.migrate_command:
            name = resource_name(scope.spec, scope.environment, service, suffix="_migrate")
            stem = f"MigrationOf{logical(service.name)}"
            found.append(Program(service, "migration", stem, name, service.migrate_command))
    return tuple(found)


def ports(service: Service) -> list[int]:
    """The ports that it listens on."""
    return listed(port for port in (service.port, service.health_port_or_port) if port)


def standing(template: Template, scope: Scope, program: Program, told: Told) -> None:
    """Add what stays from release to release."""
    said = {"migration": f"The migration of {program.service.name}"}.get(program.kind, program.service.name)
    template.add(f"{said}: logs, roles, and who may connect to whom.", _standing(scope, program, told))


def _standing(scope: Scope, program: Program, told: Told) -> dict[str, Any]:
    name, stem, service = program.name, program.stem, program.service
    group = log_group(scope.spec, scope.environment, service)
    found: dict[str, Any] = {
        f"Logs{stem}": resource(
            "AWS::Logs::LogGroup",
            {
                "LogGroupName": f"{group}/migrate" if program.kind == "migration" else group,
                "RetentionInDays": scope.log_days,
                "KmsKeyId": KEY,
            },
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        ),
        f"ExecutionRole{stem}": resource(
            "AWS::IAM::Role",
            {
                "RoleName": f"{name}-exec",
                "AssumeRolePolicyDocument": trust("ecs-tasks.amazonaws.com"),
                "Policies": _execution(scope, program, told),
            },
        ),
        f"TaskRole{stem}": resource(
            "AWS::IAM::Role",
            {
                "RoleName": f"{name}-task",
                "AssumeRolePolicyDocument": trust("ecs-tasks.amazonaws.com"),
                "Policies": [{"PolicyName": "use-dependencies", "PolicyDocument": policy(*listed(told.statements))}]
                if told.statements
                else None,
            },
        ),
        f"Tasks{stem}": resource(
            "AWS::EC2::SecurityGroup",
            {
                "GroupName": f"{name}-tasks",
                "GroupDescription": f"Tasks of {name}",
                "VpcId": VPC,
                "SecurityGroupIngress": [
                    {
                        "Description": "From the load balancer only",
                        "SourceSecurityGroupId": att(f"{balancer(public=service.public)}Group", "GroupId"),
                        "IpProtocol": "tcp",
                        "FromPort": port,
                        "ToPort": port,
                    }
                    for port in ports(service)
                ]
                if program.kind == "web"
                else None,
                # Outgoing calls are the program's business: other services, AWS itself, third parties.
                "SecurityGroupEgress": [{"Description": "Anywhere", "CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}],
                "Tags": [{"Key": "Name", "Value": f"{name}-tasks"}],
            },
        ),
    }
    for item in scope.spec.dependencies:
        if item.managed and item.kind in PORTS:
            port = PORTS[item.kind]
            found[f"{group_of(item)}From{stem}"] = resource(
                "AWS::EC2::SecurityGroupIngress",
                {
                    "GroupId": att(group_of(item), "GroupId"),
                    "Description": f"From {name}",
                    "SourceSecurityGroupId": att(f"Tasks{stem}", "GroupId"),
                    "IpProtocol": "tcp",
                    "FromPort": port,
                    "ToPort": port,
                },
            )
    return found


def _execution(scope: Scope, program: Program, told: Told) -> list[Any]:
    """What ECS itself needs: the logs, the image, the secrets."""

    def named(name: str, *statements: dict[str, Any]) -> dict[str, Any]:
        return {"PolicyName": name, "PolicyDocument": policy(*statements)}

    logs = att(f"Logs{program.stem}", "Arn")
    found: list[Any] = [named("write-logs", allow(["logs:CreateLogStream", "logs:PutLogEvents"], logs))]
    if repository := _repository(scope, program.service):
        found.append(
            named(
                "pull-images",
                # This call names no resource; AWS accepts nothing but `*` for it.
                allow("ecr:GetAuthorizationToken", "*"),
                allow(
                    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], repository
                ),
            )
        )
    own = [ref(secret_parameter(item.key)) for item in program.service.secrets]
    if _agent(scope, program):
        own.append(ref(secret_parameter(DATADOG_SECRET)))
    via = {"StringEquals": {"kms:ViaService": sub("secretsmanager.${AWS::Region}.amazonaws.com")}}
    # Secrets under AWS's own key need no permission; those under the environment's key need this one.
    decrypt = allow("kms:Decrypt", KEY, via)
    if arns := listed([*told.arns, *own]):
        found.append(named("read-secrets", allow("secretsmanager:GetSecretValue", arns), decrypt))
    if login(scope, program.service):
        read = named("read-registry-login", allow("secretsmanager:GetSecretValue", ref("RegistrySecretArn")), decrypt)
        found.append(when("HasRegistrySecret", read, NOTHING))
    return found


def login(scope: Scope, service: Service) -> bool:
    """Its image lies in a private registry that may ask for a login."""
    return private_registry(scope.spec) and service.image is None


def _repository(scope: Scope, service: Service) -> Any:
    """The ECR repository that its image lies in; None if it is in none."""
    if service.image is None and uses_ecr(scope.spec):
        return sub(
            f"arn:${{AWS::Partition}}:ecr:${{Place}}:${{Account}}:repository/{image_path(scope.spec, service)}",
            Place=when("HasRegistryRegion", ref("RegistryRegion"), ref("AWS::Region")),
            Account=when("HasRegistryAccount", ref("RegistryAccountId"), ref("AWS::AccountId")),
        )
    reference = service.image or f"{registry_host(scope.spec)}/{image_path(scope.spec, service)}"
    if match := ECR_IMAGE.match(reference):
        account, region, path = match.groups()
        return arn("ecr", f"repository/{path}", region=region, account=account)
    return None


def task(scope: Scope, program: Program, told: Told, image: Any, prefix: str, condition: str) -> dict[str, Any]:
    """A task definition; old revisions stay registered: they are what ECS returns to."""
    migration = program.kind == "migration"
    cpu, memory = agent.task_size(scope.spec, program.service, migration=migration)
    where = f"services.{program.service.name}"
    container: dict[str, Any] = {"Name": program.service.name, "Image": image, "Essential": True}
    if program.command:
        container["Command"] = [data(item, f"{where}.command") for item in program.command]
    container |= {
        # SIGTERM, then this long to finish what was begun.
        "StopTimeout": 30,
        "LinuxParameters": {"InitProcessEnabled": True},
        "LogConfiguration": _logs(program, prefix),
    }
    if program.kind == "web":
        container["PortMappings"] = [{"ContainerPort": port, "Protocol": "tcp"} for port in ports(program.service)]
    beside: list[Any] = []
    environment = dict(_environment(program.service, told))
    if _agent(scope, program):
        words = agent.Words(
            scope.environment.name,
            ref("DatadogSite"),
            ref("DatadogAgentImage"),
            ref(secret_parameter(DATADOG_SECRET)),
        )
        # What tells versions apart is the image's digest; without an image there is no such resource.
        version = Function("Select", [1, Function("Split", ["@sha256:", image])])
        secret = {item.name for item in program.service.secrets}
        given = agent.variables(program.service, words) | {"DD_VERSION": version}
        environment = {name: value for name, value in given.items() if name not in secret} | environment
        container["DockerLabels"] = agent.labels(program.service, words) | {"com.datadoghq.tags.version": version}
        its = _pascal(agent.container(scope.spec, program.service, words))
        beside = [its | {"LogConfiguration": _logs(program, f"{prefix}-agent")}]
    if environment:
        container["Environment"] = [{"Name": key, "Value": value} for key, value in sorted(environment.items())]
    if secrets := _secrets(program.service, told):
        container["Secrets"] = [{"Name": key, "ValueFrom": value} for key, value in sorted(secrets.items())]
    if login(scope, program.service):
        given = {"CredentialsParameter": ref("RegistrySecretArn")}
        container["RepositoryCredentials"] = when("HasRegistrySecret", given, NOTHING)
    return resource(
        "AWS::ECS::TaskDefinition",
        {
            "Family": program.name,
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": str(cpu),
            "Memory": str(memory),
            "RuntimePlatform": {"OperatingSystemFamily": "LINUX", "CpuArchitecture": "X86_64"},
            "ExecutionRoleArn": program.role("Execution"),
            "TaskRoleArn": program.role("Task"),
            "ContainerDefinitions": [container, *beside],
        },
        Condition=condition,
        UpdateReplacePolicy="Retain",
        DeletionPolicy="Retain",
    )


def _logs(program: Program, prefix: str) -> dict[str, Any]:
    return {
        "LogDriver": "awslogs",
        "Options": {
            "awslogs-group": ref(f"Logs{program.stem}"),
            "awslogs-region": ref("AWS::Region"),
            "awslogs-stream-prefix": prefix,
        },
    }


def _agent(scope: Scope, program: Program) -> bool:
    return agent.beside(scope.spec, program.service) and program.kind != "migration"


def _pascal(value: Any) -> Any:
    """As CloudFormation writes what ECS writes with a small letter first."""
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: _pascal(item) for key, item in value.items()}
    return [_pascal(item) for item in value] if isinstance(value, list) else value


def _environment(service: Service, told: Told) -> Mapping[str, Any]:
    """A variable that the service sets itself wins over the one that a dependency would set."""
    own = {item.name: data(item.value, f"services.{service.name}.env.{item.name}") for item in service.env}
    secret = {item.name for item in service.secrets}
    shared = {name: value for name, value in told.environment.items() if name not in secret}
    return shared | own


def _secrets(service: Service, told: Told) -> Mapping[str, Any]:
    own = {item.name: ref(secret_parameter(item.key)) for item in service.secrets}
    plain = {item.name for item in service.env}
    return {name: value for name, value in told.secrets.items() if name not in plain} | own
