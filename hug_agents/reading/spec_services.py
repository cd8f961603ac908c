"""From the board to services: which there are, what each is built from, how it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hug_agents.reading.board import RANKS, Board, Candidate
from hug_agents.reading.claims import Value
from hug_agents.reading.gather import candidate, component_facts, variables_read
from hug_agents.reading.naming_words import ROLES
from hug_agents.reading.ranges import next_base
from hug_agents.spec import Build, EnvVar, Resources, SecretRef, Service, Stack

if TYPE_CHECKING:
    from hug_agents.scan.report import Component, RepositoryFacts

_REPLICAS, _CPU, _MEMORY = 2, 250, 512
_STACK_LEAVES = (
    "language",
    "framework",
    "package_manager",
    "lock_file",
    "requirements_file",
    "build_script",
    "module",
    "test_command",
)


def application_and_services(board: Board, facts: RepositoryFacts | None) -> tuple[str | None, tuple[str, ...]]:
    """The application's name and its services, each joined with its part of the repository."""
    names = list(dict.fromkeys(path.split(".")[1] for path in board.paths("services.") if path.split(".")[1] != "*"))
    components = {component.name: component for component in facts.components} if facts else {}
    application = board.choose("application", text="What is the application called?")
    if not names and application and not components:
        names = [str(application.value)]
    if not names and components:
        names = _from_repository(board, components, application)
    elif components:
        _pair(board, names, components)
    _left_processes(board, names, components)
    if not names and "application" not in board.questions:
        why = "the request names nothing to deploy" + ("" if facts else ", and no repository was given")
        board.ask("application", "What is deployed? Its name, in lower case.", why=why)
    if application is None and names and "application" not in board.questions:
        if len(names) == 1:
            board.settle("application", _named(board, names[0]))
            return names[0], tuple(names)
        root = _root_name(facts)
        if root is not None:
            board.settle("application", root)
            return str(root.value), tuple(names)
        first = next((name for name in names if not _without_port(board, name)), names[0])
        board.default("application", f"no name for the whole is given: that of {first}, the first service")
        return first, tuple(names)
    return (str(application.value) if application else None), tuple(names)


def _left_processes(board: Board, names: list[str], components: dict[str, Component]) -> None:
    """Say which processes of what is deployed are not: a worker that is forgotten stops its work without a sound."""
    deployed = set(board.contexts.values())
    for component in components.values():
        found = [fact for fact in component.facts if fact.path.startswith("process.")]
        left = [fact for fact in found if fact.path.removeprefix("process.") not in names]
        if left and component.context in deployed:
            listed = ", ".join(f"{fact.path.removeprefix('process.')} ({fact.file}:{fact.line})" for fact in left[:8])
            board.notes.append(
                f"the repository also runs {listed} beside what serves: not named in the request, not deployed"
            )


def _named(board: Board, name: str) -> Candidate:
    found = board.best(f"services.{name}.name")
    return found[0] if found else next(board.candidates[path][0] for path in board.paths(f"services.{name}."))


def _without_port(board: Board, name: str) -> bool:
    return any(row.value in ("worker", "job") for row in board.best(f"services.{name}.kind"))


def _root_name(facts: RepositoryFacts | None) -> Candidate | None:
    """The repository's name, as its own configuration has it."""
    if facts is None or facts.repository is None:
        return None
    fact = next(fact for fact in facts.facts if fact.path == "repository")
    name = facts.repository.rpartition("/")[2].lower().replace("_", "-").replace(".", "-")
    return Candidate("application", name, "repository", fact.quote, fact.file, fact.line)


def _from_repository(board: Board, components: dict[str, Component], application: Candidate | None) -> list[str]:
    """No service is named: what the repository holds is deployed; a single part takes the application's name."""
    if application is not None and len(components) == 1:
        (component,) = components.values()
        _join(board, str(application.value), component)
        return [str(application.value)]
    for name, component in components.items():
        _join(board, name, component)
        if not board.best(f"services.{name}.name"):
            board.add(_component_name(name, component))
    return list(components)


def _component_name(name: str, component: Component) -> Candidate:
    fact = next(
        (fact for fact in component.facts if fact.path == "name"), component.facts[0] if component.facts else None
    )
    if fact is None:
        return Candidate(f"services.{name}.name", name, "default", reason="the name of its folder in the repository")
    return Candidate(f"services.{name}.name", name, "repository", fact.quote, fact.file, fact.line)


def _pair(board: Board, names: list[str], components: dict[str, Component]) -> None:
    """Join each named service with its part of the repository: by name, by its end, or because both are alone."""
    if len(names) == 1 and len(components) == 1:
        (component,) = components.values()
        _join(board, names[0], component)
        return
    free = dict(components)
    serving = [item for item in components.values() if item.values("port") or item.values("framework")]
    for name in names:
        found = _match(name, free)
        if found is None and ROLES.get(name) == "web" and len(serving) == 1:  # `web`: the one that serves
            found = next((other for other in free if free[other] is serving[0]), None)
        process = next((item for item in components.values() if item.values(f"process.{name}")), None)
        if found:
            component = free.pop(found)
            _join(board, name, component)
        elif process is not None:
            _join(board, name, process, process=True)
        elif not board.best(f"services.{name}.image", f"services.{name}.context", f"services.{name}.dockerfile"):
            board.ask(
                f"services.{name}.context",
                f"Which folder of the repository is {name} built from?",
                options=tuple(component.context for component in free.values()),
                why="no part of the repository has this name",
            )
    for name in names:
        chosen = board.best(f"services.{name}.context")
        component = next(
            (item for item in components.values() if chosen and item.context == str(chosen[0].value)), None
        )  # type: ignore[assignment]
        if component is not None and name not in board.contexts:
            _join(board, name, component)
    left = [name for name in free if free[name].context not in board.contexts.values()]
    if left and len(components) > 1:
        board.notes.append(f"the repository also holds {', '.join(left[:8])}: not named in the request, not deployed")


def _join(board: Board, service: str, component: Component, *, process: bool = False) -> None:
    """Let a service have what its part of the repository says; `process`: it runs beside what serves there."""
    component_facts(board, service, component, process=process)
    board.contexts[service] = component.context
    board.variables[service] = variables_read(component)
    for fact in component.values("version")[:1]:
        board.versions[service] = candidate("version", fact)


def _match(name: str, components: dict[str, Component]) -> str | None:
    if name in components:
        return name
    near = [
        other
        for other in components
        if other.endswith(f"-{name}")
        or name.endswith(f"-{other}")
        or other.startswith(f"{name}-")
        or name.startswith(f"{other}-")
    ]
    folders = [other for other, component in components.items() if component.context.rpartition("/")[2] == name]
    both = list(dict.fromkeys((*folders, *near)))
    return both[0] if len(both) == 1 else None


_IN_THE_SPEC = {
    **{leaf: f"build.stack.{leaf}" for leaf in _STACK_LEAVES},
    "language_version": "build.stack.version",
    "dockerfile": "build.dockerfile",
    "cpu_millicores": "resources.cpu_millicores",
    "memory_mib": "resources.memory_mib",
}
"""Where a leaf stands in the spec's service, if elsewhere."""


class ServiceMaker:
    """Makes one service from the board; what is missing becomes a question."""

    def __init__(self, board: Board, name: str, alone: bool, has_repository: bool) -> None:
        self.board = board
        self.name = name
        self.alone = alone
        self.has_repository = has_repository

    def get(self, leaf: str, text: str = "") -> Any:
        """The value of one leaf: said of this service, or of all."""
        target = f"services.{self.name}.{leaf}"
        shown = f"services.{self.name}.{_IN_THE_SPEC.get(leaf, leaf)}"
        chosen = self.board.choose(target, target, f"services.*.{leaf}", text=text, spec_path=shown)
        return chosen.value if chosen else None

    def default(self, leaf: str, reason: str) -> None:
        """Note a default of this service."""
        self.board.default(f"services.{self.name}.{leaf}", reason)

    def make(self) -> Service | None:
        """The service, or None when a question stands in its way."""
        board, name = self.board, self.name
        schedule = self.get("schedule", text=f"When does {name} run? A cron expression of five fields, in UTC.")
        port = self.get("port", text=f"Which port does {name} serve on?")
        kind = self._kind(schedule, port)
        values: dict[str, Any] = {"name": name, "kind": kind}
        asked = f"services.{name}.port" in board.questions
        if kind == "web":
            if port is None and not asked:
                board.ask(
                    f"services.{name}.port",
                    f"Which port does {name} serve on?",
                    why="a web service needs its port, and nothing states it",
                    options=("none: it is a worker",),
                )
            values |= {
                "port": port,
                "health_path": self.get("health_path"),
                "health_port": self._health_port(port),
                "metrics_path": self.get("metrics_path"),
            }
            public = self.get("public")
            if public is not None:
                values["public"] = public
            if values["health_path"] is None and f"services.{name}.health_path" not in board.questions:
                self.default("health_path", "no path was stated; the check is that the port answers")
        else:
            board.questions.pop(f"services.{name}.port", None) if kind != "web" and port is None else None
            if port is not None and self._outranked():
                board.notes.append(f"services.{name}: a {kind} serves no port, so {port} gives way")
            elif port is not None:
                board.ask(
                    f"services.{name}.kind",
                    f"Is {name} a web service on port {port}, or a {kind} without a port?",
                    options=("web", kind),
                    why=f"a {kind} serves no port",
                )
            board.evidence.pop(f"services.{name}.port", None)
            if kind == "job" and schedule:
                values["schedule"] = schedule
        self._source(values)
        self._size(values)
        self._configuration(values)
        if board.questions:
            return None
        try:
            return Service.model_validate({key: value for key, value in values.items() if value is not None})
        except ValidationError as error:
            board.contradiction(f"services.{name}", error)
            return None

    def _health_port(self, port: Any) -> Any:
        value = self.get("health_port")
        return None if value == port else value

    def _outranked(self) -> bool:
        """Whether it was said that no port is served, by somebody who counts for more than what tells of the port."""
        kind, port = (
            self.board.best(f"services.{self.name}.{leaf}", f"services.*.{leaf}") for leaf in ("kind", "port")
        )
        return bool(kind and port) and RANKS.index(kind[0].source) < RANKS.index(port[0].source)

    def _kind(self, schedule: Any, port: Any) -> str:
        target = f"services.{self.name}.kind"
        found = self.board.best(target, "services.*.kind")
        kinds = {str(row.value) for row in found}
        if len(kinds) > 1 and schedule and "job" in kinds:
            kinds = {"job"}
        if len(kinds) > 1 and found[0].source == "request":
            kinds -= {"web"} if port is None else kinds - {"web"}
        chosen = next((row for row in found if str(row.value) in kinds), None)
        if len(kinds) == 1 and chosen:
            if schedule and chosen.value != "job" and chosen.source != "answer":
                self.default("kind", "it has a schedule, so it is a job")
                return "job"
            if port is not None and chosen.value == "worker" and chosen.source == "repository":
                return "web"
            self.board.settle(target, chosen)
            return str(chosen.value)
        if schedule:
            self.default("kind", "it has a schedule, so it is a job")
            return "job"
        self.default("kind", "it has a port, so it is a web service" if port else "nothing says otherwise")
        return "web"

    def _source(self, values: dict[str, Any]) -> None:
        """An image, or what one is built from."""
        board, name = self.board, self.name
        image_at = board.best(f"services.{name}.image", *(("services.*.image",) if self.alone else ()))
        if image_at:
            values["image"] = self._chosen_image()
            for leaf in ("language", "framework", "package_manager", "language_version"):
                if (
                    board.best(f"services.{name}.{leaf}", f"services.*.{leaf}")
                    and board.best(f"services.{name}.{leaf}", f"services.*.{leaf}")[0].source == "request"
                ):
                    board.notes.append(
                        f"services.{name}: an image is given, so its {leaf.replace('_', ' ')} needs nothing"
                    )
            return
        dockerfile = self.get("dockerfile")
        stack = self._stack()
        stated = board.best(f"services.{name}.context", *(("services.*.context",) if self.alone else ()))
        context = str(stated[0].value) if stated else board.contexts.get(name, ".")
        if stated:
            board.settle(f"services.{name}.build.context", stated[0])
        if dockerfile is None and stack is None:
            board.ask(
                f"services.{name}.image",
                f"What does {name} run: an image reference, or an app to build (its language and framework, or an "
                "existing Dockerfile)?",
                options=("registry.example.com/team/app@sha256:...", "Dockerfile", "Python 3.12 FastAPI"),
                why="neither the request nor a repository says what the container is made from",
            )  # fmt: skip
            return
        values["build"] = Build(context=context, dockerfile=str(dockerfile) if dockerfile else None, stack=stack)

    def _chosen_image(self) -> Any:
        target = f"services.{self.name}.image"
        paths = (target, "services.*.image") if self.alone else (target,)
        chosen = self.board.choose(target, *paths, text=f"Which image does {self.name} run?")
        return chosen.value if chosen else None

    def _stack(self) -> Stack | None:
        values: dict[str, Any] = {leaf: self.get(leaf) for leaf in _STACK_LEAVES}
        values["version"] = self.get("language_version")
        if values["language"] is None:
            return None
        self._any_from(values)
        values["build_script"] = bool(values["build_script"])
        known = {key: value for key, value in values.items() if value is not None}
        try:
            return Stack.model_validate(known)
        except ValidationError as error:  # a framework, say, that no Dockerfile is written for: the rest still holds
            for leaf in {str(row["loc"][0]) for row in error.errors()}:
                self.board.evidence.pop(f"services.{self.name}.build.stack.{leaf}", None)
                self.board.notes.append(f"services.{self.name}: {known.pop(leaf, leaf)} as {leaf} changes nothing here")
            return Stack.model_validate(known)

    def _any_from(self, values: dict[str, Any]) -> None:
        """A repository that only bounds the version takes the next of which there is a base image."""
        path = f"services.{self.name}.build.stack.version"
        said = self.board.evidence.get(path)
        if (
            said
            and said.kind == "repository"
            and (found := next_base(values["language"], values["version"], said.quote))
        ):
            values["version"], bounds = found
            self.board.default(path, f"{said.file}:{said.line} takes any {bounds}")

    def _size(self, values: dict[str, Any]) -> None:
        kind = values["kind"]
        replicas = self.get("replicas") if kind != "job" else None
        if replicas is None and kind != "job" and f"services.{self.name}.replicas" not in self.board.questions:
            self.default("replicas", "two, so that one may fail")
        values["replicas"] = replicas or (_REPLICAS if kind != "job" else 1)
        values["max_replicas"] = self.get("max_replicas") if kind != "job" else None
        if values["max_replicas"] is not None and values["max_replicas"] < values["replicas"]:
            if replicas is None:
                values["replicas"] = values["max_replicas"]
            else:
                self.board.ask(
                    f"services.{self.name}.max_replicas",
                    f"How far may {self.name} scale?",
                    why=f"the upper bound {values['max_replicas']} is below {replicas} replicas",
                )
        cpu, memory = self.get("cpu_millicores"), self.get("memory_mib")
        if cpu is None:
            self.default("resources.cpu_millicores", "a quarter of a CPU, until measured")
        if memory is None:
            self.default("resources.memory_mib", "half a GiB, until measured")
        values["resources"] = Resources(cpu_millicores=cpu or _CPU, memory_mib=memory or _MEMORY)

    def _configuration(self, values: dict[str, Any]) -> None:
        names: dict[str, list[str]] = {"env": [], "secrets": []}
        for owner in (self.name, "*"):
            for path in list(self.board.paths(f"services.{owner}.")):
                parts = path.split(".")
                if len(parts) == 4 and parts[2] in names and parts[3] not in names[parts[2]]:
                    names[parts[2]].append(parts[3])
        for twice in set(names["env"]) & set(names["secrets"]):
            names["env"].remove(twice)
            self.board.notes.append(f"services.{self.name}.env.{twice}: given way to the secret of that name")
        values["env"] = tuple(
            EnvVar(name=name, value=_text(value))
            for name in sorted(names["env"])
            if (value := self.get(f"env.{name}")) is not None
        )
        values["secrets"] = tuple(
            SecretRef(name=name, key=str(value))
            for name in sorted(names["secrets"])
            if (value := self.get(f"secrets.{name}")) is not None
        )
        known = {*names["env"], *names["secrets"], "PORT"}
        if unset := [name for name in self.board.variables.get(self.name, ()) if name not in known]:
            self.board.notes.append(
                f"services.{self.name}: the code reads {', '.join(unset[:12])}, and nothing states a value"
            )
        for leaf in ("command", "migrate_command"):
            value = self.get(leaf)
            if value is not None:
                values[leaf] = value if isinstance(value, tuple) else (str(value),)


def _text(value: Value) -> str:
    return str(value)
