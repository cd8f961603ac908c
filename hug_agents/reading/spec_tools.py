"""From the board to the toolchain; what is planned or unknown is refused by name, never replaced in silence."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hug_agents import combinations
from hug_agents.reading.board import Board, Candidate
from hug_agents.spec import Line, Model, Text, Toolchain
from hug_agents.systems import systems

_FAMILY = {
    "iac": "infrastructure",
    "ci": "pipelines",
    "runtime": "orchestration",
    "rollout": "rollback",
    "registry": "repositories",
    "monitors": "monitoring",
}
_DEFAULTS = {"iac": "terraform", "ci": "github_actions", "registry": "docker_registry"}
_WHY = {
    "iac": "the infrastructure as code of this version", "ci": "the pipelines of this version",
    "registry": "images are pushed by digest, to any OCI registry",
}  # fmt: skip


class Refused(Model):
    """Something that was asked for by name and is not made; nothing else is made in its place unasked."""

    what: Line
    path: Line = ""
    quote: Text = ""
    reason: Line = Field(description="why, and what is made or can be chosen instead")


def runtime(board: Board, refused: list[Refused]) -> str | None:
    """What runs the containers. Asked when it is missing; refused and asked when it is planned."""
    chosen = board.choose("toolchain.runtime", text="What runs the containers?")
    ready = tuple(item.id for item in systems().values() if item.family == "orchestration" and item.level != "planned")
    if chosen is None:
        if "toolchain.runtime" not in board.questions:
            board.ask("toolchain.runtime", "What runs the containers?", options=ready, why="nothing says where it runs")
        return None
    if reason := unavailable("runtime", str(chosen.value)):
        refused.append(
            Refused(what=_name(str(chosen.value)), path="toolchain.runtime", quote=chosen.quote, reason=reason)
        )
        if chosen.source != "answer":
            board.evidence.pop("toolchain.runtime", None)
        board.ask(
            "toolchain.runtime",
            f"{_name(str(chosen.value))} cannot be written yet. What runs the containers instead?",
            options=ready,
            why=reason,
            candidates=(chosen,),
        )
        return None
    return str(chosen.value)


def unavailable(field: str, system: str) -> str | None:
    """Why a system cannot be written for; None if it can."""
    row = systems().get(system)
    ready = [item.name for item in systems().values() if item.family == _FAMILY[field] and item.level != "planned"]
    if row is None or row.family != _FAMILY[field]:
        return f"{system} is not a system that this version knows for {field}"
    return (
        f"{row.name} is planned and not written yet; ready: {', '.join(ready) or 'none'}"
        if row.level == "planned"
        else None
    )


def toolchain(board: Board, run: str, clouds: set[str], refused: list[Refused]) -> Toolchain:
    """The toolchain around a runtime."""
    values: dict[str, Any] = {"runtime": run}
    for name in ("iac", "ci", "rollout", "registry"):
        values[name] = _one(board, name, refused)
    _infrastructure(board, values, clouds, refused)
    values["monitors"] = _monitors(board, refused)
    package = board.choose("toolchain.package")
    if package is not None and run == "kubernetes":
        values["package"] = str(package.value)
    elif package is not None:
        board.evidence.pop("toolchain.package", None)
        refused.append(
            Refused(
                what="a Helm chart",
                path="toolchain.package",
                quote=package.quote,
                reason=f"charts are for Kubernetes, and {_name(run)} runs the containers. Nothing is written for it",
            )
        )
    host = board.choose("toolchain.registry_host")
    if host is not None:
        values["registry_host"] = str(host.value)
    return _together(board, Toolchain.model_validate(values), refused)


def _together(board: Board, chain: Toolchain, refused: list[Refused]) -> Toolchain:
    """The toolchain without what makes no sense beside the rest; that is refused by name, or asked where a word is missing."""
    for clash in combinations.clashes(combinations.known(chain)):
        need = clash.need
        if need.field == "registry_host":
            board.ask(
                "toolchain.registry_host",
                f"Where does {_name(clash.system)} answer? (host[:port]/repository)",
                why=need.reason,
            )
        elif need.field == "monitors" and not any(board.rejected("toolchain.monitors", item) for item in need.any_of):
            chain = chain.model_copy(update={"monitors": (*need.any_of, *chain.monitors)})
            board.notes.append(f"toolchain.monitors: {', '.join(need.any_of)} is written too: {need.reason}")
        else:
            chain = _without(board, chain, clash, refused)
    return chain


def _without(board: Board, chain: Toolchain, clash: combinations.Clash, refused: list[Refused]) -> Toolchain:
    for name in ("iac", "ci", "rollout", "registry", "monitors"):
        value = getattr(chain, name)
        if clash.system == value or (isinstance(value, tuple) and clash.system in value):
            target = f"toolchain.{name}"
            stated = board.evidence.pop(target, None)
            reason = f"{clash.need.reason}. Nearest: {clash.need.nearest}"
            board.default(target, f"left out: {clash.need.reason}")
            quote = stated.quote if stated else ""
            refused.append(Refused(what=_name(clash.system), path=target, quote=quote, reason=reason))
            left = tuple(item for item in value if item != clash.system) if isinstance(value, tuple) else None
            return chain.model_copy(update={name: left})
    return chain


def _one(board: Board, name: str, refused: list[Refused]) -> str | None:
    target = f"toolchain.{name}"
    chosen = board.choose(target, text=f"Which {name} is wanted?")
    if chosen is not None and chosen.value == "none":
        return None
    if chosen is not None:
        reason = unavailable(name, str(chosen.value))
        if reason is None:
            return str(chosen.value)
        _refuse(board, refused, target, chosen, reason)
        return _DEFAULTS["registry"] if name == "registry" else None
    default = _DEFAULTS.get(name)
    if default is None or target in board.questions:
        return None
    if board.rejected(target, default):
        quote = board.negated[target][default]
        board.settle(target, Candidate(target, "none", "request", quote))
        return None
    board.default(target, _WHY[name])
    return default


def _refuse(board: Board, refused: list[Refused], target: str, chosen: Candidate, reason: str) -> None:
    board.evidence.pop(target, None)
    board.default(target, f"left out: {reason}")
    refused.append(
        Refused(
            what=_name(str(chosen.value)),
            path=target,
            quote=chosen.quote,
            reason=f"{reason}. Nothing is written for it",
        )
    )


def _infrastructure(board: Board, values: dict[str, Any], clouds: set[str], refused: list[Refused]) -> None:
    """Terraform is written for AWS. In another cloud it is refused by name; manifests are still made."""
    other = sorted(clouds - {"aws", "none"})
    if values["iac"] is None:
        return
    stated = board.evidence.get("toolchain.iac")
    asked = stated is not None and stated.kind != "default"
    if other:
        names = " and ".join({"gcp": "Google Cloud", "azure": "Azure"}[cloud] for cloud in other)
        reason = f"infrastructure as code for {names} is not written by this version; the manifests for the cluster are"
        refused.append(
            Refused(
                what=f"{_name(values['iac']) if asked else 'infrastructure as code'} for {names}",
                path="toolchain.iac",
                quote=stated.quote if stated and asked else "",
                reason=reason,
            )
        )
    elif values["runtime"] == "nomad":
        reason = "no infrastructure as code here writes a Nomad cluster; the jobs run on one that exists"
        if asked:
            quote = stated.quote if stated else ""
            refused.append(
                Refused(what=f"{_name(values['iac'])} for Nomad", path="toolchain.iac", quote=quote, reason=reason)
            )
    elif "aws" in clouds:
        return
    elif asked:
        reason = "Terraform is written for AWS, and no cloud is named; the manifests for the cluster are made"
        refused.append(
            Refused(
                what="Terraform without AWS", path="toolchain.iac", quote=stated.quote if stated else "", reason=reason
            )
        )
    else:
        reason = "no cloud is named: the cluster exists, and there is nothing to create around it"
    values["iac"] = None
    board.evidence.pop("toolchain.iac", None)
    board.default("toolchain.iac", f"none: {reason}")


def _monitors(board: Board, refused: list[Refused]) -> tuple[str, ...]:
    found = [board.best(path) for path in board.paths("toolchain.monitors.")]
    rows = [row[0] for row in found if row]
    if any(row.source in ("option", "answer") for row in rows):
        rows = [row for row in rows if row.source in ("option", "answer")]
    if "toolchain.monitors" in board.candidates:
        answer = board.best("toolchain.monitors")[0]
        rows = [
            Candidate(f"toolchain.monitors.{value}", value, answer.source, answer.quote)
            for value in (answer.value if isinstance(answer.value, tuple) else (answer.value,))
        ]
    made: list[str] = []
    for row in rows:
        if board.rejected("toolchain.monitors", row.value):
            board.ask(
                "toolchain.monitors",
                "Which monitoring systems are wanted?",
                options=("prometheus",),
                why=f"the request says both {row.quote[:100]!r} and "
                f"{board.negated['toolchain.monitors'][row.value][:100]!r}",
                candidates=(row,),
            )
            continue
        reason = unavailable("monitors", str(row.value))
        if reason:
            refused.append(
                Refused(
                    what=_name(str(row.value)),
                    path="toolchain.monitors",
                    quote=row.quote,
                    reason=f"{reason}. Nothing is written for it",
                )
            )
            continue
        board.evidence["toolchain.monitors"] = row.evidence("toolchain.monitors")
        board.used.setdefault("toolchain.monitors", set()).add("toolchain.monitors")
        made.append(str(row.value))
    if not made:
        if board.rejected("toolchain.monitors", "prometheus"):
            board.settle(
                "toolchain.monitors",
                Candidate("toolchain.monitors", "none", "request", board.negated["toolchain.monitors"]["prometheus"]),
            )
            return ()
        board.default("toolchain.monitors", "objectives need something that measures them")
        made = ["prometheus"]
    return tuple(dict.fromkeys(made))


def _name(system: str) -> str:
    row = systems().get(system)
    return row.name if row else system
