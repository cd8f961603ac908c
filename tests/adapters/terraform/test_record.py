"""A root that is told what is released, as those that we render for ECS are: only the release comes and goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.errors import UsageError
from hug_agents.plans import Blueprint
from tests.adapters.terraform.roots import BLUEPRINT, DIGEST_TWO, SPEC, STAGING, Bench, needs_terraform, root

pytestmark = needs_terraform
ROOT = """
variable "release" {
  type = object({
    id       = string
    status   = string
    live     = string
    next     = string
    previous = string
    slots = map(object({
      images  = map(string)
      weight  = number
      running = bool
    }))
  })
}

resource "terraform_data" "network" {
  input = "stands"
}

resource "terraform_data" "service" {
  for_each = var.release.slots[var.release.live].images
  input    = each.value
}

output "release" {
  value = var.release
}
"""


def of_image(image: str) -> Blueprint:
    """The blueprint of the same application with another image."""
    [service] = SPEC.services
    spec = SPEC.model_copy(update={"services": (service.model_copy(update={"image": image}),)})
    return BLUEPRINT.model_copy(update={"spec": spec})


LATER = of_image(f"ghcr.io/acme/hello@{DIGEST_TWO}")


def record(bench: Bench) -> dict[str, Any]:
    value = json.loads((bench.place / "terraform.tfstate").read_text())["outputs"]["release"]["value"]
    return dict(value)


def test_a_release_comes_and_goes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first, second = root(ROOT), root(ROOT + "# two\n")
    job = bench.deploy(first)
    assert job.plan.creates == 2
    assert record(bench)["slots"][record(bench)["live"]]["images"] == {"hello": SPEC.services[0].image}
    assert bench.target.drift(first, BLUEPRINT, STAGING).status == "none"
    assert bench.plan(first).settings["release"] == job.plan.settings["release"], "the same images are no new release"

    later = bench.deploy(second, first, blueprint=LATER)
    assert (record(bench)["status"], record(bench)["id"]) == ("done", second.digest()[7:23])
    assert bench.target.drift(second, LATER, STAGING).status == "none"
    seen = bench.target.drift(first, BLUEPRINT, STAGING)
    assert seen.changes == (f"release {second.digest()[7:23]}: other images are live than the bundle names",)

    back = bench.work(later.plan, second, "rollback", first, blueprint=LATER)
    assert bench.target.observe(back).state == "not_done"
    assert bench.target.rollback(back).status == "done"
    assert bench.target.observe(back).state == "done"
    assert record(bench) == json.loads(job.plan.settings["release"])
    assert bench.target.drift(first, BLUEPRINT, STAGING).status == "none"

    assert bench.target.drift(None, BLUEPRINT, STAGING).status == "drifted"
    gone = bench.target.rollback(bench.work(job.plan, first, "rollback"))
    assert gone.status == "done", gone.detail
    seen = bench.target.drift(None, BLUEPRINT, STAGING)
    assert (seen.status, seen.evidence) == ("none", "1 resources that stand still stay")


def test_a_release_that_the_script_has_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.deploy(root(ROOT))
    path = bench.place / "terraform.tfstate"
    path.write_text(path.read_text().replace('"status": "done"', '"status": "moving"'))
    with pytest.raises(UsageError, match=r"is not finished[\s\S]*deploy/deploy\.sh rollback staging"):
        bench.plan(root(ROOT))


def test_images_that_a_pipeline_built(tmp_path: Path) -> None:
    bench, blueprint = Bench(tmp_path), of_image("ghcr.io/acme/hello:latest")
    with pytest.raises(UsageError, match="no image by digest is known for hello"):
        bench.plan(root(ROOT), blueprint=blueprint)
    given = bench.folder / SPEC.application / "images.json"
    given.write_text(json.dumps({"hello": f"registry.example.com/hello@{DIGEST_TWO}"}))
    bench.deploy(root(ROOT), blueprint=blueprint)
    assert record(bench)["slots"][record(bench)["live"]]["images"]["hello"].startswith("registry.example.com/hello@")
    given.write_text("[]")
    with pytest.raises(UsageError, match=r'is not \{"SERVICE"'):
        bench.plan(root(ROOT), blueprint=blueprint)
