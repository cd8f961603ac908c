"""The sizes that Fargate offers (AWS, "Task CPU and memory"), and the smallest that holds what a replica may use."""

from __future__ import annotations

from hug_agents.errors import UnsupportedError
from hug_agents.spec import Service

_MEMORY_MIB: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}


def size(service: Service, *, cpu: int = 0, memory: int = 0) -> tuple[int, int]:
    """CPU units (1024 a vCPU) and MiB of a task; `cpu` and `memory` are for what runs beside the service.

    Raises UnsupportedError past 16 vCPU or 120 GiB.
    """
    units = service.resources.cpu_millicores * 1024 / 1000 + cpu
    wanted = service.resources.memory_mib + memory
    for offered, memories in _MEMORY_MIB.items():
        if offered < units:
            continue
        for mib in memories:
            if mib >= wanted:
                return offered, mib
    raise UnsupportedError(
        "Fargate has no task of that size: at most 16 vCPU and 122880 MiB",
        where=f"services.{service.name}.resources",
        hint="ask for less for each replica and for more replicas, or choose kubernetes as the runtime",
    )
