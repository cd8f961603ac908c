"""Retention on a real registry: what is released stays with all that belongs to it, the rest goes by digest, after a look."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hug_agents.adapters.oci.client import Registry
from hug_agents.adapters.oci.promote import complete
from hug_agents.adapters.oci.retention import Rules, carry_out, named, plan_retention
from hug_agents.cli import main
from hug_agents.errors import UsageError
from hug_agents.store import Store
from tests.adapters.oci.server import push_image, push_index, push_signature

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD = "2026-01-0{}T00:00:00Z"


def rules(server: Registry, name: str, **changes: Any) -> Rules:
    values = {"registry": server.host, "repositories": [name], "keep_last": 2, "keep_days": 30, **changes}
    return Rules.model_validate(values)


def test_what_is_released_stays_whole_and_the_rest_goes(registry: Registry, name: str) -> None:
    released = push_index(registry, name, "released", "r", created=OLD.format(1))
    signature = push_signature(registry, name, released.digest)
    gone = push_index(registry, name, "gone", "g", created=OLD.format(2))
    of_gone = push_signature(registry, name, gone.digest)
    tagged = push_image(registry, name, "tagged", "v1.2.3", created=OLD.format(3))
    unknown = push_image(registry, name, "unknown", "u", created="1970-01-01T00:00:00Z")
    young = push_image(registry, name, "young", "y", created="2026-05-30T00:00:00Z")
    last = push_image(registry, name, "last", "l", created=OLD.format(9))
    plan = plan_retention(
        registry, rules(registry, name, keep_tags=["^v[0-9.]+$"]), frozenset([released.parts[1]]), NOW
    )
    why = {item.digest: item.keep for item in plan.images}
    assert why == {
        released.digest: "released",
        gone.digest: "",
        tagged.digest: "its tag",
        unknown.digest: "its age is not known",
        young.digest: "among the last 2",
        last.digest: "among the last 2" if why.get(last.digest) else "",
    }
    assert set(gone.parts) | {of_gone.digest} <= {digest for _, digest in plan.with_them}
    assert signature.digest not in {digest for _, digest in plan.with_them}
    before = registry.tags(name)
    assert plan == plan_retention(
        registry, rules(registry, name, keep_tags=["^v[0-9.]+$"]), frozenset([released.parts[1]]), NOW
    ), "looking deletes nothing"
    assert registry.tags(name) == before
    count = carry_out(registry, plan)
    assert count == len(plan.goes) + len(plan.with_them)
    assert complete(registry, name, released.digest) == ()
    assert [item.digest for item in registry.referrers(name, released.digest)] == [signature.digest]
    assert registry.resolve(name, gone.digest) is None
    assert registry.resolve(name, gone.parts[0]) is None
    assert "g" not in registry.tags(name) and "v1.2.3" in registry.tags(name)


def test_a_layer_that_both_need_outlives_the_one_that_goes(registry: Registry, name: str) -> None:
    stays = push_image(registry, name, "same", "stays", created=OLD.format(1))
    goes = push_image(registry, name, "same", "goes", created=OLD.format(2))
    for number in (3, 4):
        push_image(registry, name, f"newer{number}", f"n{number}", created=OLD.format(number))
    plan = plan_retention(registry, rules(registry, name), frozenset([stays.digest]), NOW)
    assert [item.digest for item in plan.goes] == [goes.digest]
    carry_out(registry, plan)
    assert complete(registry, name, stays.digest) == ()


def test_where_nothing_is_known_to_be_released_nothing_goes(registry: Registry, name: str) -> None:
    for number in range(1, 6):
        push_image(registry, name, str(number), f"t{number}", created=OLD.format(number))
    plan = plan_retention(registry, rules(registry, name), frozenset(), NOW)
    assert plan.images == () and plan.left_alone == (name,)


def test_rules_for_another_registry_are_refused(registry: Registry, name: str) -> None:
    with pytest.raises(UsageError, match="not 127"):
        plan_retention(registry, rules(registry, name, registry="elsewhere"), frozenset(), NOW)
    with pytest.raises(UsageError, match="keep_tags"):
        plan_retention(registry, rules(registry, name, keep_tags=["("]), frozenset(), NOW)


def test_on_the_command_line_first_a_list_then_exactly_that(
    registry: Registry, name: str, signed_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [push_image(registry, name, str(number), f"t{number}", created=OLD.format(number)) for number in range(1, 6)]
    store = Store(tmp_path / "store")
    store.put(json.dumps({"moves": f"x@{made[0].digest}"}).encode())
    file = tmp_path / "retention.json"
    file.write_text(rules(registry, name).model_dump_json())
    images = tmp_path / "images.json"
    images.write_text(json.dumps({"api": f"{registry.host}/{name}@{made[1].digest}"}))

    def run(*words: str) -> dict[str, Any]:
        argv = ["registry", "retain", "--rules", str(file), "--images", str(images), "--store", str(store.root)]
        with pytest.raises(SystemExit) as leaving:
            main([*argv, "--json", *words])
        out = json.loads(capsys.readouterr().out)
        return {"code": leaving.value.code or 0, **out}

    seen = run()
    kept = {row["digest"]: row["keep"] for row in seen["images"]}
    assert kept[made[0].digest] == kept[made[1].digest] == "released"
    assert kept[made[2].digest] == ""
    assert seen["deleted"] == 0
    assert run("--delete", "sha256:" + "0" * 64)["code"] == 2
    assert len(registry.tags(name)) == 5
    assert run("--delete", seen["plan"])["deleted"] == 1
    assert registry.tags(name) == ("t1", "t2", "t4", "t5")


def test_names_are_found_wherever_they_stand() -> None:
    digest = "sha256:" + "a" * 64
    assert named((), [f'{{"x": "host/name@{digest}"}}', "nothing"]) == {digest}
