"""The targets that the story is told with, one line each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hug_agents.adapters.terraform.target import TerraformTarget
from hug_agents.adapters.write import WriteTarget
from hug_agents.bundle import Artifact, Bundle
from hug_agents.plans import Blueprint
from hug_agents.store import Store
from hug_agents.workflow import nodes
from tests.crash import processes
from tests.crash.hosted import Hosted, happened
from tests.crash.live import Live, orders
from tests.crash.story import CHAPTERS, REQUEST, World


def _repository(root: Path) -> None:
    for command in (
        ("init", "-q", "-b", "main", "infra"),
        ("-C", "infra", "commit", "-q", "--allow-empty", "-m", "first"),
    ):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@x", *command], cwd=root, check=True)


def _commits(target: Any) -> list[str]:
    """One line a commit of ours: branch, order, and the bundle that is there."""
    found = []
    for branch in ("deploy/staging", "deploy/production"):
        said = subprocess.run(
            [
                "git",
                "log",
                "--reverse",
                "--first-parent",
                "--format=%(trailers:key=Hug-Order,valueonly,separator=)",
                branch,
                "--",
            ],
            cwd=target.name.removeprefix("write:"),
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        found += [f"{branch} {order}" for order in said]
    return found


def _live(mute: bool = False) -> Callable[[Path, Callable[[], float]], Any]:
    return lambda root, now: Live(root, now, mute=mute)


MADE = """
resource "terraform_data" "release" {
  triggers_replace = "%(image)s"
  provisioner "local-exec" {
    command = "echo '%(place)s %(image)s' >> %(log)s"
  }
}
"""
"""A root of the built-in provider: each time that it changes something, one line says so outside of everything."""


def _terraform(root: Path, _: Callable[[], float]) -> TerraformTarget:
    """The real target and the real Terraform; what we would render needs an account, so the files are others."""

    def render(blueprint: Blueprint) -> Bundle:
        image = str(blueprint.spec.services[0].image)
        folder = "infrastructure/terraform/environments"
        return Bundle(
            blueprint.spec.digest(),
            (
                Artifact(
                    path=f"{folder}/{place.name}/main.tf",
                    content=MADE % {"place": place.name, "image": image, "log": root / "made"},
                    system="terraform",
                )
                for place in blueprint.spec.environments
            ),
        )

    nodes.render = render  # type: ignore[attr-defined]  # the process that plays the story ends with it
    return TerraformTarget(root / "tf", Store(root / "store"))


def _made(target: Any) -> list[str]:
    """What was made, in order, and the how-manieth time: a drill makes the same thing again, as it should."""
    log = Path(target.name.removeprefix("terraform:")).parent / "made"
    lines = log.read_text().splitlines() if log.exists() else []
    return [f"{line} for the time {lines[: number + 1].count(line)}" for number, line in enumerate(lines)]


ECS = (
    "Deploy hello from ghcr.io/acme/hello:{version}@sha256:" + "3f" * 32 + " on port 8080 to Amazon ECS in eu-west-1, "
    "rolling, health check on /healthz, with staging and production"
)
PIPELINE = REQUEST.replace("main, canary", "main with GitHub Actions, canary")

WORLDS = {
    item.name: item
    for item in (
        World("recorder", _live(), lambda target: orders(target.lines()), tuple(CHAPTERS)),
        World("mute recorder", _live(mute=True), lambda target: orders(target.lines()), ("first", "bad")),
        World("write", lambda root, _: WriteTarget(root / "infra"), _commits, ("first", "taken back"), _repository),
        World(
            "local",
            processes.make,
            processes.effects,
            ("first", "taken back"),
            prepare=processes.prepare,
            request=processes.REQUEST,
            put=processes.put,
            end=processes.end,
            used=processes.used,
        ),
        World(
            "github_actions", lambda root, _: Hosted(root), happened, ("first", "bad", "taken back"), request=PIPELINE
        ),
        World("terraform", _terraform, _made, ("first", "taken back"), request=ECS),
    )
}
