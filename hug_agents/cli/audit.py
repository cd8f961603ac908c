"""`hug audit`: the ledger, for those who were not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.console import console, print_json
from hug_agents.cli.files import read_text
from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.approve.audit import Anchor
    from hug_agents.approve.keys import PublicKey
    from hug_agents.approve.ledger import Entry, Ledger

_FILE = click.Path(path_type=Path)
_STORE = click.option("--store", type=_FILE, help="The folder of what lasts; default .hug")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_GIT = click.option("--git-note", type=_FILE, metavar="REPO", help="A repository whose notes hold anchors.")


@click.group("audit")
def command() -> None:
    """Show, verify and export the ledger: what was asked, who signed it, what was done."""


@command.command("show")
@click.option("--release", default="", help="Only of this release.")
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
@_STORE
@_JSON
def show(release: str, limit: int, store: Path | None, as_json: bool) -> None:
    """List the entries, oldest first."""
    from collections import deque

    ledger = _ledger(store)
    kept = deque((item for item in ledger.stream() if not release or item.release == release), maxlen=max(1, limit))
    rows = [_row(item) for item in kept]
    if as_json:
        print_json({"entries": rows})
        return
    from rich.table import Table
    from rich.text import Text

    from hug_agents.approve.review import visible

    names = ("seq", "time", "kind", "release", "who", "what", "hash")
    table = Table(*names, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(visible(str(row[name]))[: 90 if name == "what" else 40]) for name in names))
    console().print(table)


@command.command("verify")
@click.argument("file", type=_FILE, required=False)
@click.option("--keys", type=_FILE, help="Public keys that are trusted: a governance.yaml, or a file of .pub lines.")
@click.option("--anchor", "anchor_words", multiple=True, metavar="'SEQ sha256:…'", help="A head that was noted before.")
@click.option("--anchors", "anchor_file", type=_FILE, help="A file of such lines.")
@_GIT
@_STORE
@_JSON
def verify(
    file: Path | None,
    keys: Path | None,
    anchor_words: tuple[str, ...],
    anchor_file: Path | None,
    git_note: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Recompute the chain and every signature; name the first entry that is wrong.

    FILE is an export (`hug audit export`), checked with --keys alone; without it, the store's own ledger is checked.
    """
    from hug_agents.approve.audit import Anchor, read_anchors, verify_file
    from hug_agents.approve.audit import verify as verify_ledger
    from hug_agents.approve.notes import noted_anchors

    anchors: list[Anchor] = [Anchor.parse(word) for word in anchor_words]
    anchors += read_anchors(anchor_file) if anchor_file else ()
    anchors += noted_anchors(git_note) if git_note else ()
    trusted = _keys(keys) if keys else None
    if file is not None:
        if trusted is None:
            raise UsageError(
                "a file is checked against public keys that you trust", where=str(file), hint="--keys FILE"
            )
        found = verify_file(file, trusted, anchors=anchors)
    else:
        found = verify_ledger(_ledger(store), anchors=anchors, keys=trusted)
    if as_json:
        print_json({"status": "ok", **found.model_dump(mode="json"), "anchors": len(anchors)})
        return
    out = console()
    out.print(
        f"[green]as it was written[/]: entries {found.entries}, signatures {found.signatures}, "
        f"policies {found.policies}, anchors {len(anchors)}"
    )
    if found.head:
        out.print(f"  head {found.head}", style="dim")
    if not anchors:
        out.print("  note the head elsewhere (hug audit anchor): it shows later that nothing was cut off", style="dim")


@command.command("export")
@click.argument("file", type=_FILE)
@_STORE
def export(file: Path, store: Path | None) -> None:
    """Write the whole ledger as one file that can be verified on another machine."""
    from hug_agents.approve.audit import export as export_ledger

    head = export_ledger(_ledger(store), file)
    console(stderr=True).print(f"[green]written[/] {file}; its head, to be noted elsewhere:")
    click.echo(str(head or "empty"))


@command.command("anchor")
@click.option("--file", type=_FILE, help="Add the head to this file.")
@_GIT
@_STORE
def anchor(file: Path | None, git_note: Path | None, store: Path | None) -> None:
    """Print the ledger's head, and note it where the ledger's owner cannot change it."""
    from hug_agents.approve.audit import verify as verify_ledger
    from hug_agents.approve.audit import write_anchor
    from hug_agents.approve.notes import note_anchor

    head = verify_ledger(_ledger(store)).head
    if head is None:
        raise UsageError("the ledger is empty; there is nothing to anchor")
    if file:
        write_anchor(head, file)
    if git_note:
        note_anchor(head, git_note)
    click.echo(str(head))


def _ledger(store: Path | None) -> Ledger:
    from hug_agents.approve.ledger import Ledger
    from hug_agents.settings import Settings

    path = (store or Settings.load().home) / "ledger.sqlite"
    if not path.is_file():
        raise UsageError("there is no ledger", where=str(path), hint="name the store: --store DIR")
    return Ledger(path)


def _keys(path: Path) -> tuple[PublicKey, ...]:
    from hug_agents.approve.keys import PublicKey
    from hug_agents.approve.policy_file import load_policy

    if path.suffix in (".yaml", ".yml"):
        return tuple(key for _, key in load_policy(path).keys.values())
    return tuple(
        PublicKey.parse(line) for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")
    )


def _row(entry: Entry) -> dict[str, Any]:
    """One entry as a person or a program reads it; nothing is verified here."""
    from hug_agents.approve.ledger import SIGNED

    value = entry.value
    who, what = "", ""
    if entry.kind in SIGNED:
        document = entry.envelope.document
        who = f"{document.reviewer} ({document.role})"
        reason = getattr(document, "comment", "") or getattr(document, "reason", "")
        what = " ".join(
            f"{getattr(document, 'verdict', entry.kind)} {getattr(document, 'checkpoint', '')} {reason}".split()
        )
    elif entry.kind == "presented":
        what = f"{value['checkpoint']} for {value['environment']}: {value['packet']}"
    elif entry.kind == "event":
        about = dict(value.get("detail", {}))
        shown = ("application", "environment", "outcome", "detail")
        what = " ".join([str(value.get("event")), *(str(about[name]) for name in shown if about.get(name))])
    elif entry.kind == "policy":
        what = f"{value.get('digest')}"
    return {
        "seq": entry.seq,
        "time": entry.time,
        "kind": entry.kind,
        "release": entry.release,
        "who": who,
        "what": what,
        "hash": entry.hash,
    }
