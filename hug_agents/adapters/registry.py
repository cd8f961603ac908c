"""The targets by name: ours, and those of the entry-point group `hug_agents.targets` (each `(rest, store) -> Target`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from hug_agents.errors import UsageError
from hug_agents.execute.target import Target
from hug_agents.store import Store

Make = Callable[[str, Store], Target]


def _write(rest: str, store: Store) -> Target:
    from hug_agents.adapters.write import WriteTarget

    if not rest:
        raise UsageError("the target write needs a git repository", where="target", hint="write:PATH")
    return WriteTarget(Path(rest))


def _local(rest: str, store: Store) -> Target:
    from hug_agents.adapters.local.target import LocalTarget

    return LocalTarget(rest, store)


def _cloudformation(rest: str, store: Store) -> Target:
    from hug_agents.adapters.cloudformation.target import CloudFormationTarget

    return CloudFormationTarget(Path(rest) if rest else None, store)


def _terraform(rest: str, store: Store) -> Target:
    from hug_agents.adapters.terraform.target import TerraformTarget

    if not rest:
        raise UsageError("the target terraform needs a folder of its own", where="target", hint="terraform:FOLDER")
    return TerraformTarget(Path(rest), store)


def _ecs(rest: str, store: Store) -> Target:
    from hug_agents.adapters.ecs.target import EcsTarget

    return EcsTarget(Path(rest) if rest else None)


def _github_actions(rest: str, store: Store) -> Target:
    from hug_agents.adapters.github_actions.place import Place
    from hug_agents.adapters.github_actions.target import GithubActionsTarget
    from hug_agents.settings import Settings

    return GithubActionsTarget(Place.parse(rest), store, Settings.load().github_token)


def _registry(rest: str, store: Store) -> Target:
    from hug_agents.adapters.oci.place import Place
    from hug_agents.adapters.oci.target import RegistryTarget

    return RegistryTarget(Place.parse(rest))


def _nomad(rest: str, store: Store) -> Target:
    from hug_agents.adapters.nomad.place import Place
    from hug_agents.adapters.nomad.target import NomadTarget
    from hug_agents.settings import Settings

    return NomadTarget(Place.parse(rest), store, Settings.load().nomad_token)


def _spinnaker(rest: str, store: Store) -> Target:
    from hug_agents.adapters.spinnaker.place import Place
    from hug_agents.adapters.spinnaker.target import SpinnakerTarget
    from hug_agents.settings import Settings

    return SpinnakerTarget(Place.parse(rest), store, Settings.load().gate_token)


def _grafana(rest: str, store: Store) -> Target:
    from hug_agents.adapters.monitors.grafana import GrafanaTarget
    from hug_agents.settings import Settings

    return GrafanaTarget(rest, Settings.load().grafana_token)


def _elk(rest: str, store: Store) -> Target:
    from hug_agents.adapters.monitors.elk import ElkTarget
    from hug_agents.settings import Settings

    return ElkTarget(rest, Settings.load().elastic_api_key)


def _datadog(rest: str, store: Store) -> Target:
    from hug_agents.adapters.monitors.datadog import DatadogTarget
    from hug_agents.settings import Settings

    settings = Settings.load()
    return DatadogTarget(rest, settings.datadog_api_key, settings.datadog_app_key)


def _kubernetes(rest: str, store: Store) -> Target:
    from hug_agents.adapters.kubernetes.target import KubernetesTarget

    return KubernetesTarget(rest)


def _gitlab_ci(rest: str, store: Store) -> Target:
    from hug_agents.adapters.gitlab_ci.place import Place
    from hug_agents.adapters.gitlab_ci.target import GitlabCiTarget
    from hug_agents.settings import Settings

    return GitlabCiTarget(Place.parse(rest), store, Settings.load().gitlab_token)


def _jenkins(rest: str, store: Store) -> Target:
    from hug_agents.adapters.jenkins.target import jenkins_target
    from hug_agents.settings import Settings

    settings = Settings.load()
    return jenkins_target(rest, store, settings.jenkins_user, settings.jenkins_token)


def _circleci(rest: str, store: Store) -> Target:
    from hug_agents.adapters.circleci.target import circleci_target
    from hug_agents.settings import Settings

    return circleci_target(rest, store, Settings.load().circleci_token)


_OURS: dict[str, Make] = {
    "datadog": _datadog,
    "elk": _elk,
    "grafana": _grafana,
    "ecs": _ecs,
    "cloudformation": _cloudformation,
    "github_actions": _github_actions,
    "kubernetes": _kubernetes,
    "gitlab_ci": _gitlab_ci,
    "circleci": _circleci,
    "jenkins": _jenkins,
    "local": _local,
    "registry": _registry,
    "nomad": _nomad,
    "spinnaker": _spinnaker,
    "terraform": _terraform,
    "write": _write,
}


def load_target(name: str, store: Store) -> Target:
    """A target by its name, `KIND` or `KIND:WHAT IT NEEDS`. Raises UsageError."""
    kind, _, rest = name.partition(":")
    makers: dict[str, Make] = {point.name: point.load() for point in entry_points(group="hug_agents.targets")} | _OURS
    if kind not in makers:
        raise UsageError(
            f"there is no target {kind[:40]!r}" if kind else "no target was named",
            where="target",
            hint=f"one of: {', '.join(sorted(makers))}; e.g. write:../infrastructure",
        )
    return makers[kind](rest, store)
