"""HUG-S: what a CloudFormation template makes is closed, encrypted, kept, and may do what it says by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from hug_agents.validate.cfn_template import Item, Resource
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Templates of CloudFormation make nothing open, unencrypted, unbounded or easily lost."
_WEB = {("80", "80"), ("443", "443")}
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_WHO = re.compile(r"aws:(Principal\w+(/.+)?|Source(Account|Arn|OrgID|Vpc|Vpce|Ip))|kms:CallerAccount|sts:ExternalId")
_READS = re.compile(r"[a-z0-9-]+:(Describe|Get|List|View|Validate)\w*\*?")
_CONTENT = (
    "s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath",
    "dynamodb:GetItem", "kinesis:GetRecords", "logs:GetLogEvents", "lambda:GetFunction", "sqs:ReceiveMessage",
)  # fmt: skip
"""What reads content, not configuration."""
_WIDE = re.compile(r"(AdministratorAccess|PowerUserAccess|\w*FullAccess)$")
_ENCRYPTED: dict[str, tuple[tuple[str, ...], ...]] = {
    # one of these properties says so; a property that can say no must say yes
    "AWS::RDS::DBInstance": (("StorageEncrypted",),),
    "AWS::RDS::DBCluster": (("StorageEncrypted",),),
    "AWS::ElastiCache::ReplicationGroup": (("AtRestEncryptionEnabled",), ("TransitEncryptionEnabled",)),
    "AWS::S3::Bucket": (("BucketEncryption",),),
    "AWS::SQS::Queue": (("KmsMasterKeyId", "SqsManagedSseEnabled"),),
    "AWS::SNS::Topic": (("KmsMasterKeyId",),),
    "AWS::EFS::FileSystem": (("Encrypted",),),
    "AWS::EC2::Volume": (("Encrypted",),),
    "AWS::DynamoDB::Table": (("SSESpecification",),),
}
_KEPT = {
    *_ENCRYPTED, "AWS::KMS::Key", "AWS::ECR::Repository", "AWS::SecretsManager::Secret", "AWS::OpenSearchService::Domain",
} - {"AWS::SNS::Topic"}  # fmt: skip
_KEEPS = ("Retain", "RetainExceptOnCreate", "Snapshot")


def opened(facts: Facts) -> Iterator[Hit]:
    """What the internet, or anybody in AWS, can reach."""
    for resource in facts.stack_resources():
        rules = resource.get("SecurityGroupIngress")
        if resource.type == "AWS::EC2::SecurityGroupIngress":
            yield from _ingress(resource, resource.body.get("Properties"))
        for rule in rules.rows() if resource.type == "AWS::EC2::SecurityGroup" and rules else ():
            yield from _ingress(resource, rule)
        known = resource.type in ("AWS::RDS::DBInstance", "AWS::Redshift::Cluster")
        if known and resource.text("PubliclyAccessible") != "false":
            yield _hit(resource, "does not say that it is not publicly accessible", "PubliclyAccessible")
        if resource.text("MapPublicIpOnLaunch") == "true":
            yield _hit(resource, "gives public addresses", "MapPublicIpOnLaunch")
        network = ("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp")
        if resource.text(*network) == "ENABLED":
            yield _hit(resource, "gives its tasks public addresses", *network)
        if resource.type == "AWS::S3::Bucket":
            for name in _BLOCKS:
                if resource.text("PublicAccessBlockConfiguration", name) != "true":
                    yield _hit(resource, f"does not say {name}", "PublicAccessBlockConfiguration", name)
    for resource, statement in _statements(facts):
        everybody = [item for item in _principals(statement) if item.text == "*"]
        if everybody and not _says_who(statement):
            yield Hit(f"{_named(resource)} allows everybody", resource.file, everybody[0].line)


def _says_who(statement: Item) -> bool:
    """A condition bounds who it is; that the call is encrypted, say, bounds nobody."""
    conditions = statement.get("Condition")
    return any(
        _WHO.fullmatch(key)
        for keys in (conditions.value.values() if conditions and isinstance(conditions.value, dict) else ())
        for key in (keys.value if isinstance(keys.value, dict) else ())
    )


def _ingress(resource: Resource, rule: Item | None) -> Iterator[Hit]:
    for name in ("CidrIp", "CidrIpv6"):
        found = rule.get(name) if rule else None
        if rule is None or found is None or found.text not in _EVERYWHERE:
            continue
        ports = tuple(item.text if (item := rule.get(port)) else "" for port in ("FromPort", "ToPort"))
        if ports not in _WEB:
            said = "-".join(dict.fromkeys(port for port in ports if port)) or "every port"
            yield Hit(f"{_named(resource)} admits everybody to {said}", resource.file, found.line)


def wide(facts: Facts) -> Iterator[Hit]:
    """Rights without an end: `*` for what is done, for what it is done to, or for whom."""
    for resource, statement in _statements(facts):
        for name in ("NotAction", "NotResource", "NotPrincipal"):
            if found := statement.get(name):
                yield Hit(f"{_named(resource)} allows all but what {name} names", resource.file, found.line)
        actions = list(found.rows()) if (found := statement.get("Action")) else []
        # the policy of a key is about that key: AWS writes it with `*`
        own = resource.type == "AWS::KMS::Key"
        for action in actions:
            if re.fullmatch(r"([a-z0-9-]+:)?[*?]+", action.text) and not own:
                yield Hit(f"{_named(resource)} allows {action.text}", resource.file, action.line)
        things = list(found.rows()) if (found := statement.get("Resource")) else []
        everything = [item for item in things if item.text == "*"]
        bounded = statement.get("Condition") is not None
        if everything and not own and not bounded:
            for action in actions:
                if not _harmless(action.text):
                    message = f"{_named(resource)} allows {action.text} on every resource"
                    yield Hit(message, resource.file, everything[0].line)
    for resource in facts.stack_resources("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        attached = resource.get("ManagedPolicyArns")
        for item in attached.rows() if attached else ():
            if _WIDE.search(item.text):
                yield Hit(f"{_named(resource)} has {item.text.rpartition('/')[2]}", resource.file, item.line)
        yield from _federated(resource)


def _harmless(action: str) -> bool:
    """It reads configuration, or it names no resource."""
    if action in ("ecr:GetAuthorizationToken", "xray:PutTraceSegments", "xray:PutTelemetryRecords"):
        return True
    return bool(_READS.fullmatch(action)) and not any(fnmatchcase(item, action) for item in _CONTENT)


def _federated(role: Resource) -> Iterator[Hit]:
    """A role that tokens get without saying for whom they are and which job they are of."""
    trust = role.get("AssumeRolePolicyDocument")
    statements = trust.document().get("Statement") if trust else None
    for statement in statements.rows() if statements else ():
        action = statement.get("Action")
        if action is None or not action.text.endswith("WithWebIdentity"):
            continue
        asked: dict[str, list[Item]] = {}
        conditions = statement.get("Condition")
        for test, keys in conditions.value.items() if conditions and isinstance(conditions.value, dict) else ():
            for key, wanted in keys.value.items() if not test.endswith("IfExists") else ():
                asked.setdefault(key.rpartition(":")[2], []).extend(wanted.rows())
        for claim in ("aud", "sub"):
            if not asked.get(claim):
                yield Hit(f"{_named(role)} does not ask a token for its {claim}", role.file, statement.line)
            for item in asked.get(claim, ()):
                if "*" in item.text:
                    yield Hit(f"{_named(role)} trusts {item.text}", role.file, item.line)


def unencrypted(facts: Facts) -> Iterator[Hit]:
    """Data that lies or travels in the clear."""
    for resource in facts.stack_resources(*_ENCRYPTED):
        for names in _ENCRYPTED[resource.type]:
            said = [found for name in names if (found := resource.get(name))]
            if not said or all(item.text == "false" for item in said):
                line = said[0].line if said else resource.line
                yield Hit(f"{_named(resource)} is not encrypted: {' or '.join(names)}", resource.file, line)


def lost(facts: Facts) -> Iterator[Hit]:
    """Data that goes with its stack, or that one call deletes."""
    production = {f"/environments/{item.name}/" for item in facts.spec.production}
    schedules = facts.stack_resources("AWS::Scheduler::Schedule")
    undelivered = [item.get("Target", "DeadLetterConfig", "Arn") for item in schedules]
    reports = {(str(item.value).partition(".")[0]) for item in undelivered if item and item.function == "GetAtt"}
    for resource in facts.stack_resources():
        if resource.type in _KEPT and resource.name not in reports:
            for name in ("DeletionPolicy", "UpdateReplacePolicy"):
                found = resource.body.get(name)
                if found is None or (found.text and found.text not in _KEEPS):
                    line = found.line if found else resource.line
                    yield Hit(f"{_named(resource)} is lost with its stack: {name}", resource.file, line)
        guarded = resource.type in ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster")
        if guarded and any(part in resource.file for part in production):
            found = resource.get("DeletionProtection")
            if found is None or found.text == "false":
                yield _hit(resource, "can be deleted by one call", "DeletionProtection")


def privileged(facts: Facts) -> Iterator[Hit]:
    """Containers that are the machine they run on."""
    for resource, container in facts.task_containers():
        name = f"the container {_text(container, 'Name')} of {_named(resource)}"
        if (found := container.get("Privileged")) and found.text != "false":
            yield Hit(f"{name} is privileged", resource.file, found.line)
        if (found := container.get("User")) and found.text.partition(":")[0] in ("0", "root"):
            yield Hit(f"{name} runs as root", resource.file, found.line)
        if found := container.get("LinuxParameters", "Capabilities", "Add"):
            yield Hit(f"{name} gets capabilities of the kernel", resource.file, found.line)
    for resource in facts.stack_resources("AWS::ECS::TaskDefinition"):
        for key in ("NetworkMode", "PidMode", "IpcMode"):
            if resource.text(key) == "host":
                yield _hit(resource, "shares what is its host's", key)
        volumes = resource.get("Volumes")
        for volume in volumes.rows() if volumes else ():
            if found := volume.get("Host", "SourcePath"):
                yield Hit(f"{_named(resource)} mounts {found.text} of its host", resource.file, found.line)


def _statements(facts: Facts) -> Iterator[tuple[Resource, Item]]:
    """Every statement that allows something, of every policy."""
    for resource in facts.stack_resources():
        for item in resource.body.walk():
            document = item.document() if item.function == "Sub" else item
            statements = document.get("Statement") if document.get("Version") else None
            for statement in statements.rows() if statements else ():
                if _text(statement, "Effect") == "Allow":
                    yield resource, statement


def _principals(statement: Item) -> Iterator[Item]:
    found = statement.get("Principal")
    if found is None:
        return
    for item in found.value.values() if isinstance(found.value, dict) and not found.function else (found,):
        yield from item.rows()


def _text(item: Item, key: str) -> str:
    found = item.get(key)
    return found.text if found else ""


def _named(resource: Resource) -> str:
    return f"{resource.name} ({resource.type})"


def _hit(resource: Resource, what: str, *path: str) -> Hit:
    return Hit(f"{_named(resource)} {what}", resource.file, resource.at(*path))


RULES = (
    Rule(
        "HUG-S1", "Only a load balancer answers the internet", SOURCE,
        "What the internet can reach will be tried, and a database or a bucket has nothing in front of it.",
        "keep it in private subnets, admit security groups instead of addresses, block public access", opened,
    ),
    Rule(
        "HUG-S2", "Roles name what they may do, to what, and for whom", SOURCE,
        "A right without an end is the whole account on the day that its holder is taken over.",
        "name actions and resources one by one; let a token say audience and subject, without a `*`", wide,
    ),
    Rule(
        "HUG-S3", "Data is encrypted where it lies", SOURCE,
        "A disk, a snapshot or a copy leaves the account without a sound.",
        "give it a key: StorageEncrypted, BucketEncryption, KmsMasterKeyId and the like", unencrypted,
    ),
    Rule(
        "HUG-S4", "Data outlives its stack", SOURCE,
        "A replaced resource or a deleted stack takes its data with it, and no rollback brings them back.",
        "set DeletionPolicy and UpdateReplacePolicy to Retain or Snapshot, and DeletionProtection in production", lost,
    ),
    Rule(
        "HUG-S5", "No container has rights over its host", SOURCE,
        "A privileged container is the machine that it runs on.",
        "leave it out", privileged,
    ),
)  # fmt: skip
