"""`hug registry`: what a tag names, and what may go from a registry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hug_agents.cli.common import WAITING, common, declined, role_of, signer
from hug_agents.cli.console import console, print_json
from hug_agents.cli.files import read_text
from hug_agents.errors import UsageError

if TYPE_CHECKING:
    from hug_agents.adapters.oci.retention import Retention, Rules


@click.group("registry")
def command() -> None:
    """Resolve images, and clean up a registry without deleting what production runs or would return to.

    Who signs in stands in the file that HUG_AGENTS_REGISTRY_AUTH names, as `docker login` writes it. A promotion is a release
    with the target `registry:HOST/PREFIX`.
    """


@command.command("resolve")
@click.argument("image")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def resolve(image: str, as_json: bool) -> int:
    """Say which digest IMAGE names now. Exit code 1 if there is no such image."""
    from hug_agents.adapters.oci.client import Registry
    from hug_agents.adapters.oci.reference import Reference
    from hug_agents.adapters.oci.signing_in import account
    from hug_agents.settings import Settings

    reference = Reference.parse(image)
    registry = Registry(reference.host, account(Settings.load().registry_auth, reference.host))
    found = registry.resolve(reference.repository, reference.wanted)
    if as_json:
        print_json(
            {"image": image, "found": found is not None, "reference": reference.at(found.digest) if found else ""}
        )
    else:
        click.echo(reference.at(found.digest) if found else f"there is no {image}", err=found is None)
    return 0 if found else 1


@command.command("retain")
@click.option("--rules", "rules_file", type=click.Path(path_type=Path), required=True, help="registry/retention.json")
@click.option(
    "--images", "image_files", multiple=True, type=click.Path(path_type=Path),
    help="images.json of a pipeline: what it names is kept. May be repeated.",
)  # fmt: skip
@click.option("--as", "requester", metavar="ID", help="Ask people for this deletion. Who asks signs nothing.")
@click.option("--delete", metavar="PLAN", help="Delete exactly what the plan of this digest lists, once it is signed.")
@common
def retain(
    rules_file: Path,
    image_files: tuple[Path, ...],
    requester: str | None,
    delete: str | None,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """List what would go, and delete nothing; with --delete PLAN, delete exactly what people have signed.

    What a bundle of the store or a file of images names is kept, whatever its age. A deletion is asked for with --as, signed by
    somebody else with `hug registry sign`, and stands in the ledger. One that was cut off goes on by the same --delete PLAN.
    """
    from hug_agents.adapters.oci.client import Registry
    from hug_agents.adapters.oci.retention import carry_out, named, plan_retention, remaining
    from hug_agents.adapters.oci.signing_in import account
    from hug_agents.execute.deletion import Deletion, is_deletion
    from hug_agents.execute.target import Outcome
    from hug_agents.office import open_office
    from hug_agents.settings import Settings
    from hug_agents.store import Store

    if requester and delete:
        raise click.UsageError("either --as, to ask, or --delete, once it is signed")
    settings = Settings.load()
    rules = _rules(rules_file)
    kept = Store(store or settings.home)
    texts = [read_text(file) for file in image_files]
    registry = Registry(rules.registry, account(settings.registry_auth, rules.registry))
    # What was only asked to go is not released by that.
    texts += [text for text in kept.documents() if not is_deletion(text)]
    released = named((), texts)
    plan = plan_retention(registry, rules, released, datetime.now(UTC))
    names, going, deleted = plan.names, plan.going, 0
    if delete and delete != plan.digest():
        deletions = open_office(kept, policy=policy).deletions
        if not deletions.begun(delete):
            raise UsageError(
                f"the plan is {plan.digest()} now", where="--delete", hint="look at it again, then ask about it anew"
            )
        names = deletions.find(delete)[1].names
        going = remaining(registry, plan, released, names)
    if requester and plan.goes:
        asked = Deletion(place=plan.place, names=plan.names, requester=requester)
        open_office(kept, policy=policy).deletions.ask(asked)
    if delete:

        def act() -> Outcome:
            nonlocal deleted
            deleted = carry_out(registry, going)
            return Outcome(status="done", detail=f"{deleted} manifests")

        open_office(kept, policy=policy).delete(plan.place, names, act)
    if as_json:
        print_json({**plan.model_dump(mode="json"), "plan": plan.digest(), "deleted": deleted})
    else:
        _show(plan)
        _say(plan, asked=bool(requester), deleted=deleted if delete else None)
    return WAITING if requester and plan.goes else 0


@command.command("sign")
@click.argument("plan")
@signer()
@click.option("--role", help="As what: ops, sre or sec; default: a role that may and that you hold.")
@click.option("--reason", help="Why; it is signed and stays in the ledger.")
@common
def sign(
    plan: str,
    key: str | None,
    reviewer: str | None,
    role: str | None,
    reason: str | None,
    store: Path | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Sign that exactly what PLAN lists may be deleted. Without --key: show the list."""
    from hug_agents.approve.signing import Pen
    from hug_agents.cli.keys import load_key
    from hug_agents.office import open_office
    from hug_agents.settings import Settings
    from hug_agents.store import Store

    office = open_office(Store(store or Settings.load().home), policy=policy)
    matter, asked = office.deletions.find(plan)
    if not key:
        if as_json:
            print_json({"plan": plan, **asked.model_dump(mode="json")})
        for name in asked.names if not as_json else ():
            console().print(f"goes  {name}", markup=False, highlight=False, soft_wrap=True)
        return WAITING
    if not reason:
        raise click.UsageError("a signature needs --reason")
    signing = load_key(key)
    rules = office.desk.policy()
    who = reviewer or rules.owner_of(signing.public)
    if declined(f"{matter.evidence}\nsign as {who}?"):
        return 1
    signed = Pen(who, signing, rules, office.desk.now()).resolution(matter, "delete", role=role_of(role), reason=reason)
    office.deletions.sign(matter, asked, signed)
    if as_json:
        print_json({"plan": plan, "by": who, "manifests": len(asked.names)})
    else:
        console().print(f"[green]signed[/] by {who}; next: hug registry retain … --delete {plan}", soft_wrap=True)
    return 0


def _say(plan: Retention, *, asked: bool, deleted: int | None) -> None:
    if deleted is not None:
        console().print(f"{deleted} manifests were deleted")
    elif asked and plan.goes:
        console().print(f"nothing was deleted; to sign: hug registry sign {plan.digest()} --key NAME", soft_wrap=True)
    elif plan.goes:
        console().print(f"nothing was deleted; --as ID asks people for it: plan {plan.digest()}", soft_wrap=True)


def _rules(file: Path) -> Rules:
    from pydantic import ValidationError

    from hug_agents.adapters.oci.retention import Rules

    try:
        return Rules.model_validate_json(read_text(file))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where=str(file)) from error


def _show(plan: Retention) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "repository", "digest", "tags", "why", box=None, header_style="bold", pad_edge=False)
    for image in sorted(plan.images, key=lambda item: (bool(item.keep), item.repository, item.digest)):
        mark = Text("keep", "green") if image.keep else Text("goes", "red")
        table.add_row(mark, image.repository, image.digest[:19], Text(", ".join(image.tags)), image.keep)
    if plan.images:
        console().print(table)
    for repository in plan.left_alone:
        console().print(f"{repository}: left alone, nothing is known to be released from it; see --images")
