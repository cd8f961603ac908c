"""A plan as typed changes: what is created, changed, replaced, destroyed; what of it holds data; nothing sensitive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from hug_agents.adapters.terraform.masks import leaves
from hug_agents.spec import CONTROL, Line, Model

Kind = Literal["created", "changed", "replaced", "destroyed", "forgotten", "imported", "moved"]
Document = dict[str, Any]
"""What `terraform show -json` prints of a plan."""
_SHOWN = 80
_TOLD = 12
_LISTED = 500
_KINDS: dict[tuple[str, ...], Kind] = {
    ("create",): "created",
    ("update",): "changed",
    ("delete", "create"): "replaced",
    ("create", "delete"): "replaced",
    ("delete",): "destroyed",
    ("forget",): "forgotten",
    ("create", "forget"): "replaced",
}
DATA = frozenset(
    """
    aws_db_instance aws_db_cluster_snapshot aws_db_snapshot aws_rds_cluster aws_rds_cluster_instance aws_rds_global_cluster
    aws_s3_bucket aws_s3_object aws_s3_directory_bucket aws_ebs_volume aws_ebs_snapshot aws_efs_file_system
    aws_fsx_lustre_file_system aws_fsx_ontap_file_system aws_fsx_openzfs_file_system aws_fsx_windows_file_system
    aws_elasticache_cluster aws_elasticache_replication_group aws_elasticache_serverless_cache aws_memorydb_cluster
    aws_dynamodb_table aws_dynamodb_global_table aws_docdb_cluster aws_docdb_cluster_instance aws_neptune_cluster
    aws_redshift_cluster aws_redshiftserverless_namespace aws_opensearch_domain aws_elasticsearch_domain
    aws_opensearchserverless_collection aws_keyspaces_table aws_timestreamwrite_database aws_timestreamwrite_table
    aws_qldb_ledger aws_msk_cluster aws_mq_broker aws_sqs_queue aws_kinesis_stream aws_kms_key aws_kms_replica_key
    aws_secretsmanager_secret aws_ssm_parameter aws_ecr_repository aws_backup_vault aws_cloudwatch_log_group aws_glacier_vault
    aws_cognito_user_pool aws_lightsail_database aws_lightsail_disk aws_instance
    google_sql_database_instance google_sql_database google_storage_bucket google_compute_disk google_spanner_database
    google_spanner_instance google_bigtable_instance google_bigquery_dataset google_bigquery_table google_filestore_instance
    google_redis_instance google_firestore_database google_pubsub_subscription google_kms_crypto_key
    azurerm_mssql_database azurerm_postgresql_flexible_server azurerm_mysql_flexible_server azurerm_storage_account
    azurerm_storage_container azurerm_managed_disk azurerm_cosmosdb_account azurerm_redis_cache azurerm_key_vault
    kubernetes_persistent_volume kubernetes_persistent_volume_claim kubernetes_persistent_volume_claim_v1
    """.split()
)
"""Types whose loss is a loss of data: databases, buckets, disks, caches, queues, keys (what they encrypted is gone), logs."""


class Change(Model):
    """What happens to one resource."""

    address: Line
    type: Line
    kind: Kind
    imports: bool = False
    """It is in the world already, and the state takes it over."""
    moved_from: Line = ""
    """The address that it has before."""
    attributes: tuple[Line, ...] = ()
    """`name: before -> after` of what differs; sensitive values are hidden, unknown ones are said to be."""

    def __str__(self) -> str:
        what = f": {', '.join(self.attributes[:4])}" if self.attributes else ""
        more = f" and {len(self.attributes) - 4} more" if len(self.attributes) > 4 else ""
        taken = " (imported)" if self.imports and self.kind != "imported" else ""
        return f"{self.kind} {self.address}{taken}{what}{more}"[:2_000]


class Changes(Model):
    """All changes of a plan."""

    resources: tuple[Change, ...] = ()
    outputs: tuple[Line, ...] = ()
    """Names of root outputs that change."""

    def of(self, *kinds: Kind) -> tuple[str, ...]:
        """The addresses of these kinds, in order."""
        return tuple(item.address for item in self.resources if item.kind in kinds)

    @property
    def imports(self) -> tuple[str, ...]:
        """The addresses of what is there already and is taken over."""
        return tuple(item.address for item in self.resources if item.imports)

    @property
    def moves(self) -> dict[str, str]:
        """What stays, at another address: that, and the one before."""
        kept = (item for item in self.resources if item.moved_from and item.kind in ("changed", "moved"))
        return {item.address: item.moved_from for item in kept}

    def data(self, further: Iterable[str] = ()) -> tuple[str, ...]:
        """What is replaced or destroyed and holds data."""
        more = frozenset(further)
        return tuple(
            item.address
            for item in self.resources
            if item.kind in ("replaced", "destroyed")
            and (item.type in DATA or item.type in more or item.address in more or _bare(item.address) in more)
        )

    def told(self) -> tuple[str, ...]:
        """The lines without what is destroyed: a plan names that by itself."""
        gone = {str(item) for item in self.resources if item.kind == "destroyed"}
        return tuple(line for line in self.lines() if line not in gone)

    def lines(self) -> tuple[str, ...]:
        """Each change in a line, outputs last."""
        return (*(str(item) for item in self.resources), *(f"output {name}" for name in self.outputs))


def changes(document: Document) -> Changes:
    """What a plan would do."""
    rows = document.get("resource_changes") or []
    outputs = document.get("output_changes") or {}
    return Changes(
        resources=tuple(_change(row) for row in rows if row.get("mode", "managed") == "managed" and _kind(row)),
        outputs=tuple(sorted(name for name, value in outputs.items() if value.get("actions") != ["no-op"])),
    )


def drifted(document: Document, ignored: dict[tuple[str, str], frozenset[str]]) -> tuple[Change, ...]:
    """How the world differs from the state, by a refresh-only plan.

    Left out: attributes that the configuration itself ignores (`ignored`, by type and name), and an absent value that is
    now an empty one, which is how providers answer when they are asked for the first time.
    """
    found = []
    for row in document.get("resource_drift") or []:
        change = _change(row)
        if change.kind == "changed":
            passed = ignored.get((str(row.get("type")), str(row.get("name"))), frozenset())
            differ = tuple(
                line
                for name, line in _attributes(row["change"])
                if "all" not in passed and name not in passed and not _empty(row["change"], name)
            )
            if not differ:
                continue
            change = change.model_copy(update={"attributes": differ})
        found.append(change)
    return tuple(found)


def content(document: Document) -> str:
    """Names what a plan says, whenever it was made. It is computed over secrets too: it stays beside the plan file."""
    said = {name: document.get(name) for name in ("variables", "resource_changes", "output_changes", "resource_drift")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def secrets(document: Document) -> Iterator[str]:
    """Every sensitive value that a plan knows: variables, outputs, attributes before and after, what data sources read."""
    declared = (document.get("configuration") or {}).get("root_module", {}).get("variables") or {}
    for name, value in (document.get("variables") or {}).items():
        if declared.get(name, {}).get("sensitive"):
            yield from leaves(value.get("value"))
    rows = [row.get("change") or {} for row in document.get("resource_changes") or []]
    rows += [row.get("change") or {} for row in document.get("resource_drift") or []]
    for change in (*rows, *(document.get("output_changes") or {}).values()):
        for side in ("before", "after"):
            yield from _marked(change.get(side), change.get(f"{side}_sensitive"))
    known = (document.get("prior_state") or {}).get("values") or {}
    for item in _resources(known.get("root_module") or {}):
        yield from _marked(item.get("values"), item.get("sensitive_values"))


def _resources(module: Document) -> Iterator[Document]:
    yield from module.get("resources") or []
    for inner in module.get("child_modules") or []:
        yield from _resources(inner)


def _marked(value: Any, mark: Any) -> Iterator[str]:
    if mark is True:
        yield from leaves(value)
    elif isinstance(mark, dict) and isinstance(value, dict):
        for name, inner in mark.items():
            yield from _marked(value.get(name), inner)
    elif isinstance(mark, list) and isinstance(value, list):
        for item, inner in zip(value, mark, strict=False):
            yield from _marked(item, inner)


def _kind(row: Document) -> Kind | None:
    change = row.get("change") or {}
    kind = _KINDS.get(tuple(change.get("actions") or ()))
    if kind is None and change.get("actions") == ["no-op"]:
        return "imported" if change.get("importing") else "moved" if row.get("previous_address") else None
    return kind


def _change(row: Document) -> Change:
    kind = _kind(row) or "changed"
    differ = tuple(line for _, line in _attributes(row["change"])) if kind in ("changed", "replaced") else ()
    moved_from = _line(row.get("previous_address") or "")
    if moved_from:
        differ = (f"from {moved_from}", *differ)
    return Change(
        address=_line(row.get("address")),
        type=_line(row.get("type")),
        kind=kind,
        imports=bool(row["change"].get("importing")),
        moved_from=moved_from,
        attributes=differ,
    )


def _attributes(change: Document) -> Iterator[tuple[str, str]]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    marks = [change.get(f"{side}_sensitive") for side in ("before", "after")]
    for name in sorted(before.keys() | after.keys() | (unknown.keys() if isinstance(unknown, dict) else set())):
        later = isinstance(unknown, dict) and bool(_any(unknown.get(name)))
        if before.get(name) == after.get(name) and not later:
            continue
        hidden = any(mark is True or (isinstance(mark, dict) and _any(mark.get(name))) for mark in marks)
        if hidden:
            yield name, _line(f"{name}: (sensitive)")
        else:
            then = "(known after apply)" if later else _value(after.get(name))
            yield name, _line(f"{name}: {_value(before.get(name))} -> {then}")


def _any(mark: Any) -> bool:
    if isinstance(mark, dict):
        return any(_any(item) for item in mark.values())
    if isinstance(mark, list):
        return any(_any(item) for item in mark)
    return bool(mark)


def _empty(change: Document, name: str) -> bool:
    before, after = (change.get("before") or {}).get(name), (change.get("after") or {}).get(name)
    return (before is None or before in ("", [], {})) and (after is None or after in ("", [], {}))


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _line(value: object) -> str:
    return CONTROL.sub(" ", str(value)).replace("\n", " ")[:2_000]


def _bare(address: str) -> str:
    return address.partition("[")[0]


def shown(lines: Iterable[str]) -> tuple[str, ...]:
    """The changes that stand before those who sign: all but of a very large plan, whose log has the rest."""
    listed = tuple(lines)
    more = len(listed) - _LISTED
    return listed if more <= 0 else (*listed[:_LISTED], f"and {more} more: see the log of the plan")


def some(items: Sequence[str]) -> str:
    """A list as an outcome tells it."""
    more = f" and {len(items) - _TOLD} more" if len(items) > _TOLD else ""
    return ", ".join(items[:_TOLD]) + more
