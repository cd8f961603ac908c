"""The documents of Elasticsearch, Kibana and Filebeat that a bundle holds, as closed models.

Sources: elastic/elasticsearch-specification (`specification/ilm`, `cluster/put_component_template`,
`indices/put_index_template`, `security/put_role`, `security/create_api_key`), elastic/kibana (`docs/openapi` and the schemas of the
rule type `.es-query`), the reference of Filebeat. Stack 9. What is not modelled here is refused, though a server may know it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Age = Annotated[str, StringConstraints(pattern=r"^\d+(nanos|micros|ms|[smhd])$")]
Size = Annotated[str, StringConstraints(pattern=r"^\d+(b|kb|mb|gb|tb|pb)$")]
Uuid = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
FIELD_TYPES = frozenset(
    "boolean byte constant_keyword date date_nanos double flattened float geo_point half_float integer ip keyword long "
    "match_only_text nested object scaled_float short text unsigned_long version wildcard".split()
)


class Closed(BaseModel):
    """An unknown key is an error, as it is for Elasticsearch."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Rollover(Closed):
    """When a new backing index begins."""

    max_age: Age | None = None
    max_docs: int | None = None
    max_size: Size | None = None
    max_primary_shard_size: Size | None = None
    max_primary_shard_docs: int | None = None
    min_age: Age | None = None
    min_docs: int | None = None


class Priority(Closed):
    """Which index comes back first after a restart."""

    priority: Annotated[int, Field(ge=0)]


class Forcemerge(Closed):
    """Fewer segments."""

    max_num_segments: Annotated[int, Field(ge=1)]
    index_codec: Literal["best_compression"] | None = None


class Shrink(Closed):
    """Fewer shards."""

    number_of_shards: Annotated[int, Field(ge=1)] | None = None
    max_primary_shard_size: Size | None = None
    allow_write_after_shrink: bool = False


class Snapshot(Closed):
    """Kept as a searchable snapshot."""

    snapshot_repository: str
    force_merge_index: bool = True


class Delete(Closed):
    """It goes."""

    delete_searchable_snapshot: bool = True


class Wait(Closed):
    """Only once a snapshot was taken."""

    policy: str


class Hot(Closed):
    """What may happen while lines arrive."""

    rollover: Rollover | None = None
    set_priority: Priority | None = None
    forcemerge: Forcemerge | None = None
    shrink: Shrink | None = None
    readonly: dict[str, Any] | None = None
    searchable_snapshot: Snapshot | None = None


class Warm(Closed):
    """What may happen while they are searched."""

    set_priority: Priority | None = None
    forcemerge: Forcemerge | None = None
    shrink: Shrink | None = None
    allocate: dict[str, Any] | None = None
    migrate: dict[str, Any] | None = None
    readonly: dict[str, Any] | None = None


class Cold(Closed):
    """What may happen while they are kept."""

    set_priority: Priority | None = None
    searchable_snapshot: Snapshot | None = None
    allocate: dict[str, Any] | None = None
    migrate: dict[str, Any] | None = None
    readonly: dict[str, Any] | None = None


class Gone(Closed):
    """The end."""

    delete: Delete
    wait_for_snapshot: Wait | None = None


class HotPhase(Closed):
    min_age: Age = "0ms"
    actions: Hot


class WarmPhase(Closed):
    min_age: Age
    actions: Warm


class ColdPhase(Closed):
    min_age: Age
    actions: Cold


class DeletePhase(Closed):
    min_age: Age
    actions: Gone


class Phases(Closed):
    hot: HotPhase
    warm: WarmPhase | None = None
    cold: ColdPhase | None = None
    delete: DeletePhase


class Policy(Closed):
    phases: Phases
    meta: Annotated[dict[str, Any], Field(alias="_meta")] = {}


class Lifecycle(Closed):
    """`PUT _ilm/policy/NAME`."""

    policy: Policy


class Property(Closed):
    """One field of a mapping."""

    type: str | None = None
    properties: dict[str, Property] | None = None
    fields: dict[str, Property] | None = None
    ignore_above: int | None = None
    index: bool = True
    doc_values: bool = True
    value: str | None = None
    dynamic: bool | Literal["strict", "runtime"] | None = None
    scaling_factor: float | None = None

    @model_validator(mode="after")
    def _known(self) -> Property:
        if self.type is None and self.properties is None:
            raise ValueError("a field has a type or properties")
        if self.type is not None and self.type not in FIELD_TYPES:
            raise ValueError(f"no field has the type {self.type!r}")
        if self.type not in ("keyword", None) and self.ignore_above is not None:
            raise ValueError(f"ignore_above belongs to a keyword, not to {self.type}")
        return self


class Mappings(Closed):
    """The fields of an index."""

    dynamic: bool | Literal["strict", "runtime"] = True
    date_detection: bool = True
    properties: dict[str, Property] = {}
    dynamic_templates: list[dict[str, Any]] = []


class LifecycleName(Closed):
    name: str
    prefer_ilm: bool = True


class FieldLimit(Closed):
    limit: Annotated[int, Field(ge=1)]
    ignore_dynamic_beyond_limit: bool = False


class MappingLimits(Closed):
    total_fields: FieldLimit | None = None
    ignore_malformed: bool = False


class IndexSettings(Closed):
    """The settings that a bundle uses."""

    lifecycle: LifecycleName | None = None
    codec: Literal["default", "best_compression"] | None = None
    number_of_shards: Annotated[int, Field(ge=1)] | None = None
    number_of_replicas: Annotated[int, Field(ge=0)] | None = None
    refresh_interval: Age | None = None
    mapping: MappingLimits | None = None
    default_pipeline: str | None = None


class Settings(Closed):
    index: IndexSettings


class Template(Closed):
    """What a template gives an index."""

    settings: Settings | None = None
    mappings: Mappings | None = None
    aliases: dict[str, Any] | None = None
    lifecycle: dict[str, Any] | None = None


class ComponentTemplate(Closed):
    """`PUT _component_template/NAME`."""

    template: Template
    version: int | None = None
    meta: Annotated[dict[str, Any], Field(alias="_meta")] = {}


class DataStream(Closed):
    hidden: bool = False
    allow_custom_routing: bool = False


class IndexTemplate(Closed):
    """`PUT _index_template/NAME`."""

    index_patterns: Annotated[list[str], Field(min_length=1)]
    composed_of: list[str] = []
    ignore_missing_component_templates: list[str] = []
    template: Template | None = None
    data_stream: DataStream | None = None
    priority: Annotated[int, Field(ge=0)]
    version: int | None = None
    meta: Annotated[dict[str, Any], Field(alias="_meta")] = {}


IndexPrivilege = Literal[
    "all", "auto_configure", "create", "create_doc", "create_index", "delete", "delete_index", "index", "maintenance",
    "manage", "manage_data_stream_lifecycle", "manage_ilm", "monitor", "none", "read", "view_index_metadata", "write",
]  # fmt: skip
ClusterPrivilege = Literal[
    "all", "manage", "manage_api_key", "manage_ilm", "manage_index_templates", "manage_own_api_key", "manage_security",
    "monitor", "none", "read_ilm", "read_pipeline", "read_security",
]  # fmt: skip


class Indices(Closed):
    names: Annotated[list[str], Field(min_length=1)]
    privileges: Annotated[list[IndexPrivilege], Field(min_length=1)]
    query: str | None = None
    field_security: dict[str, list[str]] | None = None
    allow_restricted_indices: Literal[False] = False


class Application(Closed):
    application: str
    privileges: list[str]
    resources: list[str]


class Role(Closed):
    """`PUT _security/role/NAME`."""

    cluster: list[ClusterPrivilege] = []
    indices: list[Indices] = []
    applications: list[Application] = []
    run_as: list[str] = []
    metadata: dict[str, Any] = {}
    description: str = ""


class ApiKey(Closed):
    """`POST _security/api_key`."""

    name: str
    expiration: Age
    role_descriptors: Annotated[dict[str, Role], Field(min_length=1)]
    metadata: dict[str, Any] = {}


class Esql(Closed):
    esql: str


class EsQuery(Closed):
    """The parameters of an `.es-query` rule that asks in ES|QL."""

    searchType: Literal["esqlQuery"]
    esqlQuery: Esql
    timeField: str
    timeWindowSize: Annotated[int, Field(ge=1)]
    timeWindowUnit: Literal["s", "m", "h", "d"]
    size: Literal[0]
    threshold: tuple[Literal[0]] | Annotated[list[Literal[0]], Field(min_length=1, max_length=1)]
    thresholdComparator: Literal[">"]
    groupBy: Literal["all", "row"] = "all"
    termSize: int | None = None
    aggType: Literal["count"] = "count"
    excludeHitsFromPreviousRun: bool = False


class Frequency(Closed):
    summary: bool
    notify_when: Literal["onActionGroupChange", "onActiveAlert", "onThrottleInterval"]
    throttle: Annotated[str, StringConstraints(pattern=r"^\d+[smhd]$")] | None


class Action(Closed):
    id: str
    group: Literal["query matched", "recovered"]
    frequency: Frequency
    params: dict[str, Any]


class Schedule(Closed):
    interval: Annotated[str, StringConstraints(pattern=r"^\d+[smhd]$")]


class Rule(Closed):
    """`POST api/alerting/rule/ID`."""

    name: Annotated[str, StringConstraints(min_length=1)]
    rule_type_id: Literal[".es-query"]
    consumer: Literal["stackAlerts", "logs", "alerts"]
    enabled: bool = True
    tags: list[str] = []
    schedule: Schedule
    params: EsQuery
    actions: list[Action] = []
    alert_delay: dict[str, int] | None = None


class Reference(Closed):
    type: str
    id: str
    name: str


class SavedObject(Closed):
    """One line of `POST api/saved_objects/_import`."""

    type: Literal["index-pattern", "search", "dashboard", "lens", "visualization"]
    id: Uuid
    attributes: dict[str, Any]
    references: list[Reference]
    coreMigrationVersion: str | None = None
    typeMigrationVersion: str | None = None


JSON_FILES: dict[str, type[Closed]] = {
    "elasticsearch/ilm": Lifecycle,
    "elasticsearch/component-templates": ComponentTemplate,
    "elasticsearch/index-templates": IndexTemplate,
    "elasticsearch/roles": Role,
    "elasticsearch/api-keys": ApiKey,
    "kibana/rules": Rule,
}
"""By folder: what its files are sent as."""
ATTRIBUTES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "index-pattern": (frozenset(("title", "name", "timeFieldName")), frozenset(("title",))),
    "search": (
        frozenset(("title", "description", "columns", "sort", "kibanaSavedObjectMeta", "grid", "hideChart")),
        frozenset(("title", "columns", "sort", "kibanaSavedObjectMeta")),
    ),
    "dashboard": (
        frozenset(
            (
                "title", "description", "panelsJSON", "optionsJSON", "timeRestore", "timeFrom", "timeTo", "version",
                "kibanaSavedObjectMeta", "refreshInterval", "controlGroupInput",
            )
        ),
        frozenset(("title", "panelsJSON", "kibanaSavedObjectMeta")),
    ),
}  # fmt: skip
"""By type of a saved object: the attributes that it may have, and those that it needs."""
