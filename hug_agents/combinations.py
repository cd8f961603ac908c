"""Which systems go together: each row is one thing that a system cannot do without, why, and what is nearest.

A row is asked as soon as its facts are known: of options before a model is called, of a spec before a file is written. Whatever
no row speaks of makes sense. A third party's system brings its rows along, in `System.needs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from hug_agents.errors import UnsupportedError
from hug_agents.spec import DeploymentSpec, Model, SystemId, Toolchain
from hug_agents.systems import FIELDS, Need, systems

NEEDS: dict[SystemId, tuple[Need, ...]] = {
    "ecs": (
        Need(
            field="cloud", all_of=("aws",),
            reason="Amazon ECS runs in AWS alone",
            nearest="the runtime kubernetes or nomad on a cluster that is there, or every environment in AWS",
        ),
    ),
    "cloudformation": (
        Need(
            field="cloud", any_of=("aws",),
            reason="CloudFormation creates things in AWS alone, and no environment is there",
            nearest="no infrastructure as code: manifests for a cluster that is there",
        ),
        Need(
            field="runtime", any_of=("ecs",),
            reason="clusters are written as Terraform; with CloudFormation the services run on ECS",
            nearest="terraform beside kubernetes and nomad, or the runtime ecs",
        ),
    ),
    "pulumi": (
        Need(
            field="runtime", any_of=("ecs",),
            reason="clusters are written as Terraform; with Pulumi the services run on ECS",
            nearest="terraform beside kubernetes and nomad, or the runtime ecs",
        ),
    ),
    "argo_rollouts": (
        Need(
            field="runtime", any_of=("kubernetes",),
            reason="Argo Rollouts is a controller of Kubernetes",
            nearest="the runtime kubernetes; or no rollout automation: ECS shifts traffic itself, Nomad has canaries and "
            "auto_revert of its own",
        ),
    ),
    "spinnaker": (
        Need(
            field="runtime", any_of=("kubernetes",),
            reason="Spinnaker has no cloud provider for Nomad, and on ECS the services are the infrastructure as code's",
            nearest="no rollout automation: ECS shifts traffic itself, Nomad has canaries and auto_revert of its own; or the "
            "runtime kubernetes",
        ),
    ),
    "grafana": (
        Need(
            field="monitors", any_of=("prometheus",),
            reason="Grafana shows what another system measures, and its dashboards ask Prometheus",
            nearest="the monitors prometheus and grafana together",
        ),
    ),
    "nexus": (
        Need(
            field="registry_host",
            reason="Nexus is a server of your own, and nothing says where it answers",
            nearest="say its host and repository, e.g. nexus.example.com/shop; or the registry docker_registry",
        ),
    ),
    "artifactory": (
        Need(
            field="registry_host",
            reason="Artifactory is a server of your own, and nothing says where it answers",
            nearest="say its host and repository, e.g. shop.jfrog.io/shop-docker; or the registry docker_registry",
        ),
    ),
}  # fmt: skip
"""What our own systems need. What a renderer refuses for a reason of its own (a value that a tool cannot hold) is not here."""

Known = Mapping[str, tuple[str, ...] | None]
"""What is chosen, by field of a toolchain, and `cloud`, those of the environments; None: not known yet."""


class Clash(Model):
    """Two choices that make no sense together."""

    system: SystemId
    need: Need

    def error(self) -> UnsupportedError:
        """The refusal, as it is raised."""
        return UnsupportedError(
            f"{systems()[self.system].name}: {self.need.reason}",
            where=f"toolchain.{self.need.field}" if self.need.field != "cloud" else "environments",
            hint=self.need.nearest,
        )


def needs(system: str) -> tuple[Need, ...]:
    """The rows of one system, ours or a third party's."""
    row = systems().get(system)
    return (*NEEDS.get(system, ()), *(row.needs if row else ()))


def clashes(known: Known) -> Iterator[Clash]:
    """Everything that makes no sense in what is known; nothing is held against what is not known yet."""
    chosen = [item for field in FIELDS for item in known.get(field) or ()]
    for system in chosen:
        for need in needs(system):
            there = known.get(need.field)
            if there is not None and not _met(need, there):
                yield Clash(system=system, need=need)


def _met(need: Need, there: tuple[str, ...]) -> bool:
    if need.all_of:
        return all(item in need.all_of for item in there)
    if need.any_of:
        return any(item in need.any_of for item in there)
    return any(there)


def known(toolchain: Toolchain, clouds: tuple[str, ...] | None = None) -> Known:
    """A whole toolchain as what is known."""
    values = {field: _tuple(getattr(toolchain, field)) for field in FIELDS}
    return {**values, "registry_host": _tuple(toolchain.registry_host), "cloud": clouds}


def _tuple(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,) if value else ()


def require(spec: DeploymentSpec) -> None:
    """Raises UnsupportedError, with the reason and the nearest that works, for a spec whose systems do not go together."""
    clouds = tuple(environment.cloud for environment in spec.environments)
    for clash in clashes(known(spec.toolchain, clouds)):
        raise clash.error()


def sensible() -> Iterator[Toolchain]:
    """Every combination of systems that are written for and go together, one monitor or none, whatever the cloud."""
    by_field = {
        field: [item.id for item in systems().values() if item.family == family and item.level != "planned"]
        for field, family in FIELDS.items()
    }
    optional: list[list[str | None]] = [[None, *by_field[field]] for field in ("iac", "ci", "rollout", "registry")]
    for iac, ci, rollout, registry in product(*optional):
        for runtime, monitor in product(by_field["runtime"], [None, *by_field["monitors"]]):
            monitors = () if monitor is None else ("prometheus", monitor) if monitor == "grafana" else (monitor,)
            host = "registry.example.com/team" if registry in ("nexus", "artifactory") else ""
            chain = Toolchain(
                iac=iac, ci=ci, rollout=rollout, registry=registry, runtime=runtime, monitors=monitors,
                registry_host=host,
            )  # fmt: skip
            if not any(clashes(known(chain))):
                yield chain
