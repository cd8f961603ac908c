"""A Dockerfile: what its last stage runs, exposes and checks, and the stages that this one builds on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from hug_agents.scan import commands
from hug_agents.scan.drivers import version
from hug_agents.scan.folder import Folder
from hug_agents.scan.quoting import LINE_LIMIT
from hug_agents.scan.source import Source

_HEREDOC = re.compile(r"<<-?[\"']?([A-Za-z_]\w{0,63})[\"']?")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w{0,127})(?::-([^}]{0,200}))?\}|([A-Za-z_]\w{0,127}))")
_LOCAL_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[\w${}:-]{1,40})?(/[\w./~-]{0,200})"
)
_LANGUAGES = {
    "python": "python",
    "node": "node",
    "golang": "go",
    "eclipse-temurin": "java",
    "openjdk": "java",
    "amazoncorretto": "java",
}
_ENV = re.compile(r"^[A-Za-z_]\w{0,127}$")
_NOT_DOCKERFILES = tuple(
    ".dockerignore .dev .test .local .md .j2 .tmpl .template .py .go .js .ts .rs .java .json .yml .txt .sh".split()
)


@dataclass
class Stage:
    """One `FROM` and what follows; `base` is the earlier stage it builds on."""

    name: str
    base: Stage | None
    image: str
    line: int
    variables: dict[str, str] = field(default_factory=dict)
    exposed: list[tuple[str, int]] = field(default_factory=list)
    single: dict[str, tuple[str, int]] = field(default_factory=dict)
    """CMD, ENTRYPOINT and HEALTHCHECK: the last one counts."""

    def last(self, instruction: str) -> tuple[str, int] | None:
        """The instruction that holds in this stage."""
        return self.single.get(instruction) or (self.base.last(instruction) if self.base else None)


def files(folder: Folder) -> list[str]:
    """Every Dockerfile of a folder, the plain one first."""
    found = []
    for path in folder.files:
        name = path.rsplit("/", 1)[-1].lower()
        plain = name in ("dockerfile", "containerfile")
        if (
            path.count("/") <= 2
            and (plain or name.endswith(".dockerfile") or name.startswith("dockerfile."))
            and not name.endswith(_NOT_DOCKERFILES)
        ):
            found.append(path)
    return sorted(found, key=lambda path: (path != "Dockerfile", path.count("/"), path))


def read(folder: Folder, path: str) -> None:
    """Note what one Dockerfile says."""
    source = folder.read(path)
    if source is None:
        return
    stages = parse(source)
    if not stages:
        folder.tree.unread(source.path, "a Dockerfile without a FROM")
        return
    last = stages[-1]
    folder.add("dockerfile", path, source, last.line, around=last.image)
    _images(folder, source, stages)
    stage: Stage | None = last
    while stage is not None:
        for text, line in stage.exposed:
            for word in text.split()[:32]:
                for port, confidence in commands.number(_expand(last, word.split("/", 1)[0])):
                    folder.add_port(port, source, line, confidence)
        for name in stage.variables:
            if (
                name not in ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
                and _ENV.match(name)
                and not name.startswith(("PYTHON", "PIP_", "NPM_", "UV_", "POETRY_"))
            ):
                folder.add("env", name, source, source.find(name, start=stage.line))
        stage = stage.base
    _command(folder, source, last)
    _health(folder, source, last)


def _images(folder: Folder, source: Source, stages: list[Stage]) -> None:
    for stage in stages:
        name, _, tag = stage.image.split("@", 1)[0].partition(":")
        language = _LANGUAGES.get(name.rsplit("/", 1)[-1])
        number = version(tag)
        if language and number and language in folder.values("language"):
            folder.add("language_version", number, source, stage.line, "likely", around=stage.image)


def _command(folder: Folder, source: Source, stage: Stage) -> None:
    entry, cmd = stage.last("ENTRYPOINT"), stage.last("CMD")
    if entry is None and cmd is None:
        return
    arguments: tuple[str, ...] = ()
    line = 1
    for item in (entry, cmd):
        if item is None:
            continue
        text, line = item
        listed = _exec_form(text)
        arguments += listed if listed is not None else commands.split(text)
        if item is entry and listed is None:
            break  # with an ENTRYPOINT in shell form, Docker ignores CMD
    if arguments and arguments[0] not in ("sh", "bash", "/bin/sh", "/bin/bash") or len(arguments) > 1:
        arguments = tuple(_expand(stage, word) for word in arguments)
        folder.add_command("start_command", arguments, source, line)


def _exec_form(text: str) -> tuple[str, ...] | None:
    if not text.startswith("["):
        return None
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(listed) if isinstance(listed, list) and all(isinstance(word, str) for word in listed) else None


def _health(folder: Folder, source: Source, stage: Stage) -> None:
    check = stage.last("HEALTHCHECK")
    match = _LOCAL_URL.search(check[0][:LINE_LIMIT]) if check else None
    if check and match and len(match[1]) > 1:
        folder.add("health_path", match[1].rstrip("'\""), source, _line_of(source, match[1], check[1]), around=match[1])


def _line_of(source: Source, text: str, line: int) -> int:
    return source.find(text, start=line, within=20)


def _expand(stage: Stage, word: str) -> str:
    """A word with the variables that the file itself sets; others stay as they are."""

    def known(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        at: Stage | None = stage
        while at is not None:
            if name in at.variables:
                return at.variables[name]
            at = at.base
        return match.group()

    return _VARIABLE.sub(known, word[:LINE_LIMIT])


# ---- reading


def parse(source: Source) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    stages: list[Stage] = []
    before: dict[str, str] = {}
    for instruction, text, line in _instructions(source):
        if instruction == "FROM":
            words = [word for word in text.split() if not word.startswith("--")]
            if not words:
                continue
            image = _VARIABLE.sub(lambda match: before.get(match[1] or match[3], match.group()), words[0][:500])
            name = words[2].lower() if len(words) >= 3 and words[1].upper() == "AS" else ""
            base = next((stage for stage in reversed(stages) if stage.name and stage.name == image.lower()), None)
            stages.append(Stage(name, base, image, line))
        elif not stages:
            if instruction == "ARG":
                before.update(_pairs(text))
        elif instruction == "ENV":
            stages[-1].variables.update(_pairs(text))
        elif instruction == "EXPOSE":
            stages[-1].exposed.append((text, line))
        elif instruction in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            if instruction == "ENTRYPOINT":
                stages[-1].single.pop("CMD", None)
            stages[-1].single[instruction] = (text, line)
        if len(stages) > 100:
            break
    return stages


def _instructions(source: Source) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    parts: list[str] = []
    start = 0
    until = ""
    for number, line in enumerate(source.lines, start=1):
        bare = line[:LINE_LIMIT].strip()
        if until:
            until = "" if bare == until else until
            continue
        if not bare or bare.startswith("#"):
            continue
        start = start or number
        parts.append(bare.removesuffix("\\").strip())
        if bare.endswith("\\") and len(parts) < 500:
            continue
        word, _, rest = " ".join(parts).partition(" ")
        found.append((word.upper(), rest.strip(), start))
        if word.upper() in ("RUN", "COPY") and (match := _HEREDOC.search(rest)):
            until = match[1]
        parts, start = [], 0
    return found


def _pairs(text: str) -> dict[str, str]:
    """`A=1 B="two"` and the older `A 1`."""
    words = commands.words(text)
    if words and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])}
    return {word.partition("=")[0]: word.partition("=")[2] for word in words if "=" in word}
