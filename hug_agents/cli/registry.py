"""`hug registry`: what a tag names, and what may go from a registry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hug_agents.cli.console import console, print_json
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
@click.option("--delete", metavar="PLAN", help="Delete exactly what the plan of this digest lists.")
@click.option("--store", type=click.Path(path_type=Path), help="The folder of what lasts; default .hug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def retain(
    rules_file: Path, image_files: tuple[Path, ...], delete: str | None, store: Path | None, as_json: bool
) -> int:
    """List what would go, and delete nothing; with --delete PLAN, delete exactly what that list named.

    What a bundle of the store or a file of images names is kept, whatever its age.
    """
    from hug_agents.adapters.oci.client import Registry
    from hug_agents.adapters.oci.retention import carry_out, named, plan_retention
    from hug_agents.adapters.oci.signing_in import account
    from hug_agents.settings import Settings
    from hug_agents.store import Store

    settings = Settings.load()
    rules = _rules(rules_file)
    kept = Store(store or settings.home)
    texts = [_text(file) for file in image_files]
    registry = Registry(rules.registry, account(settings.registry_auth, rules.registry))
    plan = plan_retention(registry, rules, named((), [*kept.documents(), *texts]), datetime.now(UTC))
    if delete and delete != plan.digest():
        raise UsageError(
            f"the plan is {plan.digest()} now", where="--delete", hint="look at it again, then delete by its digest"
        )
    deleted = carry_out(registry, plan) if delete else 0
    if as_json:
        print_json({**plan.model_dump(mode="json"), "plan": plan.digest(), "deleted": deleted})
        return 0
    _show(plan)
    if delete:
        console().print(f"{deleted} manifests were deleted")
    elif plan.goes:
        console().print(f"nothing was deleted; to delete: --delete {plan.digest()}", soft_wrap=True)
    return 0


def _rules(file: Path) -> Rules:
    from pydantic import ValidationError

    from hug_agents.adapters.oci.retention import Rules

    try:
        return Rules.model_validate_json(_text(file))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where=str(file)) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}"[:300], where=str(file)) from error


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
