"""What a plan is bound to: the variables that it was given, the state that it was made on, and what was there before it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from hug_agents.errors import UsageError
from hug_agents.execute.target import PlanStale
from tests.adapters.terraform.roots import BLUEPRINT, PLAIN, STAGING, Bench, needs_terraform, root, words

pytestmark = needs_terraform


class TestVariables:
    BUNDLE = root(PLAIN)

    def test_those_of_the_plan_or_nothing(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TF_VAR_word", "planned")
        saved = bench.plan(self.BUNDLE)
        assert saved == bench.plan(self.BUNDLE)
        monkeypatch.setenv("TF_VAR_nothing_takes_it", "x")
        assert saved == bench.plan(self.BUNDLE)
        monkeypatch.setenv("TF_VAR_word", "other")
        with pytest.raises(PlanStale, match="other values than are given now for word"):
            bench.target.apply(bench.work(saved, self.BUNDLE))
        assert not (bench.place / "terraform.tfstate").exists()
        monkeypatch.setenv("TF_VAR_word", "planned")
        assert bench.target.apply(bench.work(saved, self.BUNDLE)).outputs["greeting"] == "planned"

    def test_a_file_that_was_edited(self, bench: Bench) -> None:
        (bench.folder / "target.toml").write_text('[environments.staging]\nvariables = ["x.tfvars"]\n')
        (bench.folder / "x.tfvars").write_text('word = "three"\n')
        bench.again()
        saved = bench.plan(self.BUNDLE)
        (bench.folder / "x.tfvars").write_text('word = "four"\n')
        with pytest.raises(PlanStale, match="for word"):
            bench.target.apply(bench.work(saved, self.BUNDLE))

    def test_without_them_nobody_can_tell_and_nothing_goes_back(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TF_VAR_word", "given")
        job = bench.deploy(self.BUNDLE)
        assert bench.target.drift(self.BUNDLE, BLUEPRINT, STAGING).status == "none"
        monkeypatch.delenv("TF_VAR_word")
        seen = bench.target.drift(self.BUNDLE, BLUEPRINT, STAGING)
        assert (seen.status, seen.evidence[:38]) == ("unknown", "it was given other values for word tha")
        assert bench.target.observe(job).state == "unknown"
        back = bench.work(job.plan, self.BUNDLE, "rollback", self.BUNDLE)
        outcome = bench.target.rollback(back)
        assert (outcome.status, outcome.untouched) == ("failed", True)
        assert outcome.detail.endswith("nothing gives it now: set TF_VAR_word")
        monkeypatch.setenv("TF_VAR_word", "rotated")
        assert bench.target.rollback(back).status == "done"

    def test_a_workspace_of_the_user_is_refused(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TF_WORKSPACE", "prod")
        with pytest.raises(UsageError, match="TF_WORKSPACE is prod"):
            bench.plan(self.BUNDLE)
        monkeypatch.setenv("TF_WORKSPACE", "default")
        bench.plan(self.BUNDLE)


class TestAnotherState:
    """A state that is not the one that the last apply left: a plan on it would build everything twice."""

    def test_gone_emptied_older_or_another(self, bench: Bench) -> None:
        first, second = words("one"), words("two")
        bench.deploy(first)
        path = bench.place / "terraform.tfstate"
        older = json.loads(path.read_text())
        bench.deploy(second, first)
        good = path.read_text()
        stranger = {**json.loads(good), "lineage": "11111111-2222-3333-4444-555555555555"}
        nameless = {name: value for name, value in json.loads(good).items() if name != "lineage"}
        for text in ("", json.dumps(older), json.dumps(stranger), json.dumps(nameless)):
            path.write_text(text)
            with pytest.raises(UsageError, match=r"the last apply left .* build again what is there already"):
                bench.plan(first, second)
        path.write_text(json.dumps({**json.loads(good), "serial": json.loads(good)["serial"] + 1}))
        bench.plan(first, second)

    def test_unless_it_is_meant(self, bench: Bench) -> None:
        bench.deploy(words("one"))
        (bench.place / "terraform.tfstate").unlink()
        (bench.place / "left.json").unlink()
        assert bench.plan(words("one")).creates == 1


class TestImports:
    IMPORTING = root(
        'resource "terraform_data" "theirs" {\n}\nimport {\n  to = terraform_data.theirs\n  id = "there-before"\n}\n'
    )

    def test_they_stand_before_those_who_sign(self, bench: Bench) -> None:
        saved = bench.plan(self.IMPORTING)
        assert (saved.imports, saved.change().imports) == (("terraform_data.theirs",), ("terraform_data.theirs",))
        assert (saved.creates, saved.updates) == (0, 1)

    def test_what_was_there_before_is_not_taken_away(self, bench: Bench) -> None:
        job = bench.deploy(self.IMPORTING)
        outcome = bench.target.rollback(bench.work(job.plan, self.IMPORTING, "rollback"))
        assert (outcome.status, outcome.untouched) == ("failed", True)
        assert "it would destroy terraform_data.theirs, which was there before" in outcome.detail
        assert bench.target.drift(self.IMPORTING, BLUEPRINT, STAGING).status == "none"

    def test_a_move_is_a_change_too(self, bench: Bench) -> None:
        before = 'resource "terraform_data" "old" {\n}\n'
        moved = before.replace("old", "new") + "moved {\n  from = terraform_data.old\n  to   = terraform_data.new\n}\n"
        bench.deploy(root(before))
        saved = bench.plan(root(moved), root(before))
        assert (saved.creates, saved.updates, saved.deletes) == (0, 1, ())
        log = (bench.store.root / "logs" / "terraform" / "hello-staging-plan.log").read_text()
        assert "moved terraform_data.new: from terraform_data.old" in log
        seen = bench.target.drift(root(moved), BLUEPRINT, STAGING)
        assert seen.changes == ("to be moved terraform_data.new: from terraform_data.old",)


class TestMovedBack:
    """What a release only gave another address is given its old one again, by the way back: nothing is made anew."""

    @staticmethod
    def at(address: str, *before: str) -> str:
        kind, _, name = address.partition("[")[0].partition(".")
        each = '  for_each = toset(["a"])\n' if "[" in address else ""
        return f'resource "{kind}" "{name}" {{\n{each}  input = "kept"\n}}\n' + "".join(
            f"moved {{\n  from = {old}\n  to   = {new}\n}}\n" for old, new in pairwise((*before, address))
        )

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (at("terraform_data.old"), at("terraform_data.new", "terraform_data.old")),
            (at("terraform_data.old"), at('terraform_data.new["a"]', "terraform_data.old")),
            (
                at("terraform_data.b", "terraform_data.a"),
                at("terraform_data.c", "terraform_data.a", "terraform_data.b"),
            ),
            (at("terraform_data.b", "terraform_data.a"), at("terraform_data.a", "terraform_data.b")),
        ],
        ids=["renamed", "counted", "again", "there and back"],
    )
    def test_by_whatever_it_was_moved(self, bench: Bench, before: str, after: str) -> None:
        bench.deploy(root(before))
        made = ids(bench)
        job = bench.deploy(root(after), root(before))
        outcome = bench.target.rollback(bench.work(job.plan, root(after), "rollback", root(before)))
        assert outcome.status == "done", outcome
        assert ids(bench) == made
        assert bench.target.drift(root(before), BLUEPRINT, STAGING).status == "none"

    def test_also_what_was_changed_on_the_way(self, bench: Bench) -> None:
        before, after = self.at("terraform_data.old"), self.at("terraform_data.new", "terraform_data.old")
        after = after.replace("kept", "changed")
        bench.deploy(root(before))
        made = ids(bench)
        saved = bench.plan(root(after), root(before))
        assert (saved.updates, saved.moves) == (1, {"terraform_data.new": "terraform_data.old"})
        assert any("changed terraform_data.new: from terraform_data.old, input:" in line for line in saved.changes)
        job = bench.deploy(root(after), root(before))
        assert bench.target.rollback(bench.work(job.plan, root(after), "rollback", root(before))).status == "done"
        assert ids(bench) == made


def ids(bench: Bench) -> dict[str, str]:
    """By its address in the state, the id of each thing."""
    state = json.loads((bench.place / "terraform.tfstate").read_text())
    return {item["name"]: place["attributes"]["id"] for item in state["resources"] for place in item["instances"]}
