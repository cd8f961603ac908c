"""How one replica is started: command, environment, limits; as a process, or through a container engine."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from hug_agents.adapters.local.faults import BROKEN_PORT
from hug_agents.adapters.local.secret_file import secrets_of
from hug_agents.adapters.local.state import PORT_MARK, Desired, Program, Version, World
from hug_agents.settings import Settings

WORLD_VARIABLE = "HUG_LOCAL_WORLD"
"""Marks every process of a world, so that none of it is overlooked."""
STARTING_NICE, USUAL_NICE = 10, 0
"""Of a session. What was not started so has the usual one, whatever its processes' own `nice`: versions are compared."""
_FILES = 4096
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Launch:
    """Everything that `process.start` needs. `env` may hold secrets: it goes nowhere else."""

    argv: tuple[str, ...]
    folder: Path
    env: dict[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    limits: dict[str, int]
    nice: int


def launch_of(
    program: Program,
    version: Version,
    desired: Desired,
    world: World,
    *,
    port: int | None,
    health_port: int | None,
    name: str,
    broken: bool = False,
) -> Launch:
    """One start of one replica. Raises UsageError for a secret that has no value any more."""
    secrets = secrets_of(program.secrets, world.environment, world.store)
    shown = BROKEN_PORT if broken else str(port)
    own = {item.name: item.value for item in program.env} | {"VERSION": version.label, "ENVIRONMENT": world.environment}
    for service, (entry, _) in desired.ports.items():
        own.setdefault(f"{service.upper().replace('-', '_')}_URL", f"http://127.0.0.1:{entry}")
    if port is not None:
        own["PORT"] = shown
    if health_port is not None:
        own["HEALTH_PORT"] = str(health_port)
    tools = Settings.load().tool_environment
    path = f"{Path(sys.executable).parent}:{tools.get('PATH', '/usr/bin:/bin')}"
    base = {**tools, "PATH": path, WORLD_VARIABLE: f"{world.mark}/{name}"}
    if desired.engine != "process":
        from hug_agents.adapters.local.containers import command

        argv, handed = command(program, desired, world, own, secrets, port, health_port, name)
        return Launch(argv, world.root, {**base, **handed}, tuple(secrets.values()), {}, 0)
    env = {**base, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **own, **secrets}
    return Launch(
        argv=tuple(item.replace(PORT_MARK, shown) for item in program.argv),
        folder=world.source(version) / program.folder,
        env=env,
        secrets=tuple(secrets.values()),
        # Memory is watched as it is used (see memory_mib): a limit on what is reserved would end programs that
        # only reserve much, as every thread does. This one stops a runaway between two looks.
        limits={"RLIMIT_DATA": max(4 * program.memory_mib, 1024) * _MIB, "RLIMIT_NOFILE": _FILES, "RLIMIT_CORE": 0},
        nice=max(0, min(4, 4 - program.cpu_millicores // 250)),
    )


def prioritise(pid: int, nice: int) -> bool:
    """Set the priority of a process with its session among other sessions; whether that was possible.

    Linux shares processors between sessions, each replica being one, where nothing else groups them: there `nice` alone
    tells apart what is in one session. And this one, unlike `nice`, may be taken back by everybody.
    """
    try:
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))
    except OSError:  # no Linux, no such grouping, or too soon after the last time: asked again
        return False
    return True


def memory_mib(pid: int) -> int:
    """What a process and its children hold in memory."""
    import psutil

    try:
        process = psutil.Process(pid)
        total = int(process.memory_info().rss)
        for child in process.children(recursive=True):
            try:
                total += int(child.memory_info().rss)
            except psutil.Error:
                continue
    except psutil.Error:
        return 0
    return total // _MIB
