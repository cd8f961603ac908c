"""Compose files: the services that are built here, and the backing services beside them."""

from __future__ import annotations

from posixpath import dirname, normpath
from typing import NamedTuple

from hug_agents.scan import commands, drivers, quoting
from hug_agents.scan.dockerfile import _LOCAL_URL
from hug_agents.scan.documents import Node, Refused, read_yaml
from hug_agents.scan.folder import Folder
from hug_agents.scan.source import Source
from hug_agents.scan.tree import Tree

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


class ComposeService(NamedTuple):
    """A service and the folder that it is built from (relative to the root); empty for a ready image."""

    name: str
    node: Node
    source: Source
    context: str


def services(tree: Tree) -> list[ComposeService]:
    """The services of every plain compose file, nearest the root first. Overrides and variants are not read."""
    found: list[ComposeService] = []
    for path in tree.files:
        if path.rsplit("/", 1)[-1] not in NAMES or path.count("/") > 3:
            continue
        source = tree.parsed(path)
        if source is None:
            continue
        try:
            documents = read_yaml(source)
        except Refused as error:
            tree.unread(path, str(error))
            continue
        for name, node in (documents[0].items("services") if documents else [])[:200]:
            found.append(ComposeService(name, node, source, _context(path, node)))
    return found


def _context(path: str, node: Node) -> str:
    build = node.get("build")
    if build is None:
        return ""
    said = build.value if isinstance(build.value, str) else build.text("context") or "."
    if "$" in said or said.startswith(("/", "~")) or "://" in said:
        return ""
    context = normpath(f"{dirname(path) or '.'}/{said}")
    return "" if context.startswith("..") else context


def read(folder: Folder, service: ComposeService, *, beside: bool = False) -> None:
    """Note what a compose file says about the component that it builds.

    `beside`: another service is built from the same folder and serves, so this one's command is a further process.
    """
    source, node = service.source, service.node
    for item in node.elements("ports"):
        text = str(item.value) if isinstance(item.value, str) else item.text("target")
        inner = text.rsplit(":", 1)[-1] if "${" not in text else ""
        for port, _ in commands.number(inner.split("/", 1)[0]):
            folder.add_port(port, source, item.line)
    for name, line in _environment(node):
        folder.add("env", name, source, line)
    test = node.get("healthcheck", "test")
    if test is not None:
        words = " ".join(str(item.value) for item in test.elements()) or str(test.value)
        match = _LOCAL_URL.search(words[:4_096])
        if match and len(match[1]) > 1:
            line = next((item.line for item in test.elements() if match[1] in str(item.value)), test.line)
            folder.add("health_path", match[1], source, line, around=match[1])
    command = node.get("command")
    if command is not None:
        listed = [str(item.value) for item in command.elements()]
        text = " ".join(listed) or (command.value if isinstance(command.value, str) else "")
        if text and not commands.is_development(text):
            path = f"process.{quoting.clean(service.name)[:40]}" if beside else "start_command"
            folder.add_command(path, listed or text, source, command.line, "likely")


def _environment(node: Node) -> list[tuple[str, int]]:
    listed = [(str(item.value).partition("=")[0].strip(), item.line) for item in node.elements("environment")]
    pairs = [*listed, *((name, item.line) for name, item in node.items("environment"))]
    return [(name, line) for name, line in pairs if name.isascii() and name.isidentifier() and len(name) <= 128]


def backing(folder: Folder, every: list[ComposeService]) -> None:
    """Note the databases, queues and caches that run beside a component."""
    for service in every:
        image = service.node.get("image")
        known = drivers.of_image(str(image.value)) if image is not None and not service.context else None
        if known is not None and image is not None:
            kind, number = known
            folder.add("dependency", kind, service.source, image.line, "likely", around=str(image.value))
            if number:
                folder.add(
                    f"dependency_version.{kind}", number, service.source, image.line, "likely", around=str(image.value)
                )
