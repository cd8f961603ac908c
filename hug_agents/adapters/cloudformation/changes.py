"""A change set as typed changes: what is created, changed, replaced, destroyed; what of it holds data. No values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from hug_agents.spec import CONTROL, Line, Model

Kind = Literal["created", "changed", "replaced", "destroyed"]
DATA = frozenset(
    """
    AWS::RDS::DBInstance AWS::RDS::DBCluster AWS::RDS::GlobalCluster AWS::S3::Bucket AWS::S3Express::DirectoryBucket
    AWS::EC2::Volume AWS::EC2::Instance AWS::EFS::FileSystem AWS::FSx::FileSystem AWS::ElastiCache::CacheCluster
    AWS::ElastiCache::ReplicationGroup AWS::ElastiCache::ServerlessCache AWS::MemoryDB::Cluster AWS::DynamoDB::Table
    AWS::DynamoDB::GlobalTable AWS::DocDB::DBCluster AWS::Neptune::DBCluster AWS::Redshift::Cluster
    AWS::OpenSearchService::Domain AWS::Elasticsearch::Domain AWS::OpenSearchServerless::Collection AWS::Cassandra::Table
    AWS::Timestream::Table AWS::MSK::Cluster AWS::AmazonMQ::Broker AWS::SQS::Queue AWS::Kinesis::Stream AWS::KMS::Key
    AWS::KMS::ReplicaKey AWS::SecretsManager::Secret AWS::ECR::Repository AWS::Backup::BackupVault AWS::Logs::LogGroup
    AWS::Cognito::UserPool AWS::Lightsail::Database AWS::Lightsail::Disk AWS::CloudFormation::Stack
    """.split()
)
"""Types whose loss is a loss of data; a nested stack may hold any of them."""
_KEPT = ("Retain", "Snapshot", "ReplaceAndRetain", "ReplaceAndSnapshot", "RetainExceptOnCreate")
_TOLD = 12


class Change(Model):
    """What happens to one resource."""

    id: Line
    type: Line
    kind: Kind
    properties: tuple[Line, ...] = ()
    """Names of what differs."""
    kept: bool = False
    """By its policy: what is destroyed or replaced is retained, or a snapshot of it is."""

    def __str__(self) -> str:
        what = f": {', '.join(self.properties[:6])}" if self.properties else ""
        more = f" and {len(self.properties) - 6} more" if len(self.properties) > 6 else ""
        kept = " (kept by its policy)" if self.kept else ""
        return f"{self.kind} {self.id} ({self.type}){what}{more}{kept}"[:2_000]


class Changes(Model):
    """All changes of a change set."""

    resources: tuple[Change, ...] = ()

    def of(self, *kinds: Kind) -> tuple[str, ...]:
        """The logical ids of these kinds, in order."""
        return tuple(item.id for item in self.resources if item.kind in kinds)

    def data(self, further: Iterable[str] = ()) -> tuple[str, ...]:
        """What is replaced or destroyed and holds data, whatever its policy keeps."""
        return tuple(item.id for item in self._holding(further))

    def lost(self, further: Iterable[str] = ()) -> tuple[str, ...]:
        """Of those, what no policy keeps."""
        return tuple(item.id for item in self._holding(further) if not item.kept)

    def lines(self) -> tuple[str, ...]:
        """Each change in a line."""
        return tuple(str(item) for item in self.resources)

    def _holding(self, further: Iterable[str]) -> Iterable[Change]:
        more = frozenset(further)
        for item in self.resources:
            if item.kind in ("replaced", "destroyed") and (item.type in DATA or {item.type, item.id} & more):
                yield item


def changes(rows: Iterable[dict[str, Any]]) -> Changes:
    """`Changes` of DescribeChangeSet, read. What is replaced perhaps counts as replaced."""
    found = [_change(row["ResourceChange"]) for row in rows if row.get("ResourceChange")]
    return Changes(resources=tuple(sorted(found, key=lambda item: item.id)))


def destroyed(rows: Iterable[dict[str, Any]], policies: dict[str, str]) -> Changes:
    """What deleting a stack does to its resources (`StackResourceSummaries`), by their DeletionPolicy."""
    found = (
        Change(
            id=_line(row["LogicalResourceId"]),
            type=_line(row["ResourceType"]),
            kind="destroyed",
            kept=policies.get(row["LogicalResourceId"], "Delete") in _KEPT,
        )
        for row in rows
        if row.get("ResourceStatus") != "DELETE_COMPLETE"
    )
    return Changes(resources=tuple(sorted(found, key=lambda item: item.id)))


def _change(row: dict[str, Any]) -> Change:
    replaced = row.get("Replacement") in ("True", "Conditional")
    kinds: dict[str, Kind] = {"Add": "created", "Import": "created", "Remove": "destroyed"}
    targets = [detail.get("Target") or {} for detail in row.get("Details") or ()]
    return Change(
        id=_line(row.get("LogicalResourceId")),
        type=_line(row.get("ResourceType")),
        kind=kinds.get(str(row.get("Action")), "replaced" if replaced else "changed"),
        properties=tuple(
            sorted({_line(target.get("Name") or target.get("Attribute") or "") for target in targets} - {""})
        ),
        kept=row.get("PolicyAction") in _KEPT,
    )


def _line(value: object) -> str:
    return CONTROL.sub(" ", str(value)).replace("\n", " ")[:2_000]


def some(items: Sequence[str]) -> str:
    """A list as an outcome tells it."""
    more = f" and {len(items) - _TOLD} more" if len(items) > _TOLD else ""
    return ", ".join(items[:_TOLD]) + more
