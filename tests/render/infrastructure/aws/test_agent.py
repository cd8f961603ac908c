"""Datadog's Agent beside the services on Fargate: the same container whichever tool writes it, and ECS's own model takes it."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hug_agents.bundle import Bundle
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.fargate import size
from hug_agents.render.naming import DATADOG_SECRET
from hug_agents.spec import DeploymentSpec, EnvVar
from hug_agents.validate import run_gates
from hug_agents.validate.hcl import parse
from tests.examples import ALL, DIGEST
from tests.render.infrastructure.test_pulumi import declare, of
from tests.render.orchestration.template_value import Made

TF, CFN, PU = "terraform", "cloudformation", "pulumi"
TEMPLATE = "infrastructure/cloudformation/environments/production/template.yaml"
KEY_ARN = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:datadog/api-key-AbCdEf"


def spec_of(iac: str, name: str = "ecs_canary", *env: EnvVar) -> DeploymentSpec:
    spec = ALL[name]()
    services = tuple(item.model_copy(update={"env": (*item.env, *env)}) for item in spec.services)
    chosen = spec.toolchain.model_copy(update={"iac": iac, "monitors": ("datadog",)})
    return spec.model_copy(update={"toolchain": chosen, "services": services})


@cache
def bundle(iac: str, name: str = "ecs_canary") -> Bundle:
    return render(plan(spec_of(iac, name)))


def cloudformation(files: Bundle) -> dict[str, Any]:
    """The resources of production with a released slot, as CloudFormation makes them."""
    image = f"registry.example.com/payments-api@{DIGEST}"
    secrets = json.loads(files[TEMPLATE.replace("template.yaml", "secrets.json")].content)
    given = {
        name: f"arn:aws:secretsmanager:eu-west-1:222222222222:secret:{key}-AbCdEf" for name, key in secrets.items()
    }
    released = {
        "BlueImagePaymentsApi": image,
        "BlueRunning": "true",
        "BlueWeight": "100",
        "Live": "blue",
        "Next": "blue",
    }
    return Made(files[TEMPLATE].content, given | released | {"DatadogAgentImage": agent.IMAGE_EXAMPLE}).resources


def camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key if "." in key or "-" in key or key.isupper() else key[0].lower() + key[1:]: camel(item)
            for key, item in value.items()
        }
    return [camel(item) for item in value] if isinstance(value, list) else value


def of_cloudformation() -> list[dict[str, Any]]:
    [task] = [
        item["Properties"]
        for name, item in cloudformation(bundle(CFN)).items()
        if item["Type"] == "AWS::ECS::TaskDefinition" and name.startswith("Blue")
    ]
    assert (task["Cpu"], task["Memory"]) == ("1024", "2048")
    return camel(task["ContainerDefinitions"])  # type: ignore[no-any-return]


def of_pulumi(folder: Path) -> list[dict[str, Any]]:
    tasks = of(declare(spec_of(PU), folder)["production"], "aws:ecs/taskDefinition:TaskDefinition")
    [task] = [item for item in tasks if item["family"] == "payments-api-production-payments-api"][:1]
    assert (task["cpu"], task["memory"]) == ("1024", "2048")
    return json.loads(task["containerDefinitions"])  # type: ignore[no-any-return]


def named(rows: list[dict[str, str]], value: str = "value") -> dict[str, str]:
    return {row["name"]: row[value] for row in rows}


def settled(container: dict[str, Any]) -> dict[str, Any]:
    """Without what stands for an account, which each test makes up for itself."""
    kept = {key: value for key, value in container.items() if key not in ("logConfiguration", "image")}
    kept["secrets"] = sorted(named(container["secrets"], "valueFrom"))
    kept["environment"] = {
        key: value for key, value in named(container["environment"]).items() if key.startswith(("DD_", "ECS"))
    }
    return kept


@pytest.mark.skipif(find_spec("pulumi_aws") is None, reason="pulumi, install with pip install 'hug-agents[pulumi]'")
def test_cloudformation_and_pulumi_write_the_same_container(tmp_path: Path) -> None:
    one, other = of_cloudformation(), of_pulumi(tmp_path)
    assert [item["name"] for item in one] == [item["name"] for item in other] == ["payments-api", "datadog-agent"]
    assert settled(one[1]) == settled(other[1])
    versions = [item[0]["dockerLabels"].pop("com.datadoghq.tags.version") for item in (one, other)]
    assert all(re.fullmatch("[0-9a-f]{64}", version) for version in versions)
    assert one[0]["dockerLabels"] == other[0]["dockerLabels"]
    for container, version in zip((one[0], other[0]), versions, strict=True):
        said = named(container["environment"])
        assert (said["DD_ENV"], said["DD_SERVICE"], said["DD_VERSION"]) == ("production", "payments-api", version)


def test_terraform_hands_the_module_the_same_container() -> None:
    root = parse(bundle(TF)["infrastructure/terraform/environments/production/services.tf"].content)
    [module] = [item for item in root.of("module") if item.labels[0] == "service_payments_api"]
    written = module.text("agents")
    for key, value in of_cloudformation()[1].items():
        if isinstance(value, bool | int):
            assert re.search(rf"\b{key}\s*= {str(value).lower()}\b", written), key
    for row in of_cloudformation()[1]["environment"]:
        assert re.search(
            rf'name\s*= "{row["name"]}"\s+value\s*= ("{re.escape(row["value"])}"|var\.datadog_site)', written
        ), row
    assert 'valueFrom = data.aws_secretsmanager_secret.this["datadog/api-key"].arn' in written
    assert (module.text("cpu"), module.text("memory")) == ("1024", "2048")


def test_ecs_takes_it() -> None:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    shape = ServiceModel(Loader().load_service_model("ecs", "service-2")).shape_for("ContainerDefinition")
    for container in of_cloudformation():
        errors = ParamValidator().validate(container, shape)
        assert not errors.has_errors(), errors.generate_report()


def test_a_service_goes_on_without_its_agent_and_the_agent_never_takes_its_memory() -> None:
    program, beside = of_cloudformation()
    assert (program["essential"], beside["essential"]) == (True, False)
    assert beside["healthCheck"]["command"] == ["CMD-SHELL", "agent health"]
    [service] = spec_of(CFN).services
    assert service.resources.memory_mib + beside["memory"] <= 2048
    assert service.resources.cpu_millicores * 1.024 + beside["cpu"] <= 1024
    assert size(service) == (512, 1024)  # without it


def test_the_image_is_named_by_its_digest_or_refused() -> None:
    pattern = re.compile(agent.IMAGE_PATTERN)
    assert pattern.fullmatch(agent.IMAGE_EXAMPLE) and pattern.fullmatch(f"public.ecr.aws/datadog/agent@{DIGEST}")
    assert not pattern.fullmatch(agent.IMAGE) and not pattern.fullmatch("public.ecr.aws/datadog/agent:latest")
    assert "Default" not in Made(bundle(CFN)[TEMPLATE].content, {}).document["Parameters"]["DatadogAgentImage"]
    assert of_cloudformation()[1]["image"] == agent.IMAGE_EXAMPLE


def test_its_key_is_the_one_secret_more_that_may_be_read() -> None:
    files = bundle(CFN)
    role = cloudformation(files)["ExecutionRolePaymentsApi"]["Properties"]
    [read] = [item for item in role["Policies"] if item["PolicyName"] == "read-secrets"]
    spec = spec_of(CFN)
    plain = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"monitors": ()})})
    [before] = [
        item
        for item in cloudformation(render(plan(plain)))["ExecutionRolePaymentsApi"]["Properties"]["Policies"]
        if item["PolicyName"] == "read-secrets"
    ]
    readable = [item["PolicyDocument"]["Statement"][0]["Resource"] for item in (read, before)]
    assert set(readable[0]) - set(readable[1]) == {KEY_ARN}
    everything = "\n".join(item.content for item in files)
    assert not re.search(r"DD_API_KEY[\"']?\s*[:=,]\s*(value\s*[:=]\s*)?[\"']?[0-9a-f]{32}", everything)
    assert DATADOG_SECRET in json.loads(files[TEMPLATE.replace("template.yaml", "secrets.json")].content).values()


@pytest.mark.parametrize(
    ("variable", "traces", "counts"),
    [
        ("LOG_FORMAT", "false", "false"),
        ("DD_TRACE_SAMPLE_RATE", "true", "false"),
        ("DD_DOGSTATSD_URL", "false", "true"),
    ],
)
def test_traces_and_counts_are_taken_in_where_the_service_sends_them(variable: str, traces: str, counts: str) -> None:
    spec = spec_of(CFN, "ecs_canary", EnvVar(name=variable, value="1"))
    words = agent.Words("production", "datadoghq.com", agent.IMAGE_EXAMPLE, KEY_ARN)
    said = named(agent.container(spec, spec.services[0], words)["environment"])
    assert (said["DD_APM_ENABLED"], said["DD_USE_DOGSTATSD"], said["ECS_FARGATE"]) == (traces, counts, "true")


@pytest.mark.parametrize("iac", [TF, CFN, PU])
def test_the_name_of_its_key_is_taken_for_no_secret(iac: str) -> None:
    (result,) = run_gates(bundle(iac), plan(spec_of(iac)), only=["secret scan"])
    if result.status == "skipped":
        pytest.skip("detect-secrets, install with pip install 'hug-agents[gates]'")
    assert result.status == "passed", result.findings


@pytest.mark.parametrize("iac", [TF, CFN, PU])
def test_jobs_have_none_and_neither_has_another_monitor(iac: str) -> None:
    spec = spec_of(iac, "shop_ecs_blue_green")
    assert {item.kind for item in spec.services if agent.beside(spec, item)} == {"web", "worker"}
    plain = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"monitors": ("prometheus",)})})
    for artifact in render(plan(plain)):
        if artifact.system == iac and "/modules/" not in artifact.path and "/components/" not in artifact.path:
            assert "datadog" not in artifact.content.lower(), artifact.path
