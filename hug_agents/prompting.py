"""Find, fill and digest prompts.

A prompt is one Markdown file, `prompts/<agent>/<name>.md`: a YAML header, a part for the system and a part for the
user. What never changes between two requests comes first (providers cache by prefix); what a person or a repository
said comes last, inside fences that it cannot close:

    <data name="request" format="text" fence="3c0e...">
    deploy payments-api ...
    </data 3c0e...>

The fence is derived from the content that it encloses: the same input gives the same bytes, and a text that closes its
own fence would have to contain its own SHA-256.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from hug_agents.bundle import Owner
from hug_agents.canonical import digest, sha256
from hug_agents.errors import PromptError
from hug_agents.settings import Settings
from hug_agents.spec import Line, Model

Variable = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
PromptId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")]

_HEADER = re.compile(r"\A---\n(?P<header>.*?)^---\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_PARTS = re.compile(r"\A\s*^# System\n(?P<system>.*?)^# User\n(?P<user>.*)\Z", re.DOTALL | re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")
_OPENING = re.compile(r'^<data name="([a-z0-9_]+)" format="(text|json)" fence="([0-9a-f]{32})">\n', re.MULTILINE)


class Datum(Model):
    """One fenced input, as it is read back from a filled prompt."""

    name: Variable
    format: Literal["text", "json"]
    content: str

    def value(self) -> Any:
        """The text, or what the JSON stands for."""
        return self.content if self.format == "text" else json.loads(self.content)


class Filled(Model):
    """A prompt with everything in its place: what a model is sent."""

    id: PromptId
    version: Line
    agent: Owner
    output: Line
    prompt_digest: Line = Field(description="names the prompt's file")
    system: str
    user: str

    def digest(self) -> str:
        """Names every character that the model is sent."""
        return digest({"system": self.system, "user": self.user})


class Prompt(Model):
    """One prompt file."""

    id: PromptId
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    agent: Owner
    tags: tuple[Variable, ...] = ()
    inputs: tuple[Variable, ...] = Field(description="data: fenced, and only in the user's part")
    growing: tuple[Variable, ...] = Field(
        (), description="of the inputs, lists that only grow: an item has a fence of its own and keeps its bytes"
    )
    reference: tuple[Variable, ...] = Field(
        (), description="text of this library, such as a list of fields: not fenced"
    )
    output: Line = Field(description="the name of the schema that the answer must fit")
    system: str
    user: str
    digest: Line = Field(description="SHA-256 of the file")

    def fill(self, **values: str | BaseModel | list[Any] | dict[str, Any] | None) -> Filled:
        """Put each value in its place, once, literally. Raises PromptError for a variable too few or too many."""
        wanted = {*self.inputs, *self.reference}
        missing, extra = sorted(wanted - values.keys()), sorted(values.keys() - wanted)
        if missing or extra:
            said = [f"missing {', '.join(missing)}"] if missing else []
            said += [f"unknown {', '.join(extra)}"] if extra else []
            raise PromptError(
                f"the prompt cannot be filled: {'; '.join(said)}",
                where=self.id,
                hint=f"it takes {', '.join(sorted(wanted)) or 'no variable'}",
            )
        texts = {name: (fence_each if name in self.growing else fence)(name, values[name]) for name in self.inputs}
        for name in self.reference:
            value = values[name]
            if not isinstance(value, str):
                raise PromptError(f"{name} is reference text and must be a string", where=self.id)
            texts[name] = value
        return Filled(
            id=self.id,
            version=self.version,
            agent=self.agent,
            output=self.output,
            prompt_digest=self.digest,
            system=f"Prompt {self.id}, version {self.version}.\n\n{_replace(self.system, texts)}",
            user=_replace(self.user, texts),
        )


def _replace(template: str, texts: Mapping[str, str]) -> str:
    # A function as the replacement: one pass, no escapes, and what is put in is not looked at again.
    return _PLACEHOLDER.sub(lambda match: texts[match.group(1)], template)


def fence(name: str, value: Any) -> str:
    """A value as fenced data: a string as it is, anything else as indented JSON."""
    if isinstance(value, str):
        form, content = "text", value
    else:
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        form, content = "json", json.dumps(plain, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    mark = _mark(name, content)
    return f'<data name="{name}" format="{form}" fence="{mark}">\n{content}\n</data {mark}>'


def fence_each(name: str, values: Any) -> str:
    """A list as fenced data, item by item: `name_1`, `name_2` ... What stood there keeps its bytes when it grows."""
    items = [fence(f"{name}_{number}", value) for number, value in enumerate(values, 1)]
    return "\n".join(items) or fence(name, [])


def fenced(text: str) -> dict[str, Datum]:
    """The fenced inputs of a filled prompt, by name. What looks like a fence inside data stays data."""
    return {datum.name: datum for datum in _fenced(text)}


def _fenced(text: str) -> Iterator[Datum]:
    position = 0
    while opening := _OPENING.search(text, position):
        name, form, mark = opening.groups()
        end = text.find(f"\n</data {mark}>", opening.end())
        content = text[opening.end() : end]
        if end < 0 or _mark(name, content) != mark:
            raise PromptError(f"the fence of {name} was changed after it was made")
        yield Datum.model_validate({"name": name, "format": form, "content": content})
        position = end + len(mark) + 9


def _mark(name: str, content: str) -> str:
    return sha256(f"{name}\n{content}".encode()).removeprefix("sha256:")[:32]


def prompt_id(system: str) -> str:
    """The id in the first line of a filled system part; empty if the text is not one of our prompts."""
    match = re.match(r"Prompt ([a-z0-9_]+/[a-z0-9_]+), version \d+\.\d+\.\d+\.\n", system)
    return match.group(1) if match else ""


def load(id: str, *, settings: Settings | None = None) -> Prompt:
    """Find and read a prompt: HUG_AGENTS_PROMPTS, then the installed package, then a checkout. Raises PromptError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*", id):
        raise PromptError(f"{id!r} is not a prompt's id", hint="an id is <agent>/<name>, such as deployment/repair")
    folder = (settings or Settings.load()).prompts
    places = (folder,) if folder else _own_places()
    for place in places:
        path = place / f"{id}.md"
        if path.is_file():
            return _read(path, path.stat().st_mtime_ns)
    raise PromptError(
        f"there is no prompt {id}; looked in {', '.join(str(place) for place in places)}",
        hint="HUG_AGENTS_PROMPTS must hold every prompt" if folder else "reinstall hug-agents: its prompts are missing",
    )


def _own_places() -> tuple[Path, ...]:
    package = Path(str(files("hug_agents")))
    return (package / "_prompts", package.parent / "prompts")


@cache
def _read(path: Path, _modified: int) -> Prompt:
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"cannot be read: {error}", where=str(path)) from error
    return parse(text, where=str(path))


def parse(text: str, *, where: str = "prompt") -> Prompt:
    """Read a prompt from the text of its file. Raises PromptError, naming the file and what is wrong with it."""
    outer = _HEADER.match(text)
    if outer is None:
        raise PromptError("does not begin with a YAML header between two lines of ---", where=where)
    parts = _PARTS.match(outer["body"])
    if parts is None:
        raise PromptError("needs one part under `# System` and, after it, one under `# User`", where=where)
    try:
        header = yaml.safe_load(outer["header"])
        if not isinstance(header, dict):
            raise PromptError("the header must be a mapping", where=where)
        prompt = Prompt.model_validate(
            {
                **header,
                "system": parts["system"].strip(),
                "user": parts["user"].strip(),
                "digest": sha256(text.encode()),
            }
        )
    except yaml.YAMLError as error:
        raise PromptError(f"the header is not YAML: {error}", where=where) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise PromptError(f"header: {'.'.join(map(str, first['loc']))}: {first['msg']}", where=where) from error
    _check_placeholders(prompt, where)
    return prompt


def _check_placeholders(prompt: Prompt, where: str) -> None:
    lines = set(prompt.user.splitlines())
    if inline := [name for name in prompt.inputs if "{{" + name + "}}" not in lines]:
        raise PromptError(f"each input stands on a line of its own, under `# User`: {', '.join(inline)}", where=where)
    system = set(_PLACEHOLDER.findall(prompt.system))
    user = set(_PLACEHOLDER.findall(prompt.user))
    if data := sorted(system & set(prompt.inputs)):
        raise PromptError(f"data may not stand in the system part: {', '.join(data)}", where=where)
    if unknown := sorted((system | user) - {*prompt.inputs, *prompt.reference}):
        raise PromptError(f"undeclared variables: {', '.join(unknown)}", where=where)
    if unknown := sorted(set(prompt.growing) - set(prompt.inputs)):
        raise PromptError(f"growing, and no inputs: {', '.join(unknown)}", where=where)
    if unused := sorted({*prompt.inputs, *prompt.reference} - (system | user)):
        raise PromptError(f"declared and never used: {', '.join(unused)}", where=where)
