"""Who may talk to whom: Services, the Ingress of an environment, network policies and service accounts."""

from __future__ import annotations

import re
from typing import Any

from hug_agents.render.naming import labels, metrics_port, namespace, public_host
from hug_agents.render.orchestration.kubernetes_workloads import STAGE, job_label, metadata
from hug_agents.spec import Dependency, DeploymentSpec, Environment, Service

METADATA_ADDRESS = "169.254.169.254/32"
"""The cloud's instance metadata: no pod may ask it for the node's credentials."""
POD_SECURITY_VERSION = "v1.31"

_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "queue": 443, "object_store": 443}
_SCHEMES = {
    "http": 80, "ws": 80, "amqp": 5672, "amqps": 5671, "kafka": 9092, "mongodb": 27017, "mysql": 3306, "nats": 4222,
    "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379, "smtp": 587, "smtps": 465,
}  # fmt: skip
_URL = re.compile(
    r"^([a-z][a-z0-9]*)(?:\+[a-z0-9]+)?://(?:[^/@\s]*@)?(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:/|\?|$)"
)


def service_account(spec: DeploymentSpec, service: Service) -> dict[str, Any]:
    """An identity of its own, whose token is not mounted."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(spec, service, service.name, "setup"),
        "automountServiceAccountToken": False,
    }


def service(spec: DeploymentSpec, item: Service) -> dict[str, Any]:
    """The Service of a web service. Its selector names no track: deploy.sh sets it, and applying moves no traffic."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(spec, item, item.name, "setup"),
        "spec": {
            "type": "ClusterIP",
            "selector": labels(spec, item),
            "ports": [{"name": "http", "port": item.port, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def environment_namespace(spec: DeploymentSpec, environment: Environment) -> dict[str, Any]:
    """The namespace, which refuses any pod below the restricted standard."""
    modes = ("enforce", "audit", "warn")
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace(spec, environment),
            "labels": {
                STAGE: "namespace",
                **{f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes},
                **{f"pod-security.kubernetes.io/{mode}-version": POD_SECURITY_VERSION for mode in modes},
            },
        },
    }


def ingress(spec: DeploymentSpec, environment: Environment) -> dict[str, Any] | None:
    """One Ingress for the public services of an environment with a domain, TLS only."""
    hosts = [(host, item) for item in spec.web_services if (host := public_host(spec, environment, item))]
    if not hosts:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": spec.application,
            "labels": {"app.kubernetes.io/part-of": spec.application, STAGE: "setup"},
        },
        "spec": {
            "tls": [{"hosts": [host for host, _ in hosts], "secretName": f"{spec.application}-tls"}],
            "rules": [
                {
                    "host": host,
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": item.name, "port": {"name": "http"}}},
                            }
                        ]
                    },
                }
                for host, item in hosts
            ],
        },
    }


def default_policies(spec: DeploymentSpec) -> list[dict[str, Any]]:
    """Nothing in, nothing out for the application's pods, but names may be looked up."""
    everything = {"matchLabels": {"app.kubernetes.io/part-of": spec.application}}
    dns = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}

    def policy(suffix: str, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": f"{spec.application}.{suffix}",
                "labels": {"app.kubernetes.io/part-of": spec.application, STAGE: "setup"},
            },
            "spec": {"podSelector": everything, **body},
        }

    return [
        policy("default-deny", {"policyTypes": ["Ingress", "Egress"]}),
        policy("dns", {"policyTypes": ["Egress"], "egress": [dns]}),
    ]


def policy(spec: DeploymentSpec, item: Service) -> dict[str, Any]:
    """What one service needs: its callers, its own application, its dependencies, HTTPS to the outside."""
    own = {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": spec.application}}}
    outside = {"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_ADDRESS]}}
    inside_ports = sorted({web.port for web in spec.web_services if web.port})
    outside_ports = sorted({443, *dependency_ports(spec.dependencies), *url_ports(spec, item)})
    egress: list[dict[str, Any]] = []
    if inside_ports:
        egress.append({"to": [own], "ports": _tcp(*inside_ports)})
    # Databases may be outside the cluster or in another namespace of it.
    egress.append({"to": [outside, {"namespaceSelector": {}}], "ports": _tcp(*outside_ports)})
    ingress_rules: list[dict[str, Any]] = []
    if item.kind == "web" and item.port:
        if item.public:
            # Load balancers reach and probe pods from other namespaces or from outside the cluster.
            ingress_rules.append({"ports": _tcp(*sorted({item.port, item.health_port or item.port}))})
        else:
            ingress_rules.append({"from": [own], "ports": _tcp(item.port)})
        scrape = metrics_port(item)
        if scrape and not item.public:
            scraper = {
                "namespaceSelector": {},
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
            }
            ingress_rules.append({"from": [scraper], "ports": _tcp(scrape)})
    names = [item.name, job_label(item)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(spec, item, item.name, "setup"),
        "spec": {
            "podSelector": {
                "matchLabels": {"app.kubernetes.io/part-of": spec.application},
                "matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": names}],
            },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress_rules,
            "egress": egress,
        },
    }


def dependency_ports(dependencies: tuple[Dependency, ...]) -> set[int]:
    """The usual ports of the dependencies."""
    return {_PORTS[dependency.kind] for dependency in dependencies}


def url_ports(spec: DeploymentSpec, item: Service) -> set[int]:
    """The ports that plain environment variables speak of, e.g. 8125 in `http://agent:8125`, in any environment."""
    found: set[int] = set()
    for environment in spec.environments:
        for variable in spec.in_environment(item, environment).env:
            if match := _URL.match(variable.value):
                port = int(match[2]) if match[2] else _SCHEMES.get(match[1], 0)
                if 0 < port <= 65535:
                    found.add(port)
    return found


def _tcp(*ports: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port} for port in ports]
