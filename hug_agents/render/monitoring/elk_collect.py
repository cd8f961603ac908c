"""Filebeat: finds the lines of each service, says whose they are, and sends them to Logstash."""

from __future__ import annotations

import json
from typing import Any

from hug_agents.facts import tool
from hug_agents.render.monitoring.elk_fields import ECS
from hug_agents.render.naming import log_group, namespace
from hug_agents.spec import DeploymentSpec, Environment, Service

_CERTS = "/usr/share/filebeat/certs"


def config(spec: DeploymentSpec, environment: Environment) -> dict[str, Any]:
    """filebeat.yml of one environment."""
    kubernetes = spec.toolchain.runtime == "kubernetes"
    found: dict[str, Any] = (
        {"filebeat.autodiscover": _autodiscover(spec, environment)}
        if kubernetes
        else {"filebeat.inputs": [_cloudwatch(spec, environment, service) for service in spec.services]}
    )
    return {
        **found,
        "processors": [
            {"add_fields": {"target": "ecs", "fields": {"version": ECS}}},
            {"add_fields": {"target": "service", "fields": {"environment": environment.name}}},
            {"drop_fields": {"fields": ["agent", "input", "log.offset", "host"], "ignore_missing": True}},
        ],
        # What cannot be sent waits on the disk; the oldest is not thrown away, reading stops.
        "queue.disk": {"max_size": "2GB"},
        "output.logstash": {
            "hosts": ["${LOGSTASH_HOST}:5044"],
            "loadbalance": True,
            "ssl": {
                "enabled": True,
                "certificate_authorities": [f"{_CERTS}/ca.crt"],
                "certificate": f"{_CERTS}/tls.crt",
                "key": f"{_CERTS}/tls.key",
                "verification_mode": "full",
            },
        },
        "logging.level": "info",
        "logging.to_stderr": True,
        "http.enabled": True,
        "http.host": "localhost",
        "http.port": 5066,
    }


def _autodiscover(spec: DeploymentSpec, environment: Environment) -> dict[str, Any]:
    space = namespace(spec, environment)
    return {
        "providers": [
            {
                "type": "kubernetes",
                "node": "${NODE_NAME}",
                "namespace": space,
                "scope": "node",
                # Nothing outside its namespace is asked for, so its role ends there.
                "add_resource_metadata": {
                    "namespace": {"enabled": False},
                    "node": {"enabled": False},
                    "deployment": False,
                    "cronjob": False,
                },
                "templates": [_container(spec, space, service) for service in spec.services],
            }
        ]
    }


def _container(spec: DeploymentSpec, space: str, service: Service) -> dict[str, Any]:
    """The container has the service's name, in its Deployment, its jobs and its migration alike."""
    return {
        "condition": {
            "and": [
                {"equals": {"kubernetes.namespace": space}},
                {"equals": {"kubernetes.labels.app_kubernetes_io/part-of": spec.application}},
                {"equals": {"kubernetes.container.name": service.name}},
            ]
        },
        "config": [
            {
                "type": "filestream",
                "id": f"{service.name}-${{data.kubernetes.container.id}}",
                "paths": ["/var/log/containers/*-${data.kubernetes.container.id}.log"],
                "prospector.scanner.symlinks": True,
                "parsers": [{"container": {"stream": "all", "format": "auto"}}],
                "processors": [
                    {"add_fields": {"target": "service", "fields": {"name": service.name}}},
                    {
                        "copy_fields": {
                            "fields": [
                                {"from": "kubernetes.pod.name", "to": "service.node.name"},
                                {"from": "kubernetes.namespace", "to": "orchestrator.namespace"},
                                {"from": "kubernetes.labels.track", "to": "labels.track"},
                            ],
                            "ignore_missing": True,
                            "fail_on_error": False,
                        }
                    },
                    {"drop_fields": {"fields": ["kubernetes"], "ignore_missing": True}},
                ],
            }
        ],
    }


def _cloudwatch(spec: DeploymentSpec, environment: Environment, service: Service) -> dict[str, Any]:
    """The log group that the infrastructure writes to."""
    return {
        "type": "aws-cloudwatch",
        "id": f"{environment.name}-{service.name}",
        "log_group_name": log_group(spec, environment, service),
        "region_name": environment.region or "${AWS_REGION}",
        "scan_frequency": "30s",
        "start_position": "end",
        # Lines that CloudWatch takes late are still read.
        "latency": "1m",
        "processors": [
            {"add_fields": {"target": "service", "fields": {"name": service.name}}},
            {"add_fields": {"target": "cloud", "fields": {"region": environment.region or "${AWS_REGION}"}}},
        ],
    }


def cloudwatch_policy(spec: DeploymentSpec, environment: Environment) -> str:
    """What Filebeat's role may do on AWS: read these log groups."""
    region, account = environment.region or "*", environment.account or "*"
    groups = [
        f"arn:aws:logs:{region}:{account}:log-group:{log_group(spec, environment, service)}:*"
        for service in spec.services
    ]
    statements = [
        {
            "Sid": "ReadTheLogs",
            "Effect": "Allow",
            "Action": ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams"],
            "Resource": groups,
        },
        {"Sid": "FindTheGroups", "Effect": "Allow", "Action": ["logs:DescribeLogGroups"], "Resource": ["*"]},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def daemon(spec: DeploymentSpec, environment: Environment) -> list[dict[str, Any]]:
    """What runs Filebeat on every node, in a namespace of its own: it must see the files of the node."""
    name = f"filebeat-{environment.name}"
    space = "logging"
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": f"{spec.application}-logs"}
    meta = {"name": name, "labels": labels}
    local = {**meta, "namespace": space}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": local},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {**meta, "namespace": namespace(spec, environment)},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {**meta, "namespace": namespace(spec, environment)},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
            "roleRef": {"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": local,
            "spec": {
                "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "template": {"metadata": {"labels": labels}, "spec": _pod(name)},
            },
        },
    ]


def kustomization(environment: Environment) -> dict[str, Any]:
    """The DaemonSet with its configuration: another configuration is another name, so the pods are replaced."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["daemonset.yaml"],
        "configMapGenerator": [
            {"name": f"filebeat-{environment.name}", "namespace": "logging", "files": ["filebeat.yml"]}
        ],
    }


def _pod(name: str) -> dict[str, Any]:
    probe = {
        "exec": {"command": ["filebeat", "test", "output"]},
        "initialDelaySeconds": 20,
        "periodSeconds": 60,
        "timeoutSeconds": 20,
    }
    return {
        "serviceAccountName": name,
        "terminationGracePeriodSeconds": 30,
        "containers": [
            {
                "name": "filebeat",
                "image": f"docker.elastic.co/beats/filebeat:{tool('elastic-stack')}",
                "args": ["-e", "-c", "/etc/filebeat/filebeat.yml", "--strict.perms=false"],
                "env": [
                    {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    {
                        "name": "LOGSTASH_HOST",
                        "valueFrom": {"configMapKeyRef": {"name": "logstash", "key": "host"}},
                    },
                ],
                # The files of the node belong to root; it may read them, and nothing else of root's.
                "securityContext": {
                    "runAsUser": 0,
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"], "add": ["DAC_READ_SEARCH"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"cpu": "500m", "memory": "256Mi"},
                },
                "readinessProbe": probe,
                "livenessProbe": {
                    "httpGet": {"host": "127.0.0.1", "path": "/", "port": 5066},
                    "initialDelaySeconds": 30,
                    "periodSeconds": 30,
                },
                "volumeMounts": [
                    {"name": "config", "mountPath": "/etc/filebeat", "readOnly": True},
                    {"name": "certs", "mountPath": _CERTS, "readOnly": True},
                    {"name": "logs", "mountPath": "/var/log", "readOnly": True},
                    {"name": "data", "mountPath": "/usr/share/filebeat/data"},
                ],
            }
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": name}},
            {"name": "certs", "secret": {"secretName": f"{name}-certificate"}},
            {"name": "logs", "hostPath": {"path": "/var/log", "type": "Directory"}},
            {"name": "data", "hostPath": {"path": f"/var/lib/{name}", "type": "DirectoryOrCreate"}},
        ],
    }
