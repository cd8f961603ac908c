"""The one way to render text: Jinja templates in which no bare string can be printed.

Every string that a template prints must have passed a filter that escapes it for the format it stands in; one that has not is
an error, not an injection. `{{ name | yaml }}` is safe, `{{ name }}` raises. Numbers print as they are.
"""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from hug_agents.errors import SpecError

if TYPE_CHECKING:
    import jinja2

_MARKDOWN = str.maketrans({char: f"\\{char}" for char in r"\`*_{}[]<>|~@"})
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BLOCK_START = re.compile(r"^(?=[-+=#:])|^(\d+)(?=[.)])")


class Safe(str):
    """Text that is escaped for the place where it is printed."""

    __slots__ = ()


def hcl(value: Any) -> Safe:
    """An HCL expression: strings quoted, `${` and `%{` doubled so that nothing is interpolated; lists and maps too."""
    if isinstance(value, bool):
        return Safe("true" if value else "false")
    if value is None:
        return Safe("null")
    if isinstance(value, int | float):
        return Safe(json.dumps(value))
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
        return Safe(quoted.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
    if isinstance(value, dict):
        return Safe("{ " + ", ".join(f"{hcl(str(key))} = {hcl(item)}" for key, item in value.items()) + " }")
    return Safe("[" + ", ".join(hcl(item) for item in value) + "]")


def yaml_value(value: Any) -> Safe:
    """A YAML value on one line: JSON, which is YAML, so that no tag, anchor or type is ever guessed."""
    text = json.dumps(value, ensure_ascii=False)
    return Safe(_NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def py(value: Any) -> Safe:
    """A Python literal of text, a number or a truth value; what does not show is written as its number."""
    if not isinstance(value, str):
        return Safe(repr(value))
    quoted = json.dumps(value, ensure_ascii=False)
    return Safe("".join(char if char.isprintable() else ascii(char)[1:-1] for char in quoted))


def sh(value: Any) -> Safe:
    """One word of a shell line."""
    return Safe(shlex.quote(str(value)))


def md(value: Any) -> Safe:
    """Markdown text on one line, in which nothing is markup, a link, a list, a heading or HTML."""
    text = " ".join(str(value).split()).translate(_MARKDOWN).replace("&", "&amp;")
    text = text.replace("://", r"\://").replace("www.", r"www\.")
    return Safe(_BLOCK_START.sub(lambda match: (match[1] or "") + "\\", text, count=1))


def code(value: Any) -> Safe:
    """A Markdown code span that its content cannot close, fit for a table cell."""
    text = " ".join(str(value).split()).replace("|", "\u2502")
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return Safe(f"{fence}{pad}{text}{pad}{fence}")


def ident(value: Any) -> Safe:
    """A name that is safe anywhere because of what it is made of: letters, digits, `_`, `-`, `.` and inner `/`."""
    text = str(value)
    if not text or not all(char.isascii() and (char.isalnum() or char in "_-./") for char in text):
        raise SpecError(f"{text[:60]!r} is not a plain name and cannot stand unquoted in a file")
    return Safe(text)


def _finalize(value: Any) -> Any:
    if isinstance(value, Safe) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise SpecError(f"a template printed {value!r:.60} without saying for which format")


@cache
def _environment(package: str) -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - HTML escaping is not the format; _finalize refuses what is unescaped
        loader=jinja2.PackageLoader("hug_agents.render", package),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(hcl=hcl, yaml=yaml_value, sh=sh, md=md, code=code, ident=ident, py=py)
    return environment


def fill(folder: str, template: str, /, **values: Any) -> str:
    """Fill `hug_agents/render/<folder>/<template>`. A missing variable or an unescaped string is an error."""
    return _environment(folder).get_template(template).render(**values)


class _Dumper(yaml.CSafeDumper if hasattr(yaml, "CSafeDumper") else yaml.SafeDumper):  # type: ignore[misc]
    """Block style, no aliases, strings with line breaks as literal blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_QUOTED = re.compile(r"^[-+]?[.\d][-+._:a-fox\d]*$|^(?:y|n|=|<<)$|[\x85\u2028\u2029\ufeff]", re.IGNORECASE)
"""Strings that YAML 1.1 and 1.2 read differently when nothing is around them: `1e3` and `0o7` are numbers to Go."""


def yaml_string(dumper: Any, value: str) -> Any:
    """A string node in the style that every YAML reader reads alike."""
    literal = "\n" in value and not any(line.endswith((" ", "\t")) for line in value.split("\n"))
    style = '"' if _QUOTED.search(value) else "|" if literal else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, yaml_string)


def yaml_documents(*documents: Any, header: str = "") -> str:
    """YAML of plain values, keys in their given order; `header` is a comment, one `#` a line."""
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    body = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, explicit_start=len(documents) > 1
    )
    return comment + body


def json_document(value: Any) -> str:
    """Indented JSON with a line end; keys in their given order."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
