"""What Terraform itself says about what we write: fmt, init with the lock, validate, test, over many specs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hug_agents.errors import UnsupportedError
from hug_agents.planning import plan
from hug_agents.process import run
from hug_agents.render import render as render_bundle
from hug_agents.render.infrastructure.terraform import render
from hug_agents.render.templating import hcl
from hug_agents.spec import (
    Dependency,
    DeploymentSpec,
    Environment,
    EnvVar,
    Objective,
    Resources,
    SecretRef,
    Service,
    Strategy,
    Toolchain,
)
from hug_agents.validate.terraform_files import tested_roots as roots_with_tests
from tests import examples
from tests.conftest_terraform import mirror, terraform_environment  # noqa: F401 - a fixture

IMAGE = f"ghcr.io/acme/x@{examples.DIGEST}"


def every_dependency_unmanaged() -> DeploymentSpec:
    spec = examples.shop_ecs_blue_green()
    unmanaged = tuple(item.model_copy(update={"managed": False}) for item in spec.dependencies)
    return spec.model_copy(update={"dependencies": unmanaged})


def bare() -> DeploymentSpec:
    """No region, no repository, no pipeline, a worker and jobs only."""
    return DeploymentSpec(
        application="batch",
        services=(
            Service(name="crunch", kind="worker", image=IMAGE, secrets=(SecretRef(name="KEY", key="batch/key"),)),
            Service(name="nightly", kind="job", image=IMAGE, schedule="*/15 2-4 * jan,jun 1-5"),
            Service(name="once", kind="job", image=IMAGE, replicas=3),
        ),
        environments=(Environment(name="live", role="production"),),
        toolchain=Toolchain(ci=None),
    )


def long_names() -> DeploymentSpec:
    """Names at their limit, a variable that hides a dependency's, several public services without a domain."""
    name = "a-name-of-exactly-forty-characters-long1"
    service = Service(name=name, image=IMAGE, port=8080, env=(EnvVar(name="DB_HOST", value="my own"),))
    return DeploymentSpec(
        application=name,
        repository="Some.Owner/some_repo",
        services=(
            service,
            service.model_copy(update={"name": "b" + name[1:], "health_path": "/x", "migrate_command": ("m",)}),
            service.model_copy(update={"name": "migrate", "public": False}),
        ),
        dependencies=(Dependency(name="db", kind="postgres"), Dependency(name="b" + name[1:], kind="redis")),
        environments=tuple(
            Environment.model_validate({"name": place, "role": role, "cloud": "aws", "region": "us-east-1"})
            for place, role in ((name, "staging"), ("b" + name[1:], "production"))
        ),
        strategy=Strategy(max_surge_percent=0, max_unavailable_percent=50),
        objectives=(Objective(kind="error_rate", target_percent=20),),
    )


SPECS: dict[str, Callable[[], DeploymentSpec]] = {
    **{name: examples.ALL[name] for name in ("minimal", "ecs_canary", "shop_ecs_blue_green", "kubernetes_canary_eks")},
    "hostile_ecs": examples.ALL["hostile_ecs"],
    "every_dependency_unmanaged": every_dependency_unmanaged,
    "bare": bare,
    "long_names": long_names,
}


def write(spec: DeploymentSpec, root: Path) -> Path:
    for artifact in render(plan(spec)):
        path = root / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(artifact.content, encoding="utf-8")
    return root / "infrastructure/terraform"


def text(spec: DeploymentSpec) -> dict[str, str]:
    return {
        artifact.path.removeprefix("infrastructure/terraform/"): artifact.content for artifact in render(plan(spec))
    }


def roots(folder: Path, *, all_of_them: bool = False) -> list[Path]:
    found = sorted(path.parent for path in folder.glob("*/*/versions.tf") if path.parts[-3] == "environments")
    kept = found if all_of_them else found[-1:]
    return kept + [path for path in (folder / "registry",) if path.is_dir()]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SPECS))
def test_terraform_accepts_it(name: str, tmp_path: Path, terraform_environment: dict[str, str]) -> None:  # noqa: F811
    """The lock holds. The tests of the examples are run by the gates of their bundles: tests/render/test_bundles.py."""
    folder = write(SPECS[name](), tmp_path)
    done = run(["terraform", "fmt", "-check", "-diff", "-recursive"], cwd=folder, timeout=60, env=terraform_environment)
    assert done.code == 0, done.output
    for root in roots(folder):
        init = ["init", "-backend=false", "-input=false", "-lockfile=readonly", "-no-color"]
        done = run(["terraform", *init], cwd=root, timeout=300, env=terraform_environment)
        if done.code and mirror() is None:
            pytest.skip(
                "the AWS provider cannot be had: set HUG_AGENTS_TERRAFORM_MIRROR to a filesystem mirror that holds it"
            )
        assert done.code == 0, f"{root.name}: terraform init\n{done.output}"
        if name not in examples.ALL:
            done = run(["terraform", "test", "-no-color"], cwd=root, timeout=300, env=terraform_environment)
            assert done.code == 0, f"{root.name}: terraform test\n{done.output}"
            assert re.search(r"Success! [1-9]\d* passed, 0 failed", done.stdout), done.stdout


@pytest.mark.parametrize("module", ["bucket", "database", "deploy_role", "network", "queue", "service", "task"])
def test_a_module_keeps_its_promises(module: str) -> None:
    """They are among those that the gate `terraform test` runs, which fails where no run block was executed."""
    blueprint = plan(examples.shop_ecs_blue_green())
    assert f"infrastructure/terraform/modules/{module}" in roots_with_tests(render_bundle(blueprint))


def test_the_layout_is_that_of_terraform_fmt(tmp_path: Path, terraform_environment: dict[str, str]) -> None:  # noqa: F811
    twelve = tuple(
        Environment.model_validate({"name": f"env-{number}", "role": "staging", "cloud": "aws"}) for number in range(12)
    )
    for name, spec in SPECS.items():
        write(spec(), tmp_path / name)
    write(examples.minimal().model_copy(update={"environments": twelve}), tmp_path / "twelve")
    done = run(
        ["terraform", "fmt", "-check", "-diff", "-recursive"], cwd=tmp_path, timeout=60, env=terraform_environment
    )
    assert done.code == 0, done.output


def test_hostile_text_arrives_as_the_very_same_text(tmp_path: Path, terraform_environment: dict[str, str]) -> None:  # noqa: F811
    """Terraform evaluates what was written for the hostile value and gives the value back."""
    values = [
        examples.HOSTILE,
        "$${a} $$${b} %%{c}",
        "\\${d}",
        '"',
        "\\",
        "${",
        "%{",
        "\u2028\u00e9\U0001f600",
        "x" * 9_000,
    ]
    lines = "\n".join(f'output "v{index}" {{\n  value = {hcl(value)}\n}}' for index, value in enumerate(values))
    (tmp_path / "main.tf").write_text(lines + "\n", encoding="utf-8")
    for command in (["init", "-input=false"], ["apply", "-auto-approve", "-input=false"], ["output", "-json"]):
        done = run(["terraform", *command], cwd=tmp_path, timeout=60, env=terraform_environment)
        assert done.code == 0, done.output
    printed = {name: item["value"] for name, item in json.loads(done.stdout).items()}
    assert [printed[f"v{index}"] for index in range(len(values))] == values


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_same_spec_gives_the_same_files(name: str) -> None:
    assert text(SPECS[name]()) == text(SPECS[name]())


def test_only_the_modules_that_are_called_are_written() -> None:
    for spec in (examples.minimal(), examples.shop_ecs_blue_green(), examples.kubernetes_canary_eks(), bare()):
        files = text(spec)
        written = {path.split("/")[1] for path in files if path.startswith("modules/")}
        called = set()
        for path, content in files.items():
            if path.endswith(".tf"):
                called |= set(re.findall(r'source\s*=\s*"(?:\.\./)+(?:modules/)?([a-z_]+)"', content))
        assert written == called


def test_no_secret_value_and_no_wildcard_trust() -> None:
    files = text(examples.shop_ecs_blue_green())
    everything = "\n".join(files.values())
    assert not re.search(r"(?<!_)password\s*=\s*\"", everything)
    assert (
        'subjects = ["repo:${var.repository}:environment:production"]' in files["environments/production/pipeline.tf"]
    )
    assert "wildcards" not in files["environments/production/pipeline.tf"]


def test_a_star_resource_always_has_its_reason() -> None:
    for path, content in text(examples.shop_ecs_blue_green()).items():
        lines = content.splitlines()
        for number, line in enumerate(lines):
            if re.search(r'Resource\s*=\s*"\*"', line):
                near = "\n".join(lines[max(0, number - 60) : number])
                assert "`*`" in near, f"{path}:{number + 1}"


def test_environments_have_the_same_shape() -> None:
    files = text(examples.shop_ecs_blue_green())

    def shape(name: str) -> list[str]:
        own = [content for path, content in files.items() if path.startswith(f"environments/{name}/")]
        return sorted(re.findall(r"^(?:module|resource|data) .*$", "\n".join(own), re.M))

    assert shape("staging") == shape("production") != []


def test_an_override_reaches_one_environment_only() -> None:
    files = text(examples.ecs_canary())
    assert re.search(r"replicas\s+= 1$", files["environments/staging/services.tf"], re.M)
    assert re.search(r"replicas\s+= 3$", files["environments/production/services.tf"], re.M)


def test_a_domain_means_https_and_none_is_said() -> None:
    assert re.search(
        r'hosts\s+= \["payments.example.com"\]', text(examples.ecs_canary())["environments/production/main.tf"]
    )
    assert "plain HTTP" in text(examples.minimal())["environments/production/main.tf"]
    assert "Serve HTTPS where no domain was given" in text(examples.minimal())["README.md"]


def test_one_registry_serves_every_account() -> None:
    files = text(examples.ecs_canary())
    assert '"111111111111"' in files["registry/main.tf"]
    assert 'default     = "222222222222"' in files["environments/staging/variables.tf"]
    assert not any(path.startswith("registry/") for path in text(examples.minimal()))


def test_kubernetes_elsewhere_needs_nothing_of_aws() -> None:
    spec = examples.kubernetes_rolling().model_copy(update={"toolchain": Toolchain(runtime="kubernetes")})
    assert text(spec) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resources": Resources(cpu_millicores=20_000)}, "no task of that size"),
        ({"resources": Resources(memory_mib=200_000)}, "no task of that size"),
    ],
)
def test_what_fargate_cannot_carry_is_refused(change: dict[str, object], message: str) -> None:
    spec = examples.minimal()
    spec = spec.model_copy(update={"services": (spec.services[0].model_copy(update=change),)})
    with pytest.raises(UnsupportedError, match=message):
        text(spec)


def test_ecs_is_on_aws() -> None:
    spec = examples.minimal().model_copy(update={"environments": examples.two_environments("gcp")})
    with pytest.raises(UnsupportedError, match="ECS is a service of AWS"):
        text(spec)
