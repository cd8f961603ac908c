"""A Dockerfile where the repository has none: multi-stage, bases by digest, not root, one exec-form command."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable
from typing import Any

from hug_agents import facts
from hug_agents.bundle import Artifact, check_path
from hug_agents.errors import SpecError, UnsupportedError
from hug_agents.plans import Blueprint
from hug_agents.render.templating import Safe, fill
from hug_agents.spec import DeploymentSpec, Service, Stack

SYSTEM = "dockerfile"
RUN_AS = {"python": 10001, "node": 1000, "go": 65532, "java": 10001}
"""The user that a written image runs as, by language; a number, so that the cluster can see that it is not root."""

_DEFAULTS = {"python": "3.13", "node": "22", "go": "1.25", "java": "21"}
_MANAGERS = {"python": "pip", "node": "npm", "go": "go", "java": "maven"}
_IGNORED = {
    "python": ("**/__pycache__", "**/*.py[co]", ".venv", "venv", ".pytest_cache", ".mypy_cache", ".ruff_cache"),
    "node": ("**/node_modules", ".next", "dist", "coverage", "npm-debug.log*"),
    "go": ("bin", "coverage.out"),
    "java": ("target", "build", ".gradle"),
}


def render(blueprint: Blueprint) -> Iterable[Artifact]:
    """A Dockerfile for every service that needs one, and one .dockerignore a build context.

    Raises SpecError if a service is to be built and nothing says what it is written in, UnsupportedError for a version
    of a language whose base image is not pinned.
    """
    spec = blueprint.spec
    ignored: dict[str, set[str]] = {}
    for service in spec.services:
        if service.build and service.build.dockerfile is None and service.build.stack is None:
            raise SpecError(
                "a Dockerfile cannot be written: nothing says what the service is written in",
                where=f"services.{service.name}.build.stack",
                hint="name the language, an existing Dockerfile, or a ready image",
            )
        stack = is_generated(service)
        path = dockerfile_path(spec, service)
        if stack is None or path is None:
            continue
        ignored.setdefault(posixpath.dirname(path), set()).update(_IGNORED[stack.language])
        yield Artifact(path=path, content=_dockerfile(spec, service, stack), system=SYSTEM)
    for folder, patterns in ignored.items():
        content = fill(
            "orchestration/templates", "dockerignore.j2", patterns=[Safe(pattern) for pattern in sorted(patterns)]
        )
        yield Artifact(path=posixpath.join(folder, ".dockerignore"), content=content, system=SYSTEM)


def is_generated(service: Service) -> Stack | None:
    """The stack of a service whose Dockerfile we write; None where the image or the Dockerfile exists."""
    return service.build.stack if service.build and service.build.dockerfile is None else None


def build_context(service: Service) -> str:
    """The build context of a built service, relative to the repository's root, `.` for the root itself."""
    return posixpath.normpath(service.build.context) if service.build else "."


def dockerfile_path(spec: DeploymentSpec, service: Service) -> str | None:
    """The Dockerfile of a service, relative to the repository's root; None where the image is given.

    `<context>/Dockerfile`, or `<context>/Dockerfile.<service>` where services share a context.
    """
    if service.build is None:
        return None
    if service.build.dockerfile is not None:
        return posixpath.normpath(service.build.dockerfile)
    context = build_context(service)
    alone = sum(item.build is not None and build_context(item) == context for item in spec.services) == 1
    name = "Dockerfile" if alone else f"Dockerfile.{service.name}"
    return name if context == "." else posixpath.join(context, name)


def cache_paths(service: Service) -> tuple[str, ...]:
    """Where a written image's program writes while it runs, besides /tmp: the rest of its files is read-only."""
    stack = is_generated(service)
    return ("/app/.next/cache",) if stack and stack.framework == "next" else ()


def _dockerfile(spec: DeploymentSpec, service: Service, stack: Stack) -> str:
    version = base_version(stack.language, stack.version, f"services.{service.name}.build.stack.version")
    return fill(
        "orchestration/templates",
        f"Dockerfile.{stack.language}.j2",
        service=service,
        stack=stack,
        version=version,
        user=RUN_AS[stack.language],
        image=lambda reference: Safe(facts.image(reference)),
        file_name=_file_name,
        argv=_argv,
        word=_word,
        labels=_labels(spec, service),
        command=service.command or _default_command(service, stack),
        stated=bool(service.command),
        probe_port=service.health_port_or_port,
        probe_path=service.health_path or "",
        package_manager=stack.package_manager or _MANAGERS[stack.language],
        tool=lambda name: Safe(facts.tool(name)),
        quoted=lambda path: Safe(json.dumps(path)),
    )


def base_version(language: str, version: str | None, where: str = "") -> str:
    """The pinned version that fits: the one asked for; for Go, which runs older code, the next one there is.

    Raises UnsupportedError where no base image of the language is pinned in such a version.
    """
    if not version:
        return _DEFAULTS[language]
    fits = facts.bases(language, version)
    if not fits and language == "go" and (later := facts.base_from(language, version)):
        fits = (later,)
    if not fits:
        raise UnsupportedError(
            f"no pinned base image for {language} {version}",
            where=where,
            hint=f"pinned: {', '.join(facts.BASES[language])}; or bring a Dockerfile",
        )
    return fits[-1]


def _default_command(service: Service, stack: Stack) -> tuple[str, ...]:
    """What the framework's own documents start it with, where nobody said."""
    port = str(service.port or 8080)
    match stack.framework or stack.language:
        case "fastapi":
            return ("uvicorn", "main:app", "--host", "0.0.0.0", "--port", port)  # noqa: S104 - a container listens on all
        case "flask":
            return ("gunicorn", "--bind", f"0.0.0.0:{port}", "app:app")
        case "django":
            return ("gunicorn", "--bind", f"0.0.0.0:{port}", "config.wsgi:application")
        case "python":
            return ("python", "main.py")
        case "next":
            return ("node_modules/.bin/next", "start", "--port", port)
        case "nest":
            return ("node", "dist/main.js")
        case "express" | "node":
            return ("npm", "start")
        case "go":
            return ("/app",)
        case _:
            return ("java", "-jar", "app.jar")


def _labels(spec: DeploymentSpec, service: Service) -> list[tuple[str, str]]:
    rows = [("title", f"{spec.application}/{service.name}"), ("version", spec.version)]
    if spec.owner:
        rows.append(("vendor", spec.owner))
    hosts = {"github_actions": "github.com", "gitlab_ci": "gitlab.com"}
    if spec.repository and (host := hosts.get(spec.toolchain.ci or "")):
        rows.append(("source", f"https://{host}/{spec.repository}"))
    return rows


def _file_name(path: str) -> str:
    """A path inside the build context. Raises SpecError for one that leaves it or holds odd characters."""
    return check_path(posixpath.normpath(path))


def _argv(*words: Any) -> Safe:
    """An exec-form list: JSON, in which no shell and no variable is ever expanded."""
    flat = [str(item) for word in words for item in (word if isinstance(word, list | tuple) else [word])]
    return Safe(json.dumps(flat, ensure_ascii=False))


def _word(text: str) -> Safe:
    """One quoted word of an instruction that expands variables, such as LABEL."""
    for char in '\\"$':
        text = text.replace(char, f"\\{char}")
    return Safe(f'"{text}"')
