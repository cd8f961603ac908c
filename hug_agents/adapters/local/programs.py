"""From the spec and the source to programs: what is started, with which command, and where its port goes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from hug_agents.adapters.local.state import PORT_MARK, Engine, Program
from hug_agents.errors import UsageError
from hug_agents.plans import Blueprint
from hug_agents.scan import Component, RepositoryFacts, scan
from hug_agents.scan.commands import is_development
from hug_agents.spec import Environment, EnvVar, Service


def programs_of(
    blueprint: Blueprint, environment: Environment, source: Path, engine: Engine
) -> tuple[tuple[Program, ...], tuple[str, ...]]:
    """The programs of an environment, and what is left out, as sentences. Raises UsageError where a command is not known."""
    spec = blueprint.spec
    found, left_out = [], []
    facts = scan(source) if engine == "process" else None
    for plain in spec.services:
        service = spec.in_environment(plain, environment)
        if service.kind == "job":
            left_out.append(f"the job {service.name} is not run")
            continue
        if service.migrate_command:
            left_out.append(f"the migration of {service.name} is not run")
        if facts is None:
            found.append(_container(service))
        else:
            component = _component(service, facts)
            found.append(_process(service, component, source))
    left_out += [
        f"{item.kind} {item.name} is not started: the application gets its address as a variable or a secret"
        for item in spec.dependencies
    ]
    if not found:
        raise UsageError("no service of it runs on: there are only jobs", where="services")
    return tuple(found), tuple(left_out)


def ported(argv: tuple[str, ...], port: int | None) -> tuple[str, ...]:
    """A command with a mark where it names its port. Raises UsageError if the number stands where nobody can tell."""
    if port is None:
        return argv
    shell = len(argv) > 2 and argv[0].rsplit("/", 1)[-1] in ("sh", "bash") and argv[1].startswith("-")
    option = re.compile(rf"(--?[A-Za-z][\w.-]*=|\S*:|){port}\Z")
    word = re.compile(rf"(?<![^\s=:]){port}(?=$|[\s;&|)\"'])")
    number = re.compile(rf"(?<![\w.]){port}(?![\w.])")
    made = []
    for place, item in enumerate(argv):
        if shell and place >= 2:
            changed = word.sub(PORT_MARK, item)
        elif place and (match := option.match(item)):
            changed = f"{match[1]}{PORT_MARK}"
        else:
            changed = item
        if number.search(changed):
            raise UsageError(
                f"the command names the port {port} in {item[:80]!r}, where it cannot be replaced",
                where="command",
                hint="every replica has a port of its own: let the program read the variable PORT",
            )
        made.append(changed)
    return tuple(made)


def _process(service: Service, component: Component | None, source: Path) -> Program:
    argv = service.command or _start_command(service, component)
    context = service.build.context if service.build else component.context if component else "."
    folder = (source / context).resolve()
    if not folder.is_dir() or not folder.is_relative_to(source.resolve()):
        raise UsageError(f"the source has no folder {context}", where=f"services.{service.name}.build.context")
    return _program(service, ported(tuple(argv), service.port), context)


def _container(service: Service) -> Program:
    if service.image is None:
        raise UsageError(
            "has no image; a container engine runs a ready one",
            where=f"services.{service.name}.image",
            hint="name the image, or run it as processes: leave ?engine= out",
        )
    return _program(service, service.command, ".")


def _program(service: Service, argv: tuple[str, ...], folder: str) -> Program:
    return Program(
        service=service.name,
        kind="web" if service.kind == "web" else "worker",
        argv=argv,
        folder=folder,
        env=tuple(EnvVar(name=item.name, value=item.value) for item in service.env),
        secrets=service.secrets,
        replicas=service.replicas,
        health_path=service.health_path,
        own_health_port=service.health_port is not None and service.health_port != service.port,
        memory_mib=service.resources.memory_mib,
        cpu_millicores=service.resources.cpu_millicores,
        image=service.image or "",
        port=service.port,
        health_port=service.health_port,
    )


def _component(service: Service, facts: RepositoryFacts) -> Component | None:
    """The part of the repository that a service is made of."""
    if service.build and service.build.context not in ("", "."):
        wanted = service.build.context.strip("/").removeprefix("./")
        return next((item for item in facts.components if item.context == wanted), None)
    named = [item for item in facts.components if item.name == service.name]
    if named or len(facts.components) == 1:
        return (named or list(facts.components))[0]
    return next((item for item in facts.components if item.context == "."), None)


def _start_command(service: Service, component: Component | None) -> tuple[str, ...]:
    candidates = list(_commands(service, component)) if component else []
    if not candidates:
        raise UsageError(
            "nothing says how it is started",
            where=f"services.{service.name}.command",
            hint="say its command in the request, or in a Procfile beside the source",
        )
    return candidates[0]


def _commands(service: Service, component: Component) -> Iterator[tuple[str, ...]]:
    paths = ("start_command",) if service.kind == "web" else (f"process.{service.name}", "process.worker")
    for path in paths:
        for fact in component.values(path):
            argv = tuple(str(item) for item in json.loads(str(fact.value)))
            if argv and not is_development(" ".join(argv)):
                yield argv
