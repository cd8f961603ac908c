"""Every gate, ours and those of others. Ours stand in one list; the slowest first, so that none of them starts last."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from hug_agents.errors import UsageError
from hug_agents.validate.gate import Gate

_OURS = (
    "groovy_lint:GroovyLint",
    "terraform:TerraformTest",
    "terraform:TerraformValidate",
    "pulumi:PulumiTest",
    "pulumi:PulumiMocks",
    "ecs:EcsModel",
    "cfn_lint:CfnLint",
    "kustomize:Kustomize",
    "kubernetes_validate:KubernetesValidate",
    "argo_rollouts:ArgoRollouts",
    "helm:Helm",
    "secrets:SecretScan",
    "gitlab_ci_local:GitlabCiLocal",
    "check_jsonschema:CheckJsonschema",
    "zizmor:Zizmor",
    "actionlint:Actionlint",
    "promtool:PromtoolCheck",
    "promtool:PromtoolTest",
    "amtool:Amtool",
    "hadolint:Hadolint",
    "nomad:NomadJobs",
    "nomad:NomadValidate",
    "shellcheck:Shellcheck",
    "spinnaker:SpinnakerPipelines",
    "jenkinsfile:JenkinsPipeline",
    "circleci:CircleciReferences",
    "terraform:TerraformFmt",
    "coherence.gate:Coherence",
    "registry_documents:RegistryDocuments",
    "analysis_metrics:AnalysisMetrics",
    "grafana:Grafana",
    "promql:PromQL",
    "datadog:Datadog",
    "elk:Elk",
    "logstash:Logstash",
    "wellformed:WellFormed",
    "policy.pack:PolicyPack",
)
"""`module:class` below this package."""


@cache
def gates() -> tuple[Gate, ...]:
    """Ours, then those of the entry-point group `hug_agents.gates` (each a subclass of `Gate`)."""
    found: list[Gate] = []
    for item in _OURS:
        module, _, name = item.partition(":")
        found.append(getattr(import_module(f"hug_agents.validate.{module}"), name)())
    taken = {gate.name for gate in found}
    for point in entry_points(group="hug_agents.gates"):
        gate = point.load()()
        if not isinstance(gate, Gate) or gate.name in taken:
            raise UsageError(
                f"the entry point {point.value} is not a gate with a name of its own",
                where="hug_agents.gates",
                hint="a subclass of hug_agents.validate.Gate; see docs",
            )
        taken.add(gate.name)
        found.append(gate)
    return tuple(found)
