"""Nomad's job files: one a service, one a migration; what differs by environment is in a file of variables beside them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hug_agents.errors import UnsupportedError
from hug_agents.render.infrastructure.hcl import format_hcl, list_of, object_of
from hug_agents.render.naming import dependency_variables, metrics_port, namespace, public_host
from hug_agents.render.orchestration.dockerfile import RUN_AS, cache_paths, is_generated
from hug_agents.render.templating import Safe, fill
from hug_agents.spec import DeploymentSpec, Environment, Service

OLDEST = "1.9.0"
"""The oldest Nomad that runs these files: native service checks, several crons, canary promotion by the API."""
CORE_MHZ = 2_000
"""Nomad counts MHz where the spec counts cores. A core is taken as this many, as clouds' cores at least have."""
SHUTDOWN_DELAY_SECONDS = 10
KILL_TIMEOUT_SECONDS = 30
TARGET_CPU_PERCENT = 70
SCRATCH_BYTES = 64 * 1024 * 1024
SHARED_PATH = "nomad/jobs"
"""The Nomad variable that every job of a namespace may read by its workload identity: how to reach the dependencies."""


def secrets_path(job: str) -> str:
    """The Nomad variable that one job alone may read, and needs no policy for."""
    return f"{SHARED_PATH}/{job}"


def migration_job(service: Service) -> str:
    """The job that migrates for a service."""
    return f"{service.name}-migrate"


def metrics_service(service: Service) -> str:
    """Under which name its metrics are found: its own, or one beside it where they have a port of their own."""
    return service.name if metrics_port(service) in (None, service.port) else f"{service.name}-metrics"


def job_file(spec: DeploymentSpec, service: Service, *, migration: bool = False) -> str:
    """`jobs/NAME.nomad.hcl`."""
    job = migration_job(service) if migration else service.name
    serving = service.kind == "web" and not migration
    batch = migration or service.kind == "job"
    command = service.migrate_command if migration else service.command
    ports = _ports(service) if serving else ()
    files = _environment_files(spec, service)
    stack = is_generated(service)
    env, _ = _env(spec, service)
    text = fill(
        "orchestration/templates",
        "nomad_service.hcl.j2",
        application=spec.application,
        service=service,
        job=job,
        variables=[(name, Safe(kind), said) for name, kind, said in _declared(spec, service, batch=batch)],
        oldest=OLDEST,
        batch=batch,
        periodic=service.schedule if not migration else None,
        restarts=0 if migration else 2,
        update_said=_update_said(spec, service),
        canaries=_canaries(spec, service),
        auto_promote=spec.strategy.kind == "rolling",
        health_check="checks" if serving else "task_states",
        shutdown_delay=SHUTDOWN_DELAY_SECONDS if serving else 0,
        kill_timeout=KILL_TIMEOUT_SECONDS,
        scaled=service.max_replicas is not None and not batch,
        target_cpu=TARGET_CPU_PERCENT,
        ports=ports,
        services=_services(spec, service) if serving else [],
        track_apart=spec.strategy.kind == "blue_green",
        user=RUN_AS[stack.language] if stack else 0,
        scratch=["/tmp", *cache_paths(service)] if stack else [],  # noqa: S108 - in the container
        scratch_bytes=SCRATCH_BYTES,
        command=[in_config(word) for word in command],
        env=env,
        varying=sorted(_varying(spec, service)),
        environment_files=files,
    )
    text = format_hcl(text)
    for item in files:
        # A heredoc is put in last: the layout of a file knows lines, and its lines are not the file's.
        text = text.replace(f" {item['token']}\n", f" <<-EOT\n{item['data']}EOT\n")
    return text


def variables_file(spec: DeploymentSpec, environment: Environment, service: Service, *, migration: bool = False) -> str:
    """`environments/ENV/NAME.vars.hcl`: a value for every variable of the job but the image."""
    here = spec.in_environment(service, environment)
    batch = migration or service.kind == "job"
    values: dict[str, Any] = {
        "namespace": namespace(spec, environment),
        # Nomad's cluster is the one behind NOMAD_ADDR; which of its datacenters, its operators say.
        "datacenters": list_of(["*"]),
        "count": here.replicas,
        "max_count": here.max_replicas or here.replicas,
        "canary": canaries(spec, here.replicas),
        "max_parallel": max_parallel(spec, here.replicas) if service.kind == "web" else worker_parallel(here.replicas),
        "cpu": max(1, here.resources.cpu_millicores * CORE_MHZ // 1000),
        "memory": here.resources.memory_mib,
        "routes": list_of(_routes(spec, environment, service)),
        "env": object_of({item.name: item.value for item in here.env if item.name in _varying(spec, service)}),
    }
    names = [name for name, _, _ in _declared(spec, service, batch=batch) if name != "image"]
    lines = (
        f"{name} = {values[name]}"
        if not isinstance(values[name], str) or isinstance(values[name], Safe)
        else f"{name} = {json.dumps(values[name])}"
        for name in names
    )
    return format_hcl("\n".join(lines))


def canaries(spec: DeploymentSpec, replicas: int) -> int:
    """How many new ones run beside the old ones before anyone decides.

    blue-green, and a rolling update that may take nothing away: all. canary: as many as give about the first weight.
    """
    if spec.strategy.kind == "canary":
        weight = spec.strategy.steps[0].weight
        return replicas if weight == 100 else min(replicas, max(1, round(replicas * weight / (100 - weight))))
    return replicas


def max_parallel(spec: DeploymentSpec, replicas: int) -> int:
    """How many are replaced at once after that: what the strategy lets be away, or its smallest step."""
    strategy = spec.strategy
    if strategy.kind == "rolling":
        return max(1, replicas * strategy.max_unavailable_percent // 100)
    if strategy.kind == "canary":
        weights = [step.weight for step in strategy.steps]
        gap = min((after - before for before, after in pairwise(weights)), default=100)
        return max(1, replicas * gap // 100)
    return replicas


def worker_parallel(replicas: int) -> int:
    """A quarter of the workers at a time."""
    return max(1, replicas // 4)


def in_config(text: str) -> str:
    """A word that the driver takes as it is: it reads its configuration as a template once more, on the client."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _canaries(spec: DeploymentSpec, service: Service) -> bool:
    return service.kind == "web" and (spec.strategy.kind != "rolling" or spec.strategy.max_unavailable_percent == 0)


def _update_said(spec: DeploymentSpec, service: Service) -> tuple[Safe, ...]:
    if service.kind != "web":
        return (Safe("A worker takes no traffic: it follows when the release is promoted, a few at a time."),)
    match spec.strategy.kind:
        case "canary":
            return (
                Safe(
                    "canary: some new ones share the traffic and wait. deploy/deploy.sh judges them and promotes; then"
                ),
                Safe(
                    "max_parallel at a time are replaced, and the script pauses the deployment at each weight of the plan."
                ),
            )
        case "blue_green":
            return (
                Safe(
                    "blue-green: as many new ones as old ones, without traffic, until deploy/deploy.sh promotes them."
                ),
            )
        case _:
            if _canaries(spec, service):
                return (
                    Safe(
                        "rolling, and never fewer than wanted: Nomad stops what it replaces first, so all new ones start"
                    ),
                    Safe("beside the old ones, and Nomad itself promotes them once they are healthy."),
                )
            return (Safe("rolling: max_parallel are stopped and started anew at a time."),)


def _declared(spec: DeploymentSpec, service: Service, *, batch: bool) -> tuple[tuple[str, str, str], ...]:
    rows = [
        ("image", "string", "The image by its digest, from deploy/deploy.sh"),
        ("namespace", "string", "The environment's namespace"),
        ("datacenters", "list(string)", "Where it may run"),
        ("cpu", "number", "MHz of one replica"),
        ("memory", "number", "MiB of one replica"),
    ]
    if not batch:
        rows += [("count", "number", "Replicas"), ("max_parallel", "number", "How many are replaced at a time")]
        if _canaries(spec, service):
            rows.append(("canary", "number", "How many new ones run beside the old ones first"))
        if service.max_replicas is not None:
            rows.append(("max_count", "number", "Replicas at most"))
        if service.kind == "web" and service.public:
            rows.append(("routes", "list(string)", "Tags for the router, Traefik"))
    if _varying(spec, service):
        rows.append(("env", "map(string)", "Environment variables that differ by environment"))
    return tuple(rows)


def _ports(service: Service) -> tuple[tuple[str, int], ...]:
    wanted = {"http": service.port, "health": service.health_port, "metrics": metrics_port(service)}
    found: dict[int, str] = {}
    for label, number in wanted.items():
        if number is not None:
            found.setdefault(number, label)
    return tuple((label, number) for number, label in found.items())


def _label(service: Service, number: int | None) -> str:
    return next(label for label, port in _ports(service) if port == number)


def _services(spec: DeploymentSpec, service: Service) -> list[dict[str, Any]]:
    port = _label(service, service.health_port_or_port)
    check = (
        {"type": "http", "path": service.health_path, "port": port}
        if service.health_path
        else {"type": "tcp", "path": "", "port": port}
    )
    rows: list[dict[str, Any]] = [{"name": service.name, "port": "http", "routed": service.public, "check": check}]
    if metrics_service(service) != service.name:
        rows.append(
            {
                "name": metrics_service(service),
                "port": _label(service, metrics_port(service)),
                "routed": False,
                "check": None,
            }
        )
    return rows


def _routes(spec: DeploymentSpec, environment: Environment, service: Service) -> list[str]:
    """What tells Traefik's Nomad provider about a public service; without a domain nothing is routed."""
    host = public_host(spec, environment, service)
    if not host:
        return ["traefik.enable=false"]
    name = f"{namespace(spec, environment)}-{service.name}"
    return [
        "traefik.enable=true",
        f"traefik.http.routers.{name}.rule=Host(`{host}`)",
        f"traefik.http.routers.{name}.entrypoints=websecure",
        f"traefik.http.routers.{name}.tls=true",
    ]


def _varying(spec: DeploymentSpec, service: Service) -> set[str]:
    """The variables that are set in every environment, and not everywhere alike."""
    places = [
        {item.name: item.value for item in spec.in_environment(service, place).env} for place in spec.environments
    ]
    names = {name for place in places for name in place}
    missing = sorted(name for name in names if any(name not in place for place in places))
    if missing:
        raise UnsupportedError(
            f"{missing[0]} of {service.name} is set in some environments only: a Nomad job has the same variables everywhere",
            where=f"services.{service.name}.env",
            hint="give it a value in every environment, an empty one where it is not wanted",
        )
    found = {name for name in names if len({place[name] for place in places}) > 1}
    for name in sorted(found):
        if any("${" in place[name] for place in places):
            raise UnsupportedError(
                f"{name} of {service.name} differs by environment and holds `${{`, where Nomad puts values of its own in",
                where=f"services.{service.name}.env",
                hint="give it the same value in every environment, or write it without `${`",
            )
    return found


def _env(spec: DeploymentSpec, service: Service) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The variables that are alike everywhere: those that stand in the job, and those that Nomad must not read.

    Nomad puts values in for `${...}` in `env` and has no way to write one that stays; what a template says, it leaves alone.
    """
    fixed = [(item.name, item.value) for item in service.env if item.name not in _varying(spec, service)]
    return [item for item in fixed if "${" not in item[1]], [item for item in fixed if "${" in item[1]]


def _environment_files(spec: DeploymentSpec, service: Service) -> list[dict[str, Any]]:
    own = {item.name for item in service.env} | {item.name for item in service.secrets}
    shared = [name for item in spec.dependencies for name in dependency_variables(item).values() if name not in own]
    _, literal = _env(spec, service)
    files: list[tuple[str, tuple[str, ...], list[str]]] = []
    if shared:
        files.append(
            (
                "dependencies.env",
                ("How to reach the dependencies: the Nomad variable nomad/jobs, read by the job's own identity.",),
                [f'{{{{ with nomadVar "{SHARED_PATH}" }}}}', *map(_from_variable, shared), "{{ end }}"],
            )
        )
    if service.secrets:
        # The migration reads what its service reads: a path of its own would be a second place for the same secret.
        files.append(
            (
                "service.env",
                (f"Secrets: values of the Nomad variable {secrets_path(service.name)}, never of a file.",),
                [
                    f'{{{{ with nomadVar "{secrets_path(service.name)}" }}}}',
                    *(_from_variable(item.name) for item in service.secrets),
                    "{{ end }}",
                ],
            )
        )
    if literal:
        files.append(
            (
                "literal.env",
                ("Values with a dollar and a brace, which Nomad would read in `env`.",),
                [f"{name}={_literal(value)}" for name, value in literal],
            )
        )
    return [
        {
            "name": name,
            "said": [Safe(line) for line in said],
            "token": f"HEREDOC-{number}",
            "data": "".join(f"          {line}\n" for line in lines) + "        ",
        }
        for number, (name, said, lines) in enumerate(files)
    ]


def _from_variable(name: str) -> str:
    return f"{name}={{{{ .{name}.Value | toJSON }}}}"


def _literal(value: str) -> str:
    """A value as the environment file reads it, inside a Go template, inside a heredoc of HCL."""
    quoted = json.dumps(value, ensure_ascii=False)
    quoted = quoted.replace("{{", '{{ "{{" }}')
    return quoted.replace("${", "$${").replace("%{", "%%{")
