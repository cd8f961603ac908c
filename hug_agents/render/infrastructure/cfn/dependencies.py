"""Backing services, and how programs are told of them. Sizes, versions and names are those of `aws.dependencies`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.dependencies import QUEUE_ACTIONS, Backing, backing
from hug_agents.render.infrastructure.cfn.alarms import simple_alarm
from hug_agents.render.infrastructure.cfn.balancers import PRIVATE_BUCKET
from hug_agents.render.infrastructure.cfn.foundation import KEY, allow, policy, tls_only, trust
from hug_agents.render.infrastructure.cfn.network import PRIVATE, VPC
from hug_agents.render.infrastructure.cfn.scope import Scope
from hug_agents.render.infrastructure.cfn.template import Template, att, logical, ref, resource, sub
from hug_agents.render.naming import dependency_variables
from hug_agents.spec import Dependency

PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379}
_KINDS = {"postgres": "database", "mysql": "database", "redis": "cache", "queue": "queue", "object_store": "bucket"}
_FAMILY = {
    "postgres": ("rds.force_ssl", "postgresql upgrade"),
    "mysql": ("require_secure_transport", "error slowquery"),
}


@dataclass
class Told:
    """What every program is told: plain values, secrets by reference, the ARNs of those, and what it may do."""

    environment: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    arns: list[Any] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)


def id_of(item: Dependency) -> str:
    """The logical id of a dependency."""
    return logical(_KINDS[item.kind], item.name)


def group_of(item: Dependency) -> str:
    """The logical id of its security group."""
    return f"Data{id_of(item)}"


def secret_parameter(key: str) -> str:
    """The parameter that holds the ARN of a secret: its name in the store tells which."""
    return f"SecretArn{logical(key)}"


def secrets(scope: Scope) -> dict[str, str]:
    """Parameter → name of the secret, for everything that people put into Secrets Manager before the stack is made."""
    found = {secret_parameter(key): key for key in agent.secret_keys(scope.spec)}
    for item in scope.spec.dependencies:
        if item.kind == "redis" and item.managed:
            name = f"{backing(scope.spec, scope.environment, item).resource}-auth-token"
            found[f"SecretArn{id_of(item)}"] = name
    return dict(sorted(found.items()))


_ARN = {"Type": "String", "AllowedPattern": "^arn:aws[a-z-]*:secretsmanager:.+$"}


def dependencies(template: Template, scope: Scope) -> Told:
    """Add those that are managed; returns what programs are told of all of them."""
    told = Told()
    for name, key in secrets(scope).items():
        template.parameters[name] = {
            **_ARN,
            "ConstraintDescription": "the ARN of a secret, never its value",
            "Description": f"The ARN of the secret {key} in Secrets Manager; deploy/deploy.sh looks it up.",
        }
    for item in scope.spec.dependencies:
        names = dependency_variables(item)
        source = _managed(template, scope, item) if item.managed else _existing(template, item)
        for key in ("host", "port", "name", "url"):
            if key in names:
                told.environment[names[key]] = source[key]
        if item.kind in ("postgres", "mysql"):
            secret = source["secret"]
            told.secrets[names["user"]] = sub("${Arn}:username::", Arn=secret)
            told.secrets[names["password"]] = sub("${Arn}:password::", Arn=secret)
            told.arns.append(secret)
        elif item.kind == "redis":
            told.secrets[names["password"]] = source["secret"]
            told.arns.append(source["secret"])
        else:
            told.statements += source["statements"]
    return told


def _managed(template: Template, scope: Scope, item: Dependency) -> dict[str, Any]:
    there = backing(scope.spec, scope.environment, item)
    name = id_of(item)
    if item.kind in ("postgres", "mysql"):
        template.add(
            f"Database {item.name}. RDS makes its password, keeps it in Secrets Manager and rotates it: no template sees it.",
            _database(scope, item, there),
        )
        return {
            "host": att(name, "Endpoint.Address"),
            "port": att(name, "Endpoint.Port"),
            "name": there.database,
            "secret": att(name, "MasterUserSecret.SecretArn"),
        }
    if item.kind == "redis":
        template.add(
            f"Cache {item.name}: Redis with TLS and a password, which a person puts into Secrets Manager first.",
            _cache(scope, item, there),
        )
        return {
            "host": att(name, "PrimaryEndPoint.Address"),
            "port": att(name, "PrimaryEndPoint.Port"),
            "secret": ref(f"SecretArn{name}"),
        }
    if item.kind == "queue":
        template.add(f"Queue {item.name}, and one for the messages that could not be handled.", _queue(item, there))
        return {
            "url": ref(name),
            "statements": [
                allow([f"sqs:{action}" for action in QUEUE_ACTIONS], att(name, "Arn")),
                allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY),
            ],
        }
    template.add(f"Bucket {item.name}: private, versioned, encrypted, TLS only.", _bucket(scope, item, there))
    return {
        "name": ref(name),
        "statements": [
            *_objects(att(name, "Arn"), sub(f"${{{name}.Arn}}/*")),
            allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY),
        ],
    }


def _objects(bucket: Any, objects: Any) -> list[dict[str, Any]]:
    return [
        allow(["s3:ListBucket", "s3:GetBucketLocation"], bucket),
        allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], objects),
    ]


def _existing(template: Template, item: Dependency) -> dict[str, Any]:
    """One that exists already: parameters say where it is."""
    stem = logical("existing", item.name)

    def told(what: str, said: str, **more: Any) -> Any:
        template.parameters[f"{stem}{what}"] = {
            "Type": "String",
            **more,
            "Description": f"The {item.kind} {item.name}, which exists already: {said}.",
        }
        return ref(f"{stem}{what}")

    if item.kind == "queue":
        source = told("Arn", "its ARN", AllowedPattern="^arn:aws[a-z-]*:sqs:.+$")
        actions = [f"sqs:{action}" for action in QUEUE_ACTIONS]
        return {"url": told("Url", "its URL", AllowedPattern="^https://.+$"), "statements": [allow(actions, source)]}
    if item.kind == "object_store":
        source = told("Name", "the bucket's name", AllowedPattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
        bucket = sub(f"arn:${{AWS::Partition}}:s3:::${{{stem}Name}}")
        return {"name": source, "statements": _objects(bucket, sub(f"arn:${{AWS::Partition}}:s3:::${{{stem}Name}}/*"))}
    found = {
        "host": told("Host", "its address", MinLength=1),
        "port": told("Port", "its port", AllowedPattern=r"^\d{1,5}$", Default=str(PORTS[item.kind])),
    }
    if item.kind == "redis":
        return {**found, "secret": told("SecretArn", "the secret that is its password", **_arn())}
    keys = "the secret with the keys username and password"
    return {**found, "name": told("Name", "the database", MinLength=1), "secret": told("SecretArn", keys, **_arn())}


def _arn() -> dict[str, Any]:
    return {"AllowedPattern": _ARN["AllowedPattern"]}


def _group(scope: Scope, item: Dependency, name: str, kind: str) -> dict[str, Any]:
    """Its security group; who may connect is added with each program."""
    return {
        group_of(item): resource(
            "AWS::EC2::SecurityGroup",
            {
                "GroupName": f"{name}-{kind}",
                "GroupDescription": f"{'Database' if kind == 'db' else 'Cache'} {name}",
                "VpcId": VPC,
                # Without a rule of ours CloudFormation would let everything out.
                "SecurityGroupEgress": [
                    {
                        "Description": "Nowhere",
                        "CidrIp": "127.0.0.1/32",
                        "IpProtocol": "icmp",
                        "FromPort": 252,
                        "ToPort": 86,
                    }
                ],
                "Tags": [{"Key": "Name", "Value": f"{name}-{kind}"}],
            },
        )
    }


def _database(scope: Scope, item: Dependency, there: Backing) -> dict[str, Any]:
    name, stem = there.resource, id_of(item)
    version = there.version or ""
    numbers = version.split(".")
    family = f"postgres{numbers[0]}" if item.kind == "postgres" else f"mysql{'.'.join((*numbers, '0')[:2])}"
    option, exports = _FAMILY[item.kind]
    return {
        f"SubnetGroup{stem}": resource(
            "AWS::RDS::DBSubnetGroup",
            {"DBSubnetGroupName": name, "DBSubnetGroupDescription": f"Database {name}", "SubnetIds": PRIVATE},
        ),
        **_group(scope, item, name, "db"),
        f"ParameterGroup{stem}": resource(
            "AWS::RDS::DBParameterGroup",
            # Connections without TLS are refused.
            {"Description": f"Database {name}", "Family": family, "Parameters": {option: "1"}},
        ),
        f"MonitoringRole{stem}": resource(
            "AWS::IAM::Role",
            {
                "RoleName": f"{name}-db-monitoring",
                "AssumeRolePolicyDocument": trust("monitoring.rds.amazonaws.com", ours=False),
                "ManagedPolicyArns": [
                    sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole")
                ],
            },
        ),
        stem: resource(
            "AWS::RDS::DBInstance",
            {
                "DBInstanceIdentifier": name,
                "Engine": item.kind,
                "EngineVersion": version,
                "DBInstanceClass": there.size,
                "Port": str(PORTS[item.kind]),
                "DBName": there.database,
                "MasterUsername": "app_admin",
                "ManageMasterUserPassword": True,
                "MasterUserSecret": {"KmsKeyId": KEY},
                "AllocatedStorage": str(there.storage),
                "MaxAllocatedStorage": there.storage * 4,
                "StorageType": "gp3",
                "StorageEncrypted": True,
                "KmsKeyId": KEY,
                "MultiAZ": scope.production,
                "DBSubnetGroupName": ref(f"SubnetGroup{stem}"),
                "VPCSecurityGroups": [att(group_of(item), "GroupId")],
                "DBParameterGroupName": ref(f"ParameterGroup{stem}"),
                "PubliclyAccessible": False,
                "BackupRetentionPeriod": 35 if scope.production else 7,
                "PreferredBackupWindow": "02:00-03:00",
                "PreferredMaintenanceWindow": "sun:03:30-sun:04:30",
                "CopyTagsToSnapshot": True,
                "DeleteAutomatedBackups": False,
                "DeletionProtection": scope.production,
                "AutoMinorVersionUpgrade": True,
                "EnableCloudwatchLogsExports": exports.split(),
                "MonitoringInterval": 60,
                "MonitoringRoleArn": att(f"MonitoringRole{stem}", "Arn"),
                "EnablePerformanceInsights": True,
                "PerformanceInsightsKMSKeyId": KEY,
            },
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
            # A major version: RDS takes its newest minor one and upgrades it by itself; the linter knows only whole ones.
            Metadata={"cfn-lint": {"config": {"ignore_checks": ["E3691", "W3691"]}}} if len(numbers) < 3 else None,
        ),
        f"StorageAlarm{stem}": simple_alarm(
            f"{name}-db-storage",
            f"Less than a tenth of the storage of {name} is free.",
            ("AWS/RDS", "FreeStorageSpace", "Minimum"),
            {"DBInstanceIdentifier": ref(stem)},
            ("LessThanThreshold", there.storage * 1024**3 // 10),
            periods=3,
            missing="missing",
        ),
    }


def _cache(scope: Scope, item: Dependency, there: Backing) -> dict[str, Any]:
    name, stem = there.resource, id_of(item)
    nodes = 2 if scope.production else 1
    return {
        f"SubnetGroup{stem}": resource(
            "AWS::ElastiCache::SubnetGroup",
            {"CacheSubnetGroupName": name, "Description": f"Cache {name}", "SubnetIds": PRIVATE},
        ),
        **_group(scope, item, name, "cache"),
        stem: resource(
            "AWS::ElastiCache::ReplicationGroup",
            {
                "ReplicationGroupId": name,
                "ReplicationGroupDescription": f"Cache {name}",
                "Engine": "redis",
                "EngineVersion": there.version,
                "CacheNodeType": there.size,
                "Port": PORTS["redis"],
                "NumCacheClusters": nodes,
                "AutomaticFailoverEnabled": nodes > 1,
                "MultiAZEnabled": nodes > 1,
                "CacheSubnetGroupName": ref(f"SubnetGroup{stem}"),
                "SecurityGroupIds": [att(group_of(item), "GroupId")],
                "AtRestEncryptionEnabled": True,
                "KmsKeyId": KEY,
                "TransitEncryptionEnabled": True,
                "TransitEncryptionMode": "required",
                # Read by CloudFormation when it is needed, and kept nowhere.
                "AuthToken": sub(f"{{{{resolve:secretsmanager:${{SecretArn{stem}}}}}}}"),
                "AutoMinorVersionUpgrade": True,
                "SnapshotRetentionLimit": 7 if scope.production else 1,
                "SnapshotWindow": "02:00-03:00",
                "PreferredMaintenanceWindow": "sun:03:30-sun:04:30",
            },
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
        ),
        f"MemoryAlarm{stem}": simple_alarm(
            f"{name}-cache-memory",
            f"The cache {name} is nearly full and will evict or refuse.",
            ("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "Maximum"),
            {"ReplicationGroupId": ref(stem)},
            ("GreaterThanThreshold", 90),
            periods=3,
            missing="missing",
        ),
    }


def _queue(item: Dependency, there: Backing) -> dict[str, Any]:
    name, stem = there.resource, id_of(item)
    dead = f"Dead{stem}"
    sealed = {"KmsMasterKeyId": KEY, "KmsDataKeyReusePeriodSeconds": 300}
    return {
        dead: resource(
            "AWS::SQS::Queue",
            {"QueueName": f"{name}-dead", **sealed, "MessageRetentionPeriod": 1209600},
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        ),
        stem: resource(
            "AWS::SQS::Queue",
            {
                "QueueName": name,
                **sealed,
                "MessageRetentionPeriod": 345600,
                "VisibilityTimeout": 60,
                "ReceiveMessageWaitTimeSeconds": 20,
                "RedrivePolicy": {"deadLetterTargetArn": att(dead, "Arn"), "maxReceiveCount": 5},
            },
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        ),
        **{
            f"Policy{queue}": resource(
                "AWS::SQS::QueuePolicy",
                {"Queues": [ref(queue)], "PolicyDocument": policy(tls_only("sqs", att(queue, "Arn")))},
            )
            for queue in (stem, dead)
        },
        f"DeadLettersAlarm{stem}": simple_alarm(
            f"{name}-dead-letters",
            f"Messages of {name} could not be handled.",
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
            {"QueueName": att(dead, "QueueName")},
            ("GreaterThanThreshold", 0),
        ),
    }


def _bucket(scope: Scope, item: Dependency, there: Backing) -> dict[str, Any]:
    stem = id_of(item)
    return {
        stem: resource(
            "AWS::S3::Bucket",
            {
                # Bucket names are shared by all of AWS; the account makes this one ours.
                "BucketName": sub(f"{there.resource}-${{AWS::AccountId}}"),
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "BucketKeyEnabled": True,
                            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
                        }
                    ]
                },
                **PRIVATE_BUCKET,
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "old-versions",
                            "Status": "Enabled",
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 90 if scope.production else 14},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        }
                    ]
                },
            },
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        ),
        f"Policy{stem}": resource(
            "AWS::S3::BucketPolicy",
            {
                "Bucket": ref(stem),
                "PolicyDocument": policy(tls_only("s3", [att(stem, "Arn"), sub(f"${{{stem}.Arn}}/*")])),
            },
        ),
    }
