"""Real Terraform on roots of the built-in provider: plan, apply, drift, rollback, destroy, and every refusal."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hug_agents.adapters.registry import load_target
from hug_agents.errors import EnvironmentBusy, ProcessError, UnsupportedError, UsageError
from hug_agents.execute.target import Explained, PlanStale, Target
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.store import Store
from tests.adapters.terraform.roots import (
    BLUEPRINT,
    PLAIN,
    SECRET,
    SPEC,
    STAGING,
    Bench,
    needs_terraform,
    root,
    words,
)
from tests.examples import ALL

pytestmark = needs_terraform

HIDING = """
variable "word" {
  type      = string
  sensitive = true
}

resource "terraform_data" "vault" {
  input            = var.word
  triggers_replace = [1]

  provisioner "local-exec" {
    command = "echo it is $WORD; echo '{\\"word\\": \\"'$WORD'\\"}'"
    environment = {
      WORD = nonsensitive(var.word)
    }
  }
}

output "vault" {
  value     = terraform_data.vault.output
  sensitive = true
}

output "shown_name" {
  value = ["a", 1]
}
"""
DATABASE = """
resource "terraform_data" "database" {
  input            = "rows"
  triggers_replace = ["GENERATION"]
}

resource "terraform_data" "other" {
  input = "x"
}
"""


def test_a_whole_life(bench: Bench) -> None:
    target, first, second = bench.target, words("one"), words("two")
    assert isinstance(target, Target)
    assert isinstance(target, Explained)
    assert target.drift(None, BLUEPRINT, STAGING).status == "none"
    saved = bench.plan(first)
    assert (saved.creates, saved.updates, saved.replaces, saved.deletes) == (1, 1, (), ())
    assert (saved.base, saved.settings["state"], saved.settings["providers"]) == ("empty", "local", "none")
    assert saved == bench.plan(first), "the same world gives the same plan"
    assert not (bench.place / "terraform.tfstate").exists(), "planning changes nothing"
    job = bench.work(saved, first)
    assert target.observe(job).state == "not_done"
    outcome = target.apply(job)
    assert (outcome.status, outcome.outputs["greeting"]) == ("done", "one")
    assert target.observe(job).state == "done"
    assert target.drift(first, BLUEPRINT, STAGING).status == "none"

    later = bench.deploy(second, first)
    assert later.plan.updates == 2
    assert later.plan.changes == later.plan.change().changes
    assert later.plan.changes == (
        'changed terraform_data.greeting: input: "one" -> "two", output: "one" -> (known after apply)',
        "output greeting",
    )
    assert target.drift(second, BLUEPRINT, STAGING).status == "none"
    seen = target.drift(first, BLUEPRINT, STAGING)
    assert seen.status == "drifted"
    assert seen.changes[0].startswith('to be changed terraform_data.greeting: input: "two" -> "one"')

    back = bench.work(later.plan, second, "rollback", first)
    assert target.observe(back).state == "not_done"
    assert target.rollback(back).status == "done"
    assert target.observe(back).state == "done"
    assert target.rollback(back).detail == "the state and the world are those of the previous bundle"
    assert target.drift(first, BLUEPRINT, STAGING).status == "none"

    gone = target.rollback(bench.work(saved, first, "rollback"))
    assert gone.status == "done", gone.detail
    assert target.drift(None, BLUEPRINT, STAGING).status == "none"
    assert "Terraform" in target.logs(job)
    assert "terraform_data.greeting: Creation complete" in target.logs(job)


def test_what_lies_in_its_folder_is_for_its_owner_alone(bench: Bench) -> None:
    bench.plan(words("one"))
    for folder in (bench.place, bench.place / "plans", bench.place / "runs"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [kept] = (bench.place / "plans").glob("*.tfplan")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    data = kept.read_bytes()
    objects = [path for path in (bench.store.root / "objects").rglob("*") if path.is_file()]
    assert objects
    assert all(data != path.read_bytes() for path in objects), "a plan file holds secrets: it never enters the store"


def test_no_plan_file_outlives_the_apply(bench: Bench) -> None:
    bench.deploy(words("one"))
    assert [path.name for folder in ("plans", "runs") for path in (bench.place / folder).iterdir()] == []


def test_a_plan_that_went_stale_is_refused(bench: Bench) -> None:
    bundle = words("one")
    saved = bench.plan(bundle)
    bench.deploy(words("two"))
    state = (bench.place / "terraform.tfstate").read_bytes()
    with pytest.raises(PlanStale):
        bench.target.apply(bench.work(saved, bundle))
    assert (bench.place / "terraform.tfstate").read_bytes() == state
    fresh = bench.plan(bundle, words("two"))
    assert fresh.digest() != saved.digest(), "another plan asks for another approval"
    assert bench.target.apply(bench.work(fresh, bundle)).status == "done"


def test_another_serial_makes_it_stale(bench: Bench) -> None:
    bench.deploy(words("one"))
    bundle = words("two")
    saved = bench.plan(bundle)
    path = bench.place / "terraform.tfstate"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "serial": state["serial"] + 1}))
    with pytest.raises(PlanStale, match=f"serial {state['serial'] + 1}, and the plan was made on"):
        bench.target.apply(bench.work(saved, bundle))
    path.write_text(json.dumps({**state, "lineage": "11111111-2222-3333-4444-555555555555"}))
    with pytest.raises(PlanStale, match="the state is 11111111"):
        bench.target.apply(bench.work(saved, bundle))


def test_a_plan_file_that_was_changed(bench: Bench) -> None:
    approved, bundle = bench.plan(words("one")), words("one")
    other = bench.plan(words("evil"))
    folder = bench.place / "plans"
    names = [folder / f"{item.settings['plan-file'].removeprefix('sha256:')}.tfplan" for item in (approved, other)]
    names[0].write_bytes(names[1].read_bytes())
    with pytest.raises(PlanStale, match="changed after it was approved"):
        bench.target.apply(bench.work(approved, bundle))
    assert not (bench.place / "terraform.tfstate").exists()
    names[0].unlink()
    with pytest.raises(PlanStale, match="not on this machine"):
        bench.target.apply(bench.work(approved, bundle))
    again = bench.plan(bundle)
    assert bench.target.apply(bench.work(again, bundle)).status == "done"


def test_another_place_than_was_approved(bench: Bench) -> None:
    bundle = words("one")
    saved = bench.plan(bundle)
    (bench.folder / "target.toml").write_text('[environments.staging]\nstate = "local"\nvariables = ["x.tfvars"]\n')
    (bench.folder / "x.tfvars").write_text('word = "three"\n')
    bench.again()
    with pytest.raises(PlanStale, match=r"target\.toml says something else"):
        bench.target.apply(bench.work(saved, bundle))
    bench.deploy(bundle)
    assert '"three"' in (bench.place / "terraform.tfstate").read_text()


def test_a_held_lock(bench: Bench) -> None:
    bench = Bench(bench.folder.parent, "lock_seconds = 0\n")
    bundle = words("one")
    saved = bench.plan(bundle)
    job = bench.work(saved, bundle)
    from hug_agents.adapters.terraform.workspace import Folder

    with (
        Folder(bench.folder, SPEC.application, STAGING.name).alone(0),
        pytest.raises(EnvironmentBusy, match="a process is at work in staging"),
    ):
        bench.target.apply(job)
    assert bench.target.apply(job).status == "done"


def test_drift_planted_by_hand(bench: Bench) -> None:
    bundle = words("one")
    bench.deploy(bundle)
    path = bench.place / "terraform.tfstate"
    path.write_text(path.read_text().replace('"one"', '"edited"'))
    seen = bench.target.drift(bundle, BLUEPRINT, STAGING)
    assert seen.status == "drifted"
    assert 'to be changed terraform_data.greeting: input: "edited" -> "one"' in seen.changes[0]
    assert "plan exit 2" in seen.evidence
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "resources": []}))
    assert bench.target.drift(bundle, BLUEPRINT, STAGING).changes[0] == "to be created terraform_data.greeting"
    assert bench.target.drift(None, BLUEPRINT, STAGING).status == "none"


def test_what_was_never_put_there_is_drift(bench: Bench) -> None:
    seen = bench.target.drift(words("one"), BLUEPRINT, STAGING)
    assert (seen.status, seen.changes) == ("drifted", ("there is no state: nothing was put there",))


def test_secrets_are_masked_everywhere(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_word", SECRET)
    bundle = root(HIDING)
    job = bench.work(bench.plan(bundle), bundle)
    outcome = bench.target.apply(job)
    assert outcome.status == "done", outcome.detail
    assert (outcome.outputs["vault"], outcome.outputs["shown-name"]) == ("(sensitive)", '["a", 1]')
    log = bench.target.logs(job)
    assert "it is ***" in log
    assert "it is ***" in log and '"word"' in log
    path = bench.place / "terraform.tfstate"
    path.write_text(path.read_text().replace(f'"{SECRET}"', f'"another-{SECRET}"'))
    changed = bench.target.drift(bundle, BLUEPRINT, STAGING)
    assert changed.status == "drifted"
    assert "input: (sensitive)" in changed.changes[0]
    files = [path for path in bench.store.root.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in f"{outcome}{changed}{job.plan}"


def test_a_secret_in_an_error(bench: Bench) -> None:
    (bench.folder / "target.toml").write_text('[environments.staging]\nvariables = ["x.tfvars"]\n')
    (bench.folder / "x.tfvars").write_text(f'word = "{SECRET}"\n')
    bench.again()
    bundle = root(HIDING.replace("echo it is $WORD;", "echo failing with $WORD >&2; exit 3;"))
    outcome = bench.target.apply(bench.work(bench.plan(bundle), bundle))
    assert outcome.status == "failed"
    assert "failing with ***" in outcome.detail
    assert SECRET not in bench.target.logs(bench.work(bench.plan(bundle), bundle))


def test_a_failed_apply_says_what_was_done(bench: Bench) -> None:
    bundle = root(
        PLAIN
        + 'resource "terraform_data" "bad" {\n  depends_on = [terraform_data.greeting]\n'
        + '  provisioner "local-exec" {\n    command = "exit 7"\n  }\n}\n'
    )
    job = bench.work(bench.plan(bundle), bundle)
    outcome = bench.target.apply(job)
    assert outcome.status == "failed"
    assert "exit status 7" in outcome.detail
    assert "1 of 2 changes ended; failed: terraform_data.bad" in outcome.detail
    assert bench.target.observe(job).state == "partial"
    with pytest.raises(PlanStale):
        bench.target.apply(job)


def test_a_root_that_never_comes_to_rest(bench: Bench) -> None:
    bundle = root('resource "terraform_data" "clock" {\n  input = timestamp()\n}\n')
    outcome = bench.target.apply(bench.work(bench.plan(bundle), bundle))
    assert outcome.status == "failed"
    assert "a new plan is not empty" in outcome.detail
    assert "terraform_data.clock" in outcome.detail


def test_a_check_of_the_root_that_does_not_hold_is_told(bench: Bench) -> None:
    check = 'check "word" {\n  assert {\n    condition     = terraform_data.greeting.output == "two"\n'
    bundle = root(PLAIN + check + '    error_message = "it is not two"\n  }\n}\n')
    outcome = bench.target.apply(bench.work(bench.plan(bundle), bundle))
    assert outcome.status == "done"
    assert "Check block assertion failed" in outcome.detail
    assert "it is not two" in outcome.detail


class TestData:
    TOML = 'holds_data = ["terraform_data.database"]\n'

    def test_its_loss_stands_in_the_plan(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, self.TOML)
        first = root(DATABASE)
        bench.deploy(first)
        saved = bench.plan(root(DATABASE.replace("GENERATION", "2")), first)
        assert (saved.replaces, saved.data) == (("terraform_data.database",), ("terraform_data.database",))
        saved = bench.plan(words("one"), first)
        assert saved.deletes == ("terraform_data.database", "terraform_data.other")
        assert saved.data == ("terraform_data.database",)

    def test_a_rollback_never_loses_it(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, self.TOML)
        first, second = words("one"), root(PLAIN + DATABASE)
        bench.deploy(first)
        job = bench.deploy(second, first)
        state = (bench.place / "terraform.tfstate").read_bytes()
        outcome = bench.target.rollback(bench.work(job.plan, second, "rollback", first))
        assert outcome.status == "failed"
        assert outcome.detail.startswith("nothing was changed: it would lose data with terraform_data.database")
        assert (bench.place / "terraform.tfstate").read_bytes() == state

    def test_to_nothing_neither(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, self.TOML)
        bundle = root(DATABASE)
        job = bench.deploy(bundle)
        outcome = bench.target.rollback(bench.work(job.plan, bundle, "rollback"))
        assert "it would lose data" in outcome.detail

    def test_to_nothing_spares_what_was_there_before(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.deploy(words("theirs"))
        job = bench.deploy(words("ours"))
        outcome = bench.target.rollback(bench.work(job.plan, words("ours"), "rollback"))
        assert (outcome.status, "1 resources were there before" in outcome.detail) == ("failed", True)

    def test_prevent_destroy_is_heard(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        kept = root(
            'resource "terraform_data" "kept" {\n  input = 1\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'
        )
        job = bench.deploy(kept)
        outcome = bench.target.rollback(bench.work(job.plan, kept, "rollback"))
        assert (outcome.status, "prevent_destroy" in outcome.detail) == ("failed", True)


def test_destroy_only_when_it_was_asked_for_and_planned(bench: Bench) -> None:
    bundle = words("one")
    job = bench.deploy(bundle)
    assert bench.target.apply(bench.work(job.plan, bundle, "destroy")).status == "failed"
    saved = bench.target.plan_destroy(bundle, BLUEPRINT, STAGING)
    assert (saved.deletes, saved.changes) == (("terraform_data.greeting",), ("output greeting",)), "each is named once"
    refused = bench.target.apply(bench.work(saved, bundle, "deploy"))
    assert (refused.status, refused.detail) == (
        "failed",
        "nothing was changed: the approved plan is to destroy, not to deploy",
    )
    order = bench.work(saved, bundle, "destroy")
    assert bench.target.observe(order).state == "not_done"
    assert bench.target.apply(order).status == "done"
    assert bench.target.observe(order).state == "done"
    assert bench.target.drift(None, BLUEPRINT, STAGING).status == "none"
    assert bench.target.drift(bundle, BLUEPRINT, STAGING).status == "drifted"


def test_what_it_cannot_do(bench: Bench) -> None:
    job = bench.deploy(words("one"))
    for action in ("shift", "promote", "retire", "inject"):
        outcome = bench.target.apply(bench.work(job.plan, words("one"), action))  # type: ignore[arg-type]
        assert outcome.status == "failed"
    assert bench.target.abilities.strategies == {"rolling"}
    assert bench.target.abilities.hands_over


def test_bundles_that_it_would_carry_in_part(bench: Bench) -> None:
    for name, why in (("ecs_canary", "steps of traffic"), ("kubernetes_aws", "build the cluster")):
        spec = next((make() for key, make in ALL.items() if key == name), None)
        if spec is None:
            spec = next(
                item
                for item in (make() for make in ALL.values())
                if item.toolchain.runtime == "kubernetes" and item.environments[0].cloud == "aws"
            )
        blueprint = plan(spec)
        with pytest.raises(UnsupportedError, match=why):
            bench.target.plan(render(blueprint), blueprint, spec.environments[0], None)


def test_a_backend_must_be_said(bench: Bench) -> None:
    bundle = root('terraform {\n  backend "s3" {\n    key = "x"\n  }\n}\n' + PLAIN)
    with pytest.raises(UsageError, match="where the s3 state of staging is has not been said"):
        bench.plan(bundle)
    (bench.folder / "target.toml").write_text('[environments.staging]\nstate = "local"\n')
    bench.again()
    bench.deploy(bundle)
    assert (bench.place / "terraform.tfstate").is_file()


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("x = 1\n", "x: Extra inputs"),
        ("x = \n", "is not TOML"),
        ('program = "bash"\n', "program"),
        ('[environments.staging]\nbackend = { secret_key = "x" }\n', "secret_key is a secret"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, toml: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Bench(tmp_path, toml)


def test_a_root_that_is_not_valid(bench: Bench) -> None:
    with pytest.raises(ProcessError, match=r"validate failed.*main\.tf line 3"):
        bench.plan(root('\nresource "terraform_data" "x" {\n  nothing = 1\n}\n'))
    with pytest.raises(ProcessError, match="No value for required variable") as caught:
        bench.plan(root('variable "must" {\n  type = string\n}\n'))
    assert "set TF_VAR_NAME" in caught.value.hint
    with pytest.raises(UsageError, match="has no Terraform for staging"):
        bench.plan(render(plan(ALL["minimal"]())).__class__(SPEC.digest(), ()))


def test_by_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    target = load_target(f"terraform:{tmp_path / 'tf'}", store)
    assert load_target(target.name, store).name == target.name
    with pytest.raises(UsageError, match="folder of its own"):
        load_target("terraform", store)
