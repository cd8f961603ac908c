"""Secrets for local processes: read from a file when a process is started, and kept nowhere."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from hug_agents.errors import UsageError
from hug_agents.settings import Settings
from hug_agents.spec import SecretRef

VARIABLE = "HUG_AGENTS_LOCAL_SECRETS"
_SHORTEST_MASKED = 4


def secrets_of(wanted: Iterable[SecretRef], environment: str, store: Path) -> dict[str, str]:
    """The values of these secrets by variable name. Raises UsageError, naming every one that is missing.

    The file holds `KEY=VALUE` lines; a secret is looked for as `<environment>/<key>`, then `<key>`, then by its name.
    """
    wanted = tuple(wanted)
    if not wanted:
        return {}
    known = _read(Settings.load().local_secrets, store)
    found, missing = {}, []
    for item in wanted:
        for name in (f"{environment}/{item.key}", item.key, item.name):
            if name in known:
                found[item.name] = known[name]
                break
        else:
            missing.append(f"{item.name} (key {item.key})")
    if missing:
        raise UsageError(
            f"no value for the secret{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            where=environment,
            hint=f"put KEY=VALUE lines into a file of your own and name it with {VARIABLE}",
        )
    return found


def masked(text: str, values: Iterable[str]) -> str:
    """A text without these values. Very short ones are left: they would tear every word apart."""
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST_MASKED:
            text = text.replace(value, "***")
    return text


def _read(path: Path | None, store: Path) -> dict[str, str]:
    if path is None:
        return {}
    if path.resolve().is_relative_to(store.resolve()):
        raise UsageError("the file of secrets lies in the store", where=str(path), hint="keep it elsewhere")
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError("others can read the file of secrets", where=str(path), hint=f"chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file of secrets cannot be read: {type(error).__name__}", where=str(path)) from error
    found = {}
    for line in lines:
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not key.startswith("#"):
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[key.strip()] = value
    return found
