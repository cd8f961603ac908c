"""From the board to environments: which there are, in which cloud, region and cluster, and how they differ."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from hug_agents.reading.board import Board, Candidate
from hug_agents.reading.claims import Value
from hug_agents.reading.vocabulary import AWS_REGIONS, AZURE_REGIONS, GCP_REGIONS
from hug_agents.spec import Environment, EnvVar, Resources, Service, ServiceOverride

_ORDER = {"development": 0, "staging": 1, "production": 2}
_CLOUD_NAMES = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "none": "a cluster of one's own"}


def environments(
    board: Board, runtime: str | None, services: tuple[Service, ...], only: bool
) -> tuple[Environment, ...]:
    """Every environment with its place. `only`: the request says that there are no others than it names."""
    named = {path.split(".")[1] for path in board.paths("environments.")} - {"*"}
    roles = _roles(board, only)
    if not roles:
        why = "the request leaves out both staging and production, and names no other environment"
        board.ask("environments.production.role", "Which environment is it for?", options=("production",), why=why)
    made: list[Environment] = []
    for name, role in roles.items():
        cloud = _cloud(board, name, runtime)
        region = _region(board, name, cloud)
        values: dict[str, Any] = {"name": name, "role": role, "cloud": cloud or "none", "region": region}
        for leaf in ("account", "cluster", "namespace", "domain"):
            values[leaf] = _value(board, name, leaf)
        _shared_domain(board, roles, name, values)
        _own_namespace(board, roles, name, values)
        if named and name not in named:
            _taken_over(board, name, sorted(named))
        values["overrides"] = _overrides(board, name, services)
        if not board.questions:
            try:
                made.append(Environment.model_validate(values))
            except ValidationError as error:
                board.contradiction(f"environments.{name}", error)
    return tuple(made)


def _value(board: Board, name: str, leaf: str) -> Any:
    target = f"environments.{name}.{leaf}"
    chosen = board.choose(target, target, f"environments.*.{leaf}")
    return chosen.value if chosen else None


def _roles(board: Board, only: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in list(board.paths("environments.")):
        parts = path.split(".")
        if parts[1] != "*" and parts[1] not in found:
            chosen = board.choose(f"environments.{parts[1]}.role")
            found[parts[1]] = str(chosen.value) if chosen else _role_by_name(parts[1])
    unwanted = {
        path.split(".")[1] for path in board.negated if path.startswith("environments.") and path.endswith(".role")
    }
    for name, role in (("staging", "staging"), ("production", "production")):
        if role not in found.values() and name not in unwanted and not only:
            found[name] = role
            reason = "a release is validated in staging first" if role == "staging" else "a release ends in production"
            board.default(f"environments.{name}.role", f"{reason}; say `only ...` to leave it out")
    return dict(sorted(found.items(), key=lambda row: (_ORDER[row[1]], row[0])))


def _role_by_name(name: str) -> str:
    return "production" if name.startswith("prod") else "development" if name.startswith("dev") else "staging"


def _cloud(board: Board, name: str, runtime: str | None) -> str | None:
    target = f"environments.{name}.cloud"
    found = board.best(target, "environments.*.cloud")
    distinct = {str(row.value): row for row in found}
    rejected = {str(value) for path in (target, "environments.*.cloud") for value in board.negated.get(path, {})}
    if len(distinct) > 1:
        board.conflict("environments.*.cloud", tuple(distinct.values()), "In which cloud does it run?")
        return None
    if found and str(found[0].value) in rejected:
        quote = next(
            board.negated[path][found[0].value]
            for path in (target, "environments.*.cloud")
            if found[0].value in board.negated.get(path, {})
        )
        board.ask(
            "environments.*.cloud", "In which cloud does it run?", options=("aws", "gcp", "azure", "none"),
            candidates=(found[0],),
            why=f"the request says both {found[0].quote[:120]!r} and {quote[:120]!r}",
        )  # fmt: skip
        return None
    if found:
        cloud = str(found[0].value)
        if runtime == "ecs" and cloud != "aws":
            board.ask(
                "toolchain.runtime",
                "ECS runs on AWS only. What runs the containers?",
                options=("kubernetes", "ecs"),
                why=f"the request also names {_CLOUD_NAMES[cloud]}",
                candidates=found,
            )
            return None
        board.settle(target, found[0])
        return cloud
    if runtime == "ecs":
        if "aws" in rejected:
            quote = board.negated.get("environments.*.cloud", {}).get("aws", "")
            board.ask(
                "toolchain.runtime",
                "What runs the containers?",
                options=("kubernetes",),
                why=f"ECS runs on AWS only, and the request says {quote[:120]!r}",
                candidates=tuple(board.best("toolchain.runtime")),
            )
            return None
        board.default(target, "ECS runs on AWS only")
        return "aws"
    if runtime:
        board.default(target, "no cloud is named: the cluster exists, and nothing is created around it")
    return "none"


def _region(board: Board, name: str, cloud: str | None) -> str | None:
    target = f"environments.{name}.region"
    if cloud is None:
        return None
    negated = {value for path in (target, "environments.*.region") for value in board.negated.get(path, {})}
    found = board.best(target, "environments.*.region")
    distinct = {str(row.value): row for row in found}
    if len(distinct) > 1:
        board.conflict(
            target if board.best(target) else "environments.*.region",
            tuple(distinct.values()),
            f"In which region does {name if board.best(target) else 'it'} run?",
        )
        return None
    region = str(found[0].value) if found and found[0].value not in negated else None
    known = {"aws": AWS_REGIONS, "gcp": GCP_REGIONS, "azure": AZURE_REGIONS}.get(cloud)
    if region and known is not None and region not in known:
        board.ask(
            target if board.best(target) else "environments.*.region",
            f"In which region of {_CLOUD_NAMES[cloud]} does {name} run?",
            why=f"{region} is no region of {_CLOUD_NAMES[cloud]} that we know",
        )
        return None
    if region:
        board.settle(target, found[0])
        return region
    if cloud == "aws":
        others = any(path.endswith(".region") for path in board.paths("environments."))
        board.ask(
            target if others else "environments.*.region",
            f"In which AWS region does {name if others else 'it'} run?",
            why="AWS needs a region, and nothing states it",
            options=("eu-west-1", "eu-central-1", "us-east-1"),
        )
    return None


def _shared_domain(board: Board, roles: dict[str, str], name: str, values: dict[str, Any]) -> None:
    """One host name said without an environment is production's: two environments cannot answer under one name."""
    path = f"environments.{name}.domain"
    if values["domain"] and roles[name] != "production" and not board.best(path) and "production" in roles.values():
        values["domain"] = None
        board.evidence.pop(path, None)
        for targets in board.used.values():
            targets.discard(path)


def _own_namespace(board: Board, roles: dict[str, str], name: str, values: dict[str, Any]) -> None:
    """One namespace said without an environment is production's, unless this environment has another cluster."""
    path = f"environments.{name}.namespace"
    if not values["namespace"] or roles[name] == "production" or board.best(path) or _apart(board, roles, name):
        return
    if "production" in roles.values():
        values["namespace"] = f"{values['namespace']}-{name}"[:63].rstrip("-")
        board.default(path, "apart from production, which has the namespace that is named")
        for targets in board.used.values():
            targets.discard(path)


def _apart(board: Board, roles: dict[str, str], name: str) -> bool:
    """Whether its cluster is known, and no production runs there: `clusters a for staging and b for prod`."""
    places = [
        {row.value for row in board.best(f"environments.{one}.cluster", "environments.*.cluster")}
        for one in (name, *(other for other, role in roles.items() if role == "production"))
    ]
    return all(places) and not any(places[0] & other for other in places[1:])


def _taken_over(board: Board, name: str, named: list[str]) -> None:
    """What the request says of the environments that it names is only assumed of one that it does not name."""
    for leaf in ("cloud", "account", "region", "cluster"):
        path = f"environments.{name}.{leaf}"
        if path in board.evidence and board.evidence[path].kind == "request":
            board.default(path, f"as in {' and '.join(named)}: nothing is said of {name}")


def _overrides(board: Board, name: str, services: tuple[Service, ...]) -> tuple[ServiceOverride, ...]:
    made: list[ServiceOverride] = []
    prefix = f"environments.{name}"
    for service in services:
        values: dict[str, Any] = {}
        for leaf in ("replicas", "max_replicas"):
            chosen = _override(board, prefix, leaf, service.name)
            if chosen is not None and service.kind != "job":
                values[leaf] = chosen.value
        sizes = {}
        for leaf in ("cpu_millicores", "memory_mib"):
            chosen = _override(board, prefix, leaf, service.name)
            if chosen is not None:
                sizes[leaf] = chosen.value
        if sizes:
            values["resources"] = Resources.model_validate(service.resources.model_dump() | sizes)
        variables = sorted({path.split(".")[3] for path in board.paths(f"{prefix}.env.")})
        if variables:
            values["env"] = tuple(
                EnvVar(name=item, value=_text(value))
                for item in variables
                if (value := _value(board, name, f"env.{item}")) is not None
            )
        if values:
            made.append(ServiceOverride(service=service.name, **values))
    return tuple(made)


def _override(board: Board, prefix: str, leaf: str, service: str) -> Candidate | None:
    """What one environment says of one service, or of all."""
    target = f"{prefix}.{leaf}.{service}"
    inner = f"resources.{leaf}" if leaf in ("cpu_millicores", "memory_mib") else leaf
    shown = f"{prefix}.overrides.{service}.{inner}"
    return board.choose(target, target, f"{prefix}.{leaf}.*", spec_path=shown)


def _text(value: Value) -> str:
    return str(value)
