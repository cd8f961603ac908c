"""`hug keys`: the keys that decisions are signed with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hug_agents.cli.console import console, print_json
from hug_agents.errors import SigningKeyError

if TYPE_CHECKING:
    from hug_agents.approve.keys import SigningKey


@click.group("keys")
def command() -> None:
    """Make, list and take over Ed25519 signing keys.

    They lie in ~/.config/hug-agents/keys (or HUG_AGENTS_KEYS), each a file that only its owner may read. A key of
    `ssh-keygen -t ed25519` serves as it is.
    """


@command.command("new")
@click.argument("name")
@click.option("--passphrase", is_flag=True, help="Protect the file with a passphrase, asked for twice.")
def new(name: str, passphrase: bool) -> None:
    """Make a key, and print what the policy needs of it."""
    from hug_agents.approve.keys import KeyRing
    from hug_agents.settings import Settings

    settings = Settings.load()
    secret = settings.passphrase or (_ask(twice=True) if passphrase else "")
    key = KeyRing(settings.keys).new(name, secret.encode() or None)
    _print_public(name, key.public.line, settings.keys / name)


@command.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def import_(name: str, file: Path) -> None:
    """Take over a private key FILE (OpenSSH or PEM), or somebody's public line (FILE.pub)."""
    from hug_agents.approve.keys import KeyRing
    from hug_agents.settings import Settings

    settings = Settings.load()
    ring = KeyRing(settings.keys)
    try:
        public = ring.import_(name, file, settings.passphrase.encode() or None)
    except SigningKeyError as error:
        if "passphrase" not in error.what or not sys.stdin.isatty():
            raise
        public = ring.import_(name, file, _ask().encode())
    _print_public(name, public.line, settings.keys / name if file.suffix != ".pub" else None)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(as_json: bool) -> None:
    """List the keys, and say which cannot be used."""
    from hug_agents.approve.keys import KeyRing
    from hug_agents.settings import Settings

    folder = Settings.load().keys
    found = KeyRing(folder).list()
    if as_json:
        print_json({"folder": str(folder), "keys": [item.model_dump(mode="json") for item in found]})
        return
    if not found:
        console().print(f"no key in {folder}: make one with [bold]hug keys new NAME[/]")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "", "public line, for governance.yaml", box=None, header_style="bold", pad_edge=False)
    for item in found:
        kind = "private" if item.private else "public"
        table.add_row(Text(item.name, "cyan"), kind, Text(item.line) if item.line else Text(item.problem, "red"))
    out = console()
    # As wide as it needs to be: a line that is cut short cannot be copied into a policy.
    out.print(table, soft_wrap=True, width=max(out.width, out.measure(table).maximum))


def load_key(name: str) -> SigningKey:
    """A signing key by its name in the ring, or by the path of its file; asks for a passphrase on a terminal."""
    from hug_agents.approve.keys import KeyRing, SigningKey
    from hug_agents.settings import Settings

    settings = Settings.load()
    ring, path = KeyRing(settings.keys), Path(name)
    by_path = "/" in name or path.is_file()

    def load(secret: str) -> SigningKey:
        given = secret.encode() or None
        return SigningKey.load(path, given) if by_path else ring.load(name, given)

    try:
        return load(settings.passphrase)
    except SigningKeyError as error:
        if "needs its passphrase" not in error.what or not sys.stdin.isatty():
            raise
    return load(_ask())


def _ask(*, twice: bool = False) -> str:
    return str(click.prompt("passphrase", hide_input=True, confirmation_prompt=twice, err=True))


def _print_public(name: str, line: str, path: Path | None) -> None:
    if path is not None:
        console(stderr=True).print(f"[green]kept[/] {path} (mode 0600)")
    console(stderr=True).print("for the owners of governance.yaml:", style="dim")
    click.echo(f"  - id: {name}\n    name: …\n    roles: […]\n    keys:\n      - {line}")
