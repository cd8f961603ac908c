"""An order as a state that is wanted. Absolute: the same order on the same world wants the same, however often."""

from __future__ import annotations

from hug_agents.adapters.local.state import Desired, Fault, Rolling, Share, Version
from hug_agents.approve.identity import Digest
from hug_agents.errors import UsageError
from hug_agents.execute.target import Work
from hug_agents.spec import DeploymentSpec


def wanted(work: Work, now: Desired, new: Version, old: Version | None) -> Desired:
    """What an order makes of what is wanted now. `old` is the version that a rollback returns to."""
    order = work.order
    strategy = work.blueprint.spec.strategy
    both = (old, new) if old is not None and old.bundle != new.bundle else (new,)
    base: dict[str, object] = {"promoted": now.promoted, "fault": now.fault, "rolling": None}
    match order.action:
        case "deploy" if order.weight == 100:
            rolling = Rolling(
                surge_percent=strategy.max_surge_percent, unavailable_percent=strategy.max_unavailable_percent
            )
            return _made(now, (new,), {new.bundle: 100}, base | {"rolling": rolling, "fault": None})
        case "deploy":
            kept = now.percent(new.bundle) if now.version(new.bundle) else 0
            return _made(now, both, _shares(new, old, kept), base | {"fault": None})
        case "shift":
            return _made(now, both, _shares(new, old, order.weight), base)
        case "promote":
            kept_old = both if old is None or now.version(old.bundle) else (new,)
            rolled = now.rolling if kept_old == (new,) else None
            return _made(now, kept_old, {new.bundle: 100}, base | {"promoted": new.bundle, "rolling": rolled})
        case "retire":
            return _made(now, (new,), {new.bundle: 100}, base)
        case "rollback":
            back = (old,) if old is not None else ()
            shares = {old.bundle: 100} if old is not None else {}
            return _made(now, back, shares, {"promoted": old.bundle if old else None, "fault": None, "rolling": None})
        case "destroy":
            return _made(now, (), {}, {"promoted": None, "fault": None, "rolling": None})
        case "inject":
            if order.fault is None:
                raise UsageError("an inject names its fault", where=f"release {order.release}")
            fault = Fault(kind=order.fault, bundle=new.bundle, late_ms=_late(work.blueprint.spec))
            return now.model_copy(update={"fault": fault})


def _late(spec: DeploymentSpec) -> int:
    """Later than anything that is measured allows."""
    allowed = [test.max_ms for test in spec.smoke_tests] or [2_000]
    allowed += [item.threshold_ms for item in spec.objectives if item.threshold_ms]
    allowed += [int(item.threshold or 0) for item in spec.triggers if item.metric == "latency"]
    return min(30_000, max(allowed) * 3 // 2)


def _shares(new: Version, old: Version | None, percent: int) -> dict[Digest, int]:
    """Where there is nothing before it, or the same, a version that takes any traffic takes all."""
    if old is None or old.bundle == new.bundle:
        return {new.bundle: 100} if percent or old is not None else {}
    return {old.bundle: 100 - percent, new.bundle: percent}


def _made(now: Desired, versions: tuple[Version, ...], shares: dict[Digest, int], more: dict[str, object]) -> Desired:
    parts = tuple(Share(bundle=bundle, percent=percent) for bundle, percent in shares.items() if percent)
    return now.model_copy(update={"versions": versions, "shares": parts, **more})


def alike(one: Desired, other: Desired) -> bool:
    """Whether two want the same; the generation does not count."""
    return one.model_copy(update={"generation": 0}) == other.model_copy(update={"generation": 0})
