"""Stands behind a supervisor: if that ends, however it ends, nothing that it started is left running."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

from hug_agents.adapters.local.launching import WORLD_VARIABLE
from hug_agents.adapters.local.lifetime import abandoned, adopt_orphans, sweep, unbound
from hug_agents.adapters.local.log_file import LogFile
from hug_agents.adapters.local.state import World
from hug_agents.process import Running, start
from hug_agents.settings import Settings

_PATIENCE_SECONDS = 20


def main() -> None:
    """Start the supervisor of a folder, wait for its end, end what it left."""
    world = World.at(Path(sys.argv[1]))
    adopt_orphans()
    world.mark = sys.argv[2]
    settings = Settings.load()
    env = {**settings.tool_environment, WORLD_VARIABLE: world.mark}
    if settings.local_secrets:
        env["HUG_AGENTS_LOCAL_SECRETS"] = str(settings.local_secrets.absolute())
    argv = [sys.executable, "-m", "hug_agents.adapters.local.supervisor", str(world.root), world.mark]
    running = start(argv, cwd=world.root, env=env, with_parent=signal.SIGTERM)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: running.signal(signal.SIGTERM))
    if not unbound(world):
        threading.Thread(target=_leave, args=(world, running), daemon=True).start()
    log = LogFile(world.logs / "supervisor.log")
    for line in running.output:
        log.write(line)
    while running.code() is None:
        time.sleep(0.05)
    sweep(world, adopted=True)


def _leave(world: World, running: Running) -> None:
    """End the supervisor once the process that it was bound to is gone; it has so long to end its replicas in order."""
    while not abandoned(world):
        time.sleep(0.2)
    running.signal(signal.SIGTERM)
    time.sleep(_PATIENCE_SECONDS)
    running.signal(signal.SIGKILL)


if __name__ == "__main__":
    main()
