"""Retention on a real registry: what is released stays with all that belongs to it, the rest goes by digest, after a look."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents.adapters.oci.client import Registry
from hug_agents.adapters.oci.promote import complete
from hug_agents.adapters.oci.retention import Rules, carry_out, named, plan_retention
from hug_agents.approve.audit import verify
from hug_agents.cli import main
from hug_agents.errors import HttpError, UsageError
from hug_agents.office import open_office
from hug_agents.store import Store
from tests.adapters.oci.server import push_image, push_index, push_signature
from tests.approve.office import KEYS, policy

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
    count = carry_out(registry, plan.going)
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
    carry_out(registry, plan.going)
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


class Line:
    """`hug registry` on a repository with five old images, two of them released, and a policy of three people."""

    def __init__(self, registry: Registry, name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.registry, self.name, self.folder, self.capsys = registry, name, folder, capsys
        self.made = [
            push_image(registry, name, str(number), f"t{number}", created=OLD.format(number)) for number in range(1, 6)
        ]
        self.store = Store(folder / "store")
        self.store.put(json.dumps({"moves": f"x@{self.made[0].digest}"}).encode())
        (folder / "retention.json").write_text(rules(registry, name).model_dump_json())
        (folder / "images.json").write_text(json.dumps({"api": f"{registry.host}/{name}@{self.made[1].digest}"}))
        for who in ("ana", "ben", "cho"):
            KEYS[who].save(folder / who)
        (folder / "governance.yaml").write_text(yaml.safe_dump(policy().model_dump(mode="json", by_alias=True)))

    def __call__(self, *words: str, group: tuple[str, ...] = ("registry",)) -> dict[str, Any]:
        options = ["--store", str(self.store.root), "--policy", str(self.folder / "governance.yaml"), "--json"]
        with pytest.raises(SystemExit) as leaving:
            main([*group, *words, *options])
        out, said = self.capsys.readouterr()
        return {"code": leaving.value.code or 0, "said": said, **(json.loads(out) if out.strip() else {})}

    def retain(self, *words: str) -> dict[str, Any]:
        files = ["--rules", str(self.folder / "retention.json"), "--images", str(self.folder / "images.json")]
        return self("retain", *files, *words)

    def sign(self, plan: str, who: str) -> dict[str, Any]:
        return self("sign", plan, "--key", str(self.folder / who), "--reason", "nothing runs it")


@pytest.fixture
def line(registry: Registry, name: str, signed_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(registry, name, tmp_path, capsys)


def test_first_a_list_then_a_signature_then_exactly_that(line: Line) -> None:
    seen = line.retain()
    kept = {row["digest"]: row["keep"] for row in seen["images"]}
    assert kept[line.made[0].digest] == kept[line.made[1].digest] == "released"
    assert kept[line.made[2].digest] == ""
    assert (seen["code"], seen["deleted"]) == (0, 0)
    asked = line.retain("--as", "kim")
    assert (asked["code"], asked["plan"], asked["deleted"]) == (5, seen["plan"], 0)
    assert line.retain()["plan"] == seen["plan"], "being listed to go releases nothing"
    shown = line("sign", seen["plan"])
    assert shown["names"] == [f"{line.name}@{line.made[2].digest}"]
    assert line.sign(seen["plan"], "ana")["by"] == "ana"
    assert len(line.registry.tags(line.name)) == 5, "a signature deletes nothing by itself"
    assert line.retain("--delete", seen["plan"])["deleted"] == 1
    assert line.registry.tags(line.name) == ("t1", "t2", "t4", "t5")
    office = open_office(line.store, policy=line.folder / "governance.yaml")
    told = [item for item in office.desk.ledger.stream() if item.release.startswith("deletion-")]
    assert [item.value.get("event", item.kind) for item in told] == [
        "attention",
        "resolution",
        "effect_began",
        "effect_ended",
    ]
    assert verify(office.desk.ledger).signatures == 1


def test_nothing_is_deleted_without_a_signature(line: Line) -> None:
    plan = line.retain()["plan"]
    unasked = line.retain("--delete", plan)
    assert unasked["code"] == 2 and "nobody was asked" in unasked["said"]
    line.retain("--as", "kim")
    unsigned = line.retain("--delete", plan)
    assert unsigned["code"] == 5 and "is not approved" in unsigned["said"]
    assert line.retain("--delete", "sha256:" + "0" * 64)["code"] == 2
    assert len(line.registry.tags(line.name)) == 5


def test_who_asks_does_not_sign_and_neither_does_another_role(line: Line) -> None:
    plan = line.retain("--as", "ana")["plan"]
    assert "does not sign it" in line.sign(plan, "ana")["said"]
    assert line.sign(plan, "ben")["code"] != 0, "Security has no word here by the default policy"
    assert line.retain("--delete", plan)["code"] == 5
    assert line.sign(plan, "cho")["code"] == 0
    assert line.retain("--delete", plan)["deleted"] == 1


def test_a_signature_is_for_one_list_and_used_up_with_it(line: Line) -> None:
    first = line.retain("--as", "kim")["plan"]
    line.sign(first, "ana")
    gone = push_image(line.registry, line.name, "older", "t0", created="2025-01-01T00:00:00Z")
    second = line.retain("--as", "kim")["plan"]
    assert second != first
    assert line.retain("--delete", first)["code"] == 2, "the list is another by now"
    assert line.retain("--delete", second)["code"] == 5, "signed was the first"
    line.sign(second, "cho")
    assert line.retain("--delete", second)["deleted"] == 2
    assert line.registry.resolve(line.name, gone.digest) is None
    push_image(line.registry, line.name, "older", "t0", created="2025-01-01T00:00:00Z")
    push_image(line.registry, line.name, "3", "t3", created=OLD.format(3))
    assert line.retain()["plan"] == second, "the same images are there again"
    assert line.retain("--delete", second)["code"] == 2, "and nobody was asked again"
    assert len(line.registry.tags(line.name)) == 6


def test_the_inbox_shows_what_nobody_signed_to_those_who_may(line: Line) -> None:
    def inbox(*words: str) -> dict[str, Any]:
        return line("inbox", *words, group=())

    assert inbox() == {"code": 0, "said": "", "waiting": [], "matters": [], "deletions": []}
    plan = line.retain("--as", "ana")["plan"]
    seen = inbox()
    assert (seen["code"], [item["plan"] for item in seen["deletions"]]) == (5, [plan])
    assert seen["deletions"][0]["names"] == [f"{line.name}@{line.made[2].digest}"]
    assert [inbox("--as", who)["code"] for who in ("ana", "ben", "cho")] == [0, 0, 5], "who asked, who may not, who may"
    line.sign(plan, "cho")
    assert inbox()["code"] == 0


def test_a_deletion_that_was_cut_off_goes_on_with_what_was_signed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        push_image(line.registry, line.name, f"old {number}", f"old{number}", created=OLD.format(1))
        for number in (1, 2)
    )
    plan = line.retain("--as", "kim")["plan"]
    line.sign(plan, "ana")
    delete, gone = Registry.delete, []

    def cut_off(self: Registry, repository: str, digest: str) -> bool:
        if gone:
            raise HttpError("the line is cut")
        gone.append(digest)
        return delete(self, repository, digest)

    with monkeypatch.context() as patched:
        patched.setattr(Registry, "delete", cut_off)
        assert line.retain("--delete", plan)["code"] == 1
    left = {first.digest, second.digest, line.made[2].digest} - set(gone)
    assert len(left) == 2
    now = line.retain()["plan"]
    assert now != plan and line.retain("--delete", now)["code"] == 2, "what is left is no list that anybody signed"
    kept = sorted(left)[0]
    line.store.put(json.dumps({"moves": f"x@{kept}"}).encode())
    other = push_image(line.registry, line.name, "never asked about", "other", created=OLD.format(1))
    done = line.retain("--delete", plan)
    assert (done["code"], done["deleted"]) == (0, 1), "what was released since stays, and what nobody was asked about"
    assert line.registry.resolve(line.name, kept) and line.registry.resolve(line.name, other.digest)
    assert line.registry.resolve(line.name, (left - {kept}).pop()) is None
    assert line.retain("--delete", plan)["code"] == 2, "and it is used up"


def test_names_are_found_wherever_they_stand() -> None:
    digest = "sha256:" + "a" * 64
    assert named((), [f'{{"x": "host/name@{digest}"}}', "nothing"]) == {digest}
