"""Terraform for AWS: one root an environment over shared modules, and one for the image registry they share."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files as package_files

from hug_agents.bundle import Artifact
from hug_agents.facts import tool
from hug_agents.plans import Blueprint
from hug_agents.render.infrastructure.aws import agent, ecs, eks, registry
from hug_agents.render.infrastructure.aws.dependencies import MODULES, backing
from hug_agents.render.infrastructure.aws.programs import check
from hug_agents.render.infrastructure.aws.roots import TEMPLATES, given, hcl_file, lock_file
from hug_agents.render.infrastructure.aws.trust import deploying, trust
from hug_agents.render.naming import TERRAFORM
from hug_agents.render.templating import fill
from hug_agents.spec import DeploymentSpec, Environment


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """Modules that are used, and a root for every environment on AWS.

    Raises UnsupportedError for what AWS cannot carry: a task too large, a schedule EventBridge cannot say.
    """
    spec = blueprint.spec
    runtime = ecs if spec.toolchain.runtime == "ecs" else eks
    if spec.toolchain.runtime == "ecs":
        check(spec)
        environments = spec.environments
    else:
        environments = tuple(item for item in spec.environments if item.cloud == "aws")
    if not environments:
        return
    used = {*runtime.modules(spec), *(MODULES[item.kind] for item in spec.dependencies if item.managed)}
    if deploying(spec) or (trust(spec) and registry.needed(spec)):
        used.add("deploy_role")
    if registry.needed(spec):
        used.add("registry")
        for name, content in (*registry.files(spec), (".terraform.lock.hcl", lock_file())):
            yield _artifact(f"registry/{name}", content)
    for environment in environments:
        for name, content in (*runtime.files(spec, environment), (".terraform.lock.hcl", lock_file())):
            yield _artifact(f"environments/{environment.name}/{name}", content)
    for module in sorted(used):
        yield from _module(module)
    yield _readme(spec, environments)
    yield _artifact(".gitignore", ".terraform/\n*.tfplan\n*.tfstate\n*.tfstate.*\n")


def _module(name: str) -> Iterable[Artifact]:
    folder = package_files("hug_agents.render").joinpath(TEMPLATES, "modules", name)
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".tf"):
            yield _artifact(f"modules/{name}/{entry.name}", entry.read_text(encoding="utf-8"))
    tests = folder.joinpath("tests")
    if tests.is_dir():
        for entry in sorted(tests.iterdir(), key=lambda item: item.name):
            yield _artifact(f"modules/{name}/tests/{entry.name}", entry.read_text(encoding="utf-8"))
    provider = ".".join(tool("aws").split(".")[:2])
    versions = hcl_file("module_versions.tf.j2", terraform=tool("terraform"), provider_minor=provider)
    yield _artifact(f"modules/{name}/versions.tf", versions)


def _readme(spec: DeploymentSpec, environments: tuple[Environment, ...]) -> Artifact:
    is_ecs = spec.toolchain.runtime == "ecs"
    caches = [item for item in spec.dependencies if item.kind == "redis" and item.managed]
    found = trust(spec)
    provider_url, audiences = found.provider() if found else ("", ())
    needed = {f"environments/{item.name}": list(given(spec, item)) for item in environments}
    content = fill(
        TEMPLATES,
        "root/readme.md.j2",
        application=spec.application,
        terraform=tool("terraform"),
        provider=tool("aws"),
        registry=registry.needed(spec),
        environments=environments,
        trust=found if registry.needed(spec) else deploying(spec),
        deploying=deploying(spec) is not None,
        provider_url=provider_url,
        audiences=audiences,
        ecs=is_ecs,
        domain=all(item.domain for item in environments),
        internal=is_ecs and bool(spec.web_services),
        secrets=agent.secret_keys(spec) if is_ecs else [],
        caches=[f"{backing(spec, place, item).resource}-auth-token" for place in environments for item in caches],
        given={root: names for root, names in needed.items() if names},
    )
    # Sections that are left out must not leave a hole.
    while "\n\n\n" in content:
        content = content.replace("\n\n\n", "\n\n")
    return _artifact("README.md", content)


def _artifact(path: str, content: str) -> Artifact:
    return Artifact(path=f"{TERRAFORM}/{path}", content=content, system="terraform")
