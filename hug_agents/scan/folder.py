"""One component while it is being read: its files, and the facts found so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hug_agents.scan import commands, drivers, quoting
from hug_agents.scan.documents import Node, Refused, read_json, read_toml, read_yaml
from hug_agents.scan.places import is_application_code
from hug_agents.scan.report import Confidence, Fact
from hug_agents.scan.routes import purpose
from hug_agents.scan.source import Source
from hug_agents.scan.tree import Tree

Value = str | int | bool


class Folder:
    """A component's folder. Paths given and returned are relative to it; facts name files relative to the root."""

    def __init__(self, tree: Tree, context: str, files: Sequence[str]) -> None:
        self.tree = tree
        self.context = context
        self._prefix = "" if context == "." else f"{context}/"
        self.files = tuple(path[len(self._prefix) :] for path in files)
        self._known = frozenset(self.files)
        self._facts: dict[tuple[str, Value, str], Fact] = {}
        self._counts: dict[str, int] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._known

    # ---- files

    def root_path(self, path: str) -> str:
        """A path of this folder, relative to the repository's root."""
        return f"{self._prefix}{path}"

    def relative(self, source: Source) -> str:
        """The path of a source, relative to this folder."""
        return source.path[len(self._prefix) :]

    def read(self, path: str) -> Source | None:
        """A file of this folder as text."""
        return self.tree.read(self.root_path(path)) if path in self._known else None

    def document(self, path: str) -> tuple[Source, Node] | None:
        """A JSON, YAML (its first document) or TOML file of this folder; one that cannot be used is said."""
        documents = self.documents(path)
        return (documents[0], documents[1][0]) if documents and documents[1] else None

    def documents(self, path: str) -> tuple[Source, list[Node]] | None:
        """The same, with every document of a YAML file."""
        source = self.tree.parsed(self.root_path(path)) if path in self._known else None
        if source is None:
            return None
        try:
            if path.endswith(".json"):
                return source, [read_json(source)]
            if path.endswith((".toml", ".lock")) or path == "Pipfile":
                return source, [read_toml(source)]
            return source, read_yaml(source)
        except Refused as error:
            self.tree.unread(source.path, str(error))
            return None

    def code(self, *suffixes: str) -> Iterator[Source]:
        """The application's own source files with one of these suffixes, until the time is used up."""
        for path in self.files:
            if path.endswith(suffixes) and is_application_code(path) and not self.tree.late():
                source = self.tree.parsed(self.root_path(path))
                if source is not None:
                    yield source

    # ---- facts

    def add(
        self,
        path: str,
        value: Value,
        source: Source,
        line: int,
        confidence: Confidence = "certain",
        *,
        around: str = "",
    ) -> None:
        """Note one fact. A value that looks like a credential is said to be there and not repeated."""
        if self._counts.get(path, 0) > self.tree.limits.facts_per_path:
            return
        if isinstance(value, str):
            value = quoting.clean(value)
            if not value or len(value) > 1_000:
                return
            if path != "env" and quoting.holds_credential(value):
                self.tree.unread(f"{source.path}:{line}", f"its {path} holds what looks like a credential")
                return
        key = (path, value, "" if path in ("env", "dependency") else source.path)
        known = self._facts.get(key)
        if known is not None and (known.confidence == "certain" or confidence == "likely"):
            return
        line = max(1, min(line, len(source.lines)))
        text = source.line(line)
        if path == "env":
            quote = quoting.quote_name(text, str(value))
        else:
            quote = quoting.quote(text, around=around or str(value))
        if known is None:
            self._counts[path] = self._counts.get(path, 0) + 1
            if self._counts[path] > self.tree.limits.facts_per_path:
                why = f"more than {self.tree.limits.facts_per_path} facts on one path"
                self.tree.unread(f"{self.context}: {path}", why)
                return
        self._facts[key] = Fact(path=path, value=value, file=source.path, line=line, quote=quote, confidence=confidence)

    def add_port(self, port: int, source: Source, line: int, confidence: Confidence = "certain") -> None:
        """Note a serving port, if it is one."""
        if 0 < port <= 65_535:
            self.add("port", port, source, line, confidence)

    def add_route(
        self, path: str, source: Source, line: int, confidence: Confidence = "certain", *, around: str = ""
    ) -> None:
        """Note a route, if it answers for health or metrics."""
        meant = purpose(path)
        if meant is not None:
            self.add(meant, path, source, line, "likely" if meant == "maybe_health" else confidence, around=around)

    def add_command(
        self, path: str, command: str | Sequence[str], source: Source, line: int, confidence: Confidence = "certain"
    ) -> None:
        """Note a command, and the port that it names."""
        arguments = commands.split(command) if isinstance(command, str) else tuple(command)
        if not arguments:
            return
        around = command[:40] if isinstance(command, str) else arguments[0]
        self.add(path, commands.as_value(arguments), source, line, confidence, around=around)
        if path == "start_command":
            for port, sure in commands.ports(arguments):
                self.add_port(port, source, line, sure)

    def add_derived(self, path: str, arguments: Sequence[str], source: Source, line: int) -> None:
        """Note a command that no file states, but that follows from what this line says."""
        self.add(path, commands.as_value(arguments), source, line, "likely")

    def add_library(self, name: str, source: Source, line: int) -> None:
        """Note the backing service that a library talks to."""
        kind = drivers.of_library(name)
        if kind is not None:
            self.add("dependency", kind, source, line, around=name)

    def has(self, *paths: str) -> bool:
        """Whether there is a fact on one of these paths."""
        return any(fact.path in paths for fact in self._facts.values())

    def values(self, path: str) -> set[Value]:
        """The different values on one path."""
        return {fact.value for fact in self._facts.values() if fact.path == path}

    def facts(self) -> tuple[Fact, ...]:
        """Every fact, sorted. A route such as /ping counts as health only where nothing better does."""
        strong = self.has("health_path")
        facts = [
            fact.model_copy(update={"path": "health_path"}) if fact.path == "maybe_health" else fact
            for fact in self._facts.values()
            if fact.path != "maybe_health" or not strong
        ]
        return tuple(sorted(facts, key=_order))


def _order(fact: Fact) -> tuple[str, bool, str, int, str]:
    return fact.path, fact.confidence == "likely", fact.file, fact.line, str(fact.value)
