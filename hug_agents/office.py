"""Where a store's releases are decided and carried out: its desk, its register, its journal, its executor."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hug_agents.adapters.registry import load_target
from hug_agents.approve.clock import Clock, system_clock
from hug_agents.approve.desk import Desk
from hug_agents.approve.policy import Policy
from hug_agents.approve.policy_file import default_policy, load_policy
from hug_agents.execute.executor import Executor, Targets
from hug_agents.execute.gauges import Gauges
from hug_agents.execute.journal import Journal
from hug_agents.execute.register import Register
from hug_agents.execute.tables import release_tables
from hug_agents.http import checked_address
from hug_agents.settings import Settings
from hug_agents.store import Store

POLICY = "governance.yaml"


def policy_path(store: Store, given: Path | None = None) -> Path | None:
    """The policy file: the one given, HUG_AGENTS_POLICY, the working folder's, the store's; None: the embedded one."""
    if chosen := given or Settings.load().policy:
        return chosen
    for path in (Path(POLICY), store.root / POLICY):
        if path.is_file():
            return path.resolve()
    return None


def open_office(
    store: Store,
    *,
    policy: Path | None = None,
    clock: Clock = system_clock,
    targets: Targets | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Executor:
    """The executor of a store, with its desk. The policy file is read anew at each use. Raises PolicyError."""
    path = policy_path(store, policy)

    def read() -> Policy:
        return load_policy(path) if path else default_policy()

    read()
    settings = Settings.load()
    tables = release_tables(store.root)
    return Executor(
        store,
        Desk(store, read, clock),
        Register(tables, clock),
        Journal(tables, clock),
        targets or (lambda name: load_target(name, store)),
        sleep,
        _gauges(settings),
    )


def _gauges(settings: Settings) -> Gauges | None:
    if not settings.prometheus:
        return None
    from hug_agents.adapters.prometheus import Prometheus

    if settings.prometheus_token:
        checked_address(settings.prometheus, "Prometheus", where="HUG_AGENTS_PROMETHEUS")
    return Prometheus(settings.prometheus, token=settings.prometheus_token)
