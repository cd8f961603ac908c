"""`hug policy`: who may let what happen, as a file."""

from __future__ import annotations

import re
from pathlib import Path

import click

from hug_agents.cli.console import console, print_json
from hug_agents.errors import PolicyError, UsageError

_ROLES = {"ops": "Operations Engineer", "sre": "Site Reliability Engineer", "sec": "Security Engineer"}
_FILE = click.Path(path_type=Path)


@click.group("policy")
def command() -> None:
    """Write, check and show the governance policy: people, roles, keys, checkpoints, windows."""


@command.command("init")
@click.argument("file", type=_FILE, default=Path("governance.yaml"))
@click.option(
    "--person",
    "people",
    multiple=True,
    metavar="ID|NAME|ROLES|KEY",
    help="Someone who may sign, e.g. 'ana|Ana Ruiz|ops,sec|ana'. ROLES: ops, sre, sec. KEY: a key's name, a .pub file, "
    "or an ssh-ed25519 line. May be repeated.",
)
@click.option("--solo", is_flag=True, help="One person in every role: said aloud at every use, and logged.")
@click.option("--drill", type=click.Choice(["required", "optional"]), default="required", show_default=True)
def init(file: Path, people: tuple[str, ...], solo: bool, drill: str) -> None:
    """Write a policy to start from. Never over a file that is there."""
    from hug_agents.approve.policy_file import default_text, parse_policy

    text = default_text()
    if people:
        text = text.replace("people: []", "people:\n" + "".join(_person(item) for item in people).rstrip("\n"), 1)
    if solo:
        text = re.sub(r"^mode: team", "mode: solo", text, count=1, flags=re.MULTILINE)
    if drill == "optional":
        text = text.replace("drill: required ", "drill: optional ", 1)
    parse_policy(text.encode(), name=str(file))
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        raise UsageError("is there already", where=str(file), hint="edit it, then: hug policy check") from None
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(file)) from error
    console().print(f"[green]written[/] {file}; next: hug policy check {file}")


@command.command("check")
@click.argument("file", type=_FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path | None, as_json: bool) -> int:
    """Check a policy: every problem with its line and field, and demands that nobody can meet."""
    from hug_agents.approve.policy import gaps
    from hug_agents.approve.policy_file import load_policy
    from hug_agents.settings import Settings

    path = file or Settings.load().policy or Path("governance.yaml")
    try:
        policy = load_policy(path)
    except PolicyError as error:
        if as_json:
            print_json({"status": "unusable", "problems": list(error.problems)})
            return 2
        raise
    unmet = gaps(policy)
    if as_json:
        about = {"version": policy.version, "mode": policy.mode, "digest": policy.digest()}
        print_json({"status": "gaps" if unmet else "ok", **about, "gaps": list(unmet), "notice": policy.notice})
        return 1 if unmet else 0
    out = console()
    if policy.notice:
        out.print(f"[bold yellow]{policy.notice}[/]")
    for gap in unmet:
        out.print(f"[yellow]nobody can meet[/] {gap}")
    state = "[yellow]usable, with gaps[/]" if unmet else "[green]ok[/]"
    out.print(f"{state}: {path}, version {policy.version}, {policy.mode}, people: {len(policy.people)}")
    out.print(f"  {policy.digest()}", style="dim")
    return 1 if unmet else 0


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of governance.yaml, for editors."""
    from hug_agents.approve.policy_file import policy_schema

    click.echo(policy_schema(), nl=False)


@command.command("show")
@click.argument("file", type=_FILE, required=False)
def show(file: Path | None) -> None:
    """Show a policy as tables: what each checkpoint asks for, at which risk, and who can give it."""
    from rich.table import Table
    from rich.text import Text

    from hug_agents.approve.policy_file import default_policy, load_policy
    from hug_agents.settings import Settings

    path = file or Settings.load().policy or (Path("governance.yaml") if Path("governance.yaml").exists() else None)
    policy = load_policy(path) if path else default_policy()
    out = console()
    out.print(f"[bold]{path or 'the embedded default'}[/], version {policy.version}, {policy.mode}")
    if policy.notice:
        out.print(f"[bold yellow]{policy.notice}[/]")
    table = Table("checkpoint", "risk", "signatures", "people", "lasts", box=None, header_style="bold", pad_edge=False)
    for name, rule in policy.checkpoints.items():
        drill = f"; drill {rule.drill}" if rule.drill == "required" else ""
        table.add_row(name, "any other", ", ".join(rule.roles), str(rule.quorum), f"{rule.expires_hours} h{drill}")
        for metric, bound in rule.metrics.items():
            limit = f"at most {bound.at_most}" if bound.at_most is not None else f"at least {bound.at_least}"
            table.add_row("", "", f"{metric.replace('_', ' ')} {limit} over {bound.over_days} days", "", "")
        for tier, demands in policy.tiers.items():
            if demand := demands.get(name):
                table.add_row("", tier, ", ".join(demand.roles) or "none", str(demand.quorum), "")
    out.print(table)
    people = Table("person", "name", "roles", "keys", box=None, header_style="bold", pad_edge=False)
    for person in policy.people:
        keys = ", ".join(line.split()[1][-12:] for line in person.keys)
        people.add_row(Text(person.id, "cyan"), Text(person.name), ", ".join(person.roles), Text(f"…{keys}"))
    out.print()
    out.print(people if policy.people else "[yellow]no people: nothing can be approved[/]")
    for window in policy.windows:
        out.print(
            f"window: {', '.join(window.environments)} {' '.join(window.days)} {window.start}-{window.end} {window.timezone}"
        )
    for freeze in policy.freezes:
        out.print(Text(f"freeze: {freeze.name}, {freeze.begins} to {freeze.until}: {freeze.reason}"))


def _person(given: str) -> str:
    """One entry of `people`, as YAML; everything that was given is quoted."""
    import json

    parts = [part.strip() for part in given.split("|")]
    if len(parts) != 4:
        raise UsageError(f"{given[:80]!r} is not ID|NAME|ROLES|KEY", where="--person")
    who, name, roles, key = parts
    unknown = [role for role in roles.split(",") if role.strip().lower() not in _ROLES]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is not a role", where="--person", hint="ops, sre, sec")
    titles = ", ".join(_ROLES[role.strip().lower()] for role in roles.split(","))
    line = json.dumps(_public_line(key))
    about = f"  - id: {json.dumps(who)}\n    name: {json.dumps(name, ensure_ascii=False)}\n"
    return f"{about}    roles: [{titles}]\n    keys:\n      - {line}\n"


def _public_line(key: str) -> str:
    from hug_agents.approve.keys import KeyRing, PublicKey
    from hug_agents.settings import Settings

    if key.startswith("ssh-"):
        return PublicKey.parse(key).line
    if key.endswith(".pub"):
        try:
            return PublicKey.parse(Path(key).read_text(encoding="utf-8")).line
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=key) from error
    found = [item for item in KeyRing(Settings.load().keys).list() if item.name == key]
    if not found or found[0].problem:
        raise UsageError(f"there is no usable key {key!r}", where="--person", hint=f"hug keys new {key}")
    return found[0].line
