"""Whole releases with the target: signatures, staging, drill, production; a plan that goes stale between two of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.terraform.target import TerraformTarget
from hug_agents.bundle import Artifact, Bundle
from hug_agents.errors import NotApproved, UsageError
from hug_agents.execute.dossier import Dossier
from hug_agents.plans import Blueprint
from hug_agents.release import Release
from hug_agents.status import Status
from hug_agents.store import Store
from hug_agents.workflow import nodes
from tests.adapters.terraform.roots import PLAIN, needs_terraform
from tests.approve.office import KEYS
from tests.governed import Site

pytestmark = needs_terraform
PEOPLE = {"Operations Engineer": "ana", "Security Engineer": "ben", "Site Reliability Engineer": "cho"}
REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:1.2.0@sha256:" + "3f" * 32 + " on port 8080 to Amazon ECS in eu-west-1, "
    "rolling, health check on /healthz, with staging and production"
)


class Word:
    """What the rendered root says, for this test."""

    value = "one"
    more = ""


@pytest.fixture
def word(monkeypatch: pytest.MonkeyPatch) -> Word:
    """The files are roots of the built-in provider: those that we render need an AWS account."""
    said = Word()

    def render(blueprint: Blueprint) -> Bundle:
        return Bundle(
            blueprint.spec.digest(),
            (
                Artifact(
                    path=f"infrastructure/terraform/environments/{place.name}/main.tf",
                    content=PLAIN.replace('"one"', f'"{said.value}"') + said.more,
                    system="terraform",
                )
                for place in blueprint.spec.environments
            ),
        )

    monkeypatch.setattr(nodes, "render", render)
    return said


@pytest.fixture
def governed(site: Site, word: Word, tmp_path: Path) -> Site:
    site.target = TerraformTarget(tmp_path / "tf", Store(site.store))  # type: ignore[assignment]
    return site


def state(tmp_path: Path, environment: str) -> dict[str, Any]:
    value = json.loads((tmp_path / "tf" / "hello" / environment / "terraform.tfstate").read_text())
    return dict(value)


def test_from_request_to_production(governed: Site, word: Word, tmp_path: Path) -> None:
    release = governed.start(REQUEST)
    assert release.status().checkpoint == "pre_deployment", release.status().notice
    assert "- `created terraform_data.greeting`" in release.review().markdown(), (
        "each change stands before those who sign"
    )
    assert not (tmp_path / "tf" / "hello" / "staging" / "terraform.tfstate").exists()
    until(release, "rollback_drill")
    assert state(tmp_path, "staging")["outputs"]["greeting"]["value"] == "one"
    status = governed.approve(release)
    assert status.checkpoint == "production_go_no_go", status.notice
    assert "drill passed" in status.notice
    governed.approve(release)
    assert release.status().outcome == "released", release.status().notice
    assert state(tmp_path, "production")["outputs"]["greeting"]["value"] == "one"

    word.value = "two"
    second = governed.start(REQUEST, release="second")
    until(second, "production_go_no_go")
    before = second.status().packet
    path = tmp_path / "tf" / "hello" / "production" / "terraform.tfstate"
    now = json.loads(path.read_text())
    path.write_text(json.dumps({**now, "serial": now["serial"] + 1}))
    sign(second)
    status = second.resume()
    assert (status.checkpoint, status.signatures) == ("production_go_no_go", ())
    assert "went stale" in status.notice
    assert status.packet != before, "another plan asks for another approval"
    assert state(tmp_path, "production")["outputs"]["greeting"]["value"] == "one", "nothing was changed"
    sign(second)
    second.resume()
    assert second.status().outcome == "released", second.status().notice
    assert state(tmp_path, "production")["outputs"]["greeting"]["value"] == "two"


LATER = """
resource "terraform_data" "later" {
  depends_on = [terraform_data.greeting]
  provisioner "local-exec" {
    command = "echo 'AccessDenied: not authorized to perform: ecs:CreateService' >&2; exit 3"
  }
}
"""


def test_an_apply_that_changed_a_part_is_explained(governed: Site, word: Word, tmp_path: Path) -> None:
    word.more = LATER
    release = governed.start(REQUEST)
    assert release.status().checkpoint == "pre_deployment", release.status().notice
    sign(release)
    status = release.resume()
    found = status.diagnosis
    assert found and found.occasion == "run" and found.what.startswith("deploy in staging by terraform:"), status
    assert (found.cause, found.recommendation) == ("What carries it out is not allowed to do it.", "ask_a_person")
    assert any("not authorized to perform: ecs:CreateService" in line for line in found.evidence)


def test_an_order_is_carried_out_once(governed: Site, tmp_path: Path) -> None:
    release = governed.start(REQUEST)
    dossier = dossier_of(release)
    governed.approve(release)
    serial = state(tmp_path, "staging")["serial"]
    again = governed.open(release)._executor.carry_out(dossier, "deploy", step=1)
    assert again.outputs["greeting"] == "one"
    assert state(tmp_path, "staging")["serial"] == serial


def test_destroy_needs_a_plan_of_its_own_and_its_signatures(governed: Site, tmp_path: Path) -> None:
    first = governed.start(REQUEST)
    sign(first)
    with pytest.raises(NotApproved, match="destroy in staging is not approved"):
        first._executor.carry_out(dossier_of(first), "destroy", step=2)
    status = first.resume()
    while status.stage == "checkpoint":
        sign(first)
        status = first.resume()
    assert status.outcome == "released", status.notice
    assert state(tmp_path, "production")["resources"]
    staging = state(tmp_path, "staging")

    with pytest.raises(UsageError, match="does not run there now"):
        first.destroy("elsewhere", "kim")
    last = first.destroy("production", "kim")
    packet = last.review().packet
    assert (packet.checkpoint, packet.environment.name, packet.destroys) == ("pre_deployment", "production", True)
    assert packet.risk.tier == "destructive"
    assert "terraform_data.greeting" in str(last.review()), "what is lost stands before those who sign"
    with pytest.raises(NotApproved):
        last._executor.carry_out(dossier_of(last), "destroy", weight=0)
    sign(last)
    assert last.resume().checkpoint == "production_go_no_go"
    assert state(tmp_path, "production")["resources"], "Pre-Deployment Approval alone opens no production"
    with pytest.raises(NotApproved, match="deploy in production is not approved"):
        last._executor.carry_out(dossier_of(last), "deploy", step=1)
    sign(last)
    assert last.resume().outcome == "destroyed"
    assert state(tmp_path, "production")["resources"] == []
    assert state(tmp_path, "staging") == staging, "what was not asked for stays"
    assert last._executor.register.runs(first.status().application, "production") is None


def dossier_of(release: Release) -> Dossier:
    return release._executor.store.get_model(Dossier, release._state()["dossier"])


def sign(release: Release) -> None:
    """Everybody who is asked."""
    for item in release.status().waits_for:
        if item.role:
            who = PEOPLE[item.role]
            release.decide("approve", reviewer=who, key=KEYS[who], comment="read it")


def until(release: Release, checkpoint: str) -> Status:
    """Approve everything before a checkpoint."""
    while release.status().checkpoint != checkpoint:
        assert release.status().stage == "checkpoint", release.status().notice
        sign(release)
        release.resume()
    return release.status()
