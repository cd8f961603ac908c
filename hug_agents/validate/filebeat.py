"""filebeat.yml: the settings, inputs and processors that Filebeat 9 has. Source: its reference, filebeat.reference.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
Problem = tuple[str, str, Path]

_TOP = re.compile(
    r"^(filebeat\.(inputs|autodiscover|config\.\w+|registry\.\w+|shutdown_timeout)|processors|fields|fields_under_root|tags|name"
    r"|queue\.(mem|disk)|output\.(logstash|elasticsearch|kafka|console)|logging\.[\w.]+|http\.(enabled|host|port|named_pipe\.user)"
    r"|setup\.(ilm\.enabled|template\.enabled|kibana|dashboards\.enabled)|max_procs|path\.\w+|monitoring\.[\w.]+)$"
)
_COMMON = frozenset("type id enabled tags fields fields_under_root processors keep_null pipeline index".split())
_INPUTS: dict[str, frozenset[str]] = {
    "filestream": _COMMON
    | frozenset(
        "paths prospector.scanner.symlinks prospector.scanner.check_interval prospector.scanner.exclude_files parsers encoding "
        "exclude_lines include_lines ignore_older close.on_state_change.inactive clean_inactive take_over harvester_limit "
        "ignore_inactive file_identity prospector.scanner.fingerprint.enabled buffer_size message_max_bytes".split()
    ),
    "aws-cloudwatch": _COMMON
    | frozenset(
        "log_group_arn log_group_name log_group_name_prefix include_linked_accounts_for_prefix_mode region_name log_streams "
        "log_stream_prefix start_position scan_frequency api_timeout api_sleep latency number_of_workers role_arn "
        "credential_profile_name shared_credential_file external_id default_region endpoint fips_enabled".split()
    ),
    "aws-s3": _COMMON
    | frozenset(
        "queue_url visibility_timeout sqs.max_receive_count number_of_workers role_arn region default_region".split()
    ),
}
_NEEDS = {"filestream": ("id", "paths"), "aws-cloudwatch": (), "aws-s3": ("queue_url",)}
_PROCESSORS = frozenset(
    "add_cloud_metadata add_docker_metadata add_fields add_host_metadata add_id add_kubernetes_metadata add_labels add_locale "
    "add_process_metadata add_tags append copy_fields convert decode_duration decode_json_fields dissect drop_event drop_fields "
    "fingerprint include_fields move_fields rate_limit rename replace script timestamp truncate_fields urldecode lowercase".split()
)
_PROVIDER = frozenset(
    "type node namespace scope resource unique cleanup_timeout hints templates kube_config add_resource_metadata identifier".split()
)
_LOGSTASH = frozenset(
    "hosts enabled loadbalance compression_level ssl worker workers timeout max_retries bulk_max_size slow_start backoff.init "
    "backoff.max pipelining ttl escape_html index proxy_url preset".split()
)
_SSL = frozenset(
    "enabled certificate_authorities certificate key key_passphrase verification_mode supported_protocols cipher_suites "
    "ca_trusted_fingerprint ca_sha256 renegotiation".split()
)


def filebeat_problems(data: Any) -> Iterator[Problem]:
    """What Filebeat would refuse, ignore or do without a safe way to Logstash."""
    if not isinstance(data, dict):
        yield "filebeat", "a mapping is expected", ()
        return
    for key in data:
        if not _TOP.match(str(key)):
            yield "unknown-key", f"Filebeat has no setting {key!r}", (key,)
    ids: dict[str, str] = {}
    for path, item in _inputs(data):
        yield from _input(item, path, ids)
    for index, provider in enumerate((data.get("filebeat.autodiscover") or {}).get("providers") or ()):
        for key in sorted(provider.keys() - _PROVIDER):
            yield "unknown-key", f"a provider has no {key!r}", ("filebeat.autodiscover", "providers", index, key)
    yield from _processors(data.get("processors"), ("processors",))
    outputs = [key for key in data if str(key).startswith("output.")]
    if len(outputs) != 1:
        yield "output", f"exactly one output is needed, there are {len(outputs)}", (outputs[1],) if outputs else ()
    if logstash := data.get("output.logstash"):
        for key in sorted(logstash.keys() - _LOGSTASH):
            yield "unknown-key", f"the output to Logstash has no {key!r}", ("output.logstash", key)
        ssl = logstash.get("ssl") or {}
        for key in sorted(ssl.keys() - _SSL):
            yield "unknown-key", f"ssl has no {key!r}", ("output.logstash", "ssl", key)
        if not ssl.get("certificate_authorities") or ssl.get("verification_mode", "full") == "none":
            yield "tls", "the way to Logstash is open, or nobody looks who answers", ("output.logstash",)


def _inputs(data: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, item in enumerate(data.get("filebeat.inputs") or ()):
        yield ("filebeat.inputs", index), item
    for number, provider in enumerate((data.get("filebeat.autodiscover") or {}).get("providers") or ()):
        for place, template in enumerate(provider.get("templates") or ()):
            for index, item in enumerate(template.get("config") or ()):
                yield ("filebeat.autodiscover", "providers", number, "templates", place, "config", index), item


def _input(item: dict[str, Any], path: Path, ids: dict[str, str]) -> Iterator[Problem]:
    kind = str(item.get("type"))
    if kind not in _INPUTS:
        yield "input", f"no input is known here by the name {kind!r}: {', '.join(_INPUTS)}", (*path, "type")
        return
    for key in sorted(item.keys() - _INPUTS[kind]):
        yield "unknown-key", f"the input {kind} has no {key!r}", (*path, key)
    for key in _NEEDS[kind]:
        if not item.get(key):
            yield "input", f"the input {kind} needs {key}", path
    groups = [key for key in ("log_group_arn", "log_group_name", "log_group_name_prefix") if item.get(key)]
    if kind == "aws-cloudwatch":
        if len(groups) != 1:
            yield "input", "exactly one of log_group_arn, log_group_name and log_group_name_prefix is needed", path
        elif groups != ["log_group_arn"] and not item.get("region_name"):
            yield "input", f"{groups[0]} needs region_name", path
    if (id := item.get("id")) is not None:
        if id in ids:
            yield "id", "two inputs have one id: lines would be lost or come twice", (*path, "id")
        ids[id] = id
    yield from _processors(item.get("processors"), (*path, "processors"))


def _processors(rows: Any, path: Path) -> Iterator[Problem]:
    for index, row in enumerate(rows or ()):
        if not isinstance(row, dict) or len(row) != 1:
            yield "processor", "a processor is one name and its settings", (*path, index)
        elif (name := next(iter(row))) not in _PROCESSORS:
            yield "processor", f"Filebeat has no processor {name!r}", (*path, index, name)
