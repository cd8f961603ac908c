"""Roots of the built-in provider alone: a whole life of one takes a second, and needs no network."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hug_agents.adapters.terraform.target import TerraformTarget
from hug_agents.bundle import Artifact, Bundle
from hug_agents.execute.target import Action, Order, SavedPlan, Work
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.store import Store
from tests.examples import ALL

SPEC = ALL["minimal"]()
BLUEPRINT = plan(SPEC)
STAGING, PRODUCTION = SPEC.environments
DIGEST_ONE = "sha256:" + "1a" * 32
DIGEST_TWO = "sha256:" + "2b" * 32
SECRET = "correct-horse-battery"

needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None and shutil.which("tofu") is None,
    reason="terraform is not installed: install from https://developer.hashicorp.com/terraform/install",
)

PLAIN = """
variable "word" {
  type    = string
  default = "one"
}

resource "terraform_data" "greeting" {
  input = var.word
}

output "greeting" {
  value = terraform_data.greeting.output
}
"""


def root(main: str, **more: str) -> Bundle:
    """A bundle with the same root for both environments."""
    files = {"main.tf": main, **{name.replace("__", "."): text for name, text in more.items()}}
    return Bundle(
        SPEC.digest(),
        (
            Artifact(
                path=f"infrastructure/terraform/environments/{place.name}/{name}", content=text, system="terraform"
            )
            for place in SPEC.environments
            for name, text in files.items()
        ),
    )


def words(word: str) -> Bundle:
    """PLAIN, greeting otherwise."""
    return root(PLAIN.replace('"one"', f'"{word}"'))


class Bench:
    """A target in a folder of its own, and orders for it."""

    def __init__(self, folder: Path, toml: str = "") -> None:
        self.folder = folder / "tf"
        self.folder.mkdir(exist_ok=True)
        self.store = Store(folder / "store")
        if toml:
            (self.folder / "target.toml").write_text(toml)
        self.again()

    def again(self) -> None:
        """As another process would load it."""
        self.target = TerraformTarget(self.folder, self.store)

    @property
    def place(self) -> Path:
        return self.folder / SPEC.application / STAGING.name

    def plan(self, bundle: Bundle, previous: Bundle | None = None, *, blueprint: Blueprint = BLUEPRINT) -> SavedPlan:
        self.store.put_bundle(bundle)
        return self.target.plan(bundle, blueprint, STAGING, previous)

    def work(
        self,
        saved: SavedPlan,
        bundle: Bundle,
        action: Action = "deploy",
        previous: Bundle | None = None,
        blueprint: Blueprint = BLUEPRINT,
    ) -> Work:
        order = Order(
            release="r1",
            environment=saved.environment,
            action=action,
            step=1,
            bundle=saved.bundle,
            plan=saved.digest(),
        )
        return Work(order=order, plan=saved, blueprint=blueprint, bundle=bundle, previous=previous)

    def deploy(self, bundle: Bundle, previous: Bundle | None = None, *, blueprint: Blueprint = BLUEPRINT) -> Work:
        """Plan and apply; it must go well."""
        saved = self.plan(bundle, previous, blueprint=blueprint)
        job = self.work(saved, bundle, previous=previous, blueprint=blueprint)
        outcome = self.target.apply(job)
        assert outcome.status == "done", outcome.detail
        return job


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.05)
