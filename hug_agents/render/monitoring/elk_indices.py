"""Where logs are kept and for how long: lifecycle, component templates, index templates, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hug_agents.render.monitoring.elk_fields import ECS, properties
from hug_agents.render.monitoring.streams import dataset, dead_dataset, pattern, space, stream
from hug_agents.spec import DeploymentSpec, Environment

_PRIORITY = 500
"""Above Elastic's own template for `logs-*-*`, which is 100."""


def lifecycle(environment: Environment) -> dict[str, Any]:
    """PUT _ilm/policy/NAME: as long as CloudWatch keeps them, a year in production and 90 days elsewhere."""
    production = environment.role == "production"
    return {
        "policy": {
            "_meta": {"managed_by": "hug-agents"},
            "phases": {
                "hot": {
                    "min_age": "0ms",
                    "actions": {
                        "rollover": {"max_age": "7d" if production else "30d", "max_primary_shard_size": "50gb"},
                        "set_priority": {"priority": 100},
                    },
                },
                "warm": {
                    "min_age": "2d",
                    "actions": {
                        "set_priority": {"priority": 50},
                        "forcemerge": {"max_num_segments": 1},
                        "shrink": {"number_of_shards": 1},
                    },
                },
                "delete": {"min_age": "365d" if production else "90d", "actions": {"delete": {}}},
            },
        }
    }


def policy_name(spec: DeploymentSpec, environment: Environment) -> str:
    """The lifecycle of an environment."""
    return f"{dataset(spec)}-{space(environment)}"


def component_name(spec: DeploymentSpec, part: str) -> str:
    """A component template: `mappings`, or `settings-ENVIRONMENT`."""
    return f"{dataset(spec)}@{part}"


def components(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """PUT _component_template/NAME."""
    yield (
        component_name(spec, "mappings"),
        {
            "template": {
                "mappings": {
                    # A field that is not here is kept in _source and searched by nobody: an index cannot be blown up.
                    "dynamic": False,
                    "date_detection": False,
                    "properties": {
                        **properties(),
                        "data_stream": {
                            "properties": {
                                name: {"type": "constant_keyword"} for name in ("type", "dataset", "namespace")
                            }
                        },
                    },
                }
            },
            "_meta": {"managed_by": "hug-agents", "ecs_version": ECS},
        },
    )
    for environment in spec.environments:
        production = environment.role == "production"
        yield (
            component_name(spec, f"settings-{space(environment)}"),
            {
                "template": {
                    "settings": {
                        "index": {
                            "lifecycle": {"name": policy_name(spec, environment)},
                            "codec": "best_compression",
                            "number_of_shards": 1,
                            "number_of_replicas": 1 if production else 0,
                            "refresh_interval": "10s",
                            "mapping": {"total_fields": {"limit": 200}},
                        }
                    }
                },
                "_meta": {"managed_by": "hug-agents"},
            },
        )


def templates(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """PUT _index_template/NAME: one an environment, for its lines and for those that were refused."""
    for environment in spec.environments:
        yield (
            stream(spec, environment),
            {
                "index_patterns": [
                    stream(spec, environment),
                    f"logs-{dead_dataset(spec)}-{space(environment)}",
                ],
                "data_stream": {},
                "priority": _PRIORITY,
                "composed_of": [
                    component_name(spec, "mappings"),
                    component_name(spec, f"settings-{space(environment)}"),
                ],
                "_meta": {"managed_by": "hug-agents", "application": spec.application},
            },
        )


def privileges(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """What Logstash may do: add lines, and nothing else. It cannot read, change or delete one."""
    names = [pattern(spec), f"logs-{dead_dataset(spec)}-*"]
    return [{"names": names, "privileges": ["auto_configure", "create_doc"]}]


def api_key(spec: DeploymentSpec) -> dict[str, Any]:
    """POST _security/api_key, by a person; the answer goes into Logstash's keystore and is kept nowhere else."""
    return {
        "name": f"{spec.application}-logstash",
        "expiration": "90d",
        "role_descriptors": {
            f"{dataset(spec)}_writer": {"cluster": ["monitor"], "indices": privileges(spec)},
        },
        "metadata": {"managed_by": "hug-agents", "application": spec.application},
    }


def roles(spec: DeploymentSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """PUT _security/role/NAME."""
    meta = {"managed_by": "hug-agents"}
    yield (
        f"{dataset(spec)}_writer",
        {"cluster": ["monitor"], "indices": privileges(spec), "metadata": meta},
    )
    yield (
        f"{dataset(spec)}_reader",
        {
            "cluster": [],
            "indices": [
                {
                    "names": [pattern(spec), f"logs-{dead_dataset(spec)}-*"],
                    "privileges": ["read", "view_index_metadata"],
                }
            ],
            "applications": [
                {
                    "application": "kibana-.kibana",
                    "privileges": ["feature_discover.read", "feature_dashboard.read"],
                    "resources": ["space:default"],
                }
            ],
            "metadata": meta,
        },
    )
