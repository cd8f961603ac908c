"""Replicas as containers: the command line of podman or docker, and whether it answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hug_agents.adapters.local.state import Desired, Engine, Program, World
from hug_agents.errors import MissingProgram, ProcessError
from hug_agents.process import find, run

_CHECK_SECONDS = 60.0


def check(engine: Engine) -> None:
    """Raises MissingProgram, or ProcessError where the engine does not answer."""
    if find(engine) is None:
        raise MissingProgram(engine, "your system's packages, or leave ?engine= out: it runs as processes then")
    done = run([engine, "info"], cwd=Path("/"), timeout=_CHECK_SECONDS)
    if done.code != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ProcessError(f"{engine} does not answer: {said}"[:400], where="target", hint="leave ?engine= out")


def command(
    program: Program,
    desired: Desired,
    world: World,
    own: Mapping[str, str],
    secrets: Mapping[str, str],
    port: int | None,
    health_port: int | None,
    name: str,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """`run` in the foreground, and the variables that it hands on by name: no value stands on a command line."""
    handed = {**own, **secrets}
    argv = [desired.engine, "run", "--rm", "--name", container_name(world, name), "--label", f"hug.world={world.id}"]
    argv += ["--memory", f"{program.memory_mib}m", "--cpus", f"{program.cpu_millicores / 1000:g}"]
    if port is not None and program.port is not None:
        argv += ["--publish", f"127.0.0.1:{port}:{program.port}"]
        handed["PORT"] = own["PORT"] if own["PORT"] != str(port) else str(program.port)
    if health_port is not None and program.health_port is not None:
        argv += ["--publish", f"127.0.0.1:{health_port}:{program.health_port}"]
        handed["HEALTH_PORT"] = str(program.health_port)
    for variable in handed:
        argv += ["--env", variable]
    return (*argv, program.image, *program.argv), handed


def remove(engine: Engine, world: World, name: str = "", *, grace: int = 2) -> None:
    """End and remove a container of a world by its name; without one, every container of it."""
    if engine == "process":
        return
    chosen = f"name=^{container_name(world, name)}$" if name else f"label=hug.world={world.id}"
    listed = run([engine, "ps", "--all", "--quiet", "--filter", chosen], cwd=Path("/"), timeout=60)
    if found := listed.stdout.split():
        run([engine, "stop", "--time", str(grace), *found], cwd=Path("/"), timeout=60 + grace * len(found))
        run([engine, "rm", "--force", *found], cwd=Path("/"), timeout=60)


def container_name(world: World, name: str) -> str:
    """What the engine knows one start of one replica by."""
    return f"hug-{world.id}-{name}"
