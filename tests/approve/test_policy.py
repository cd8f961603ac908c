from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hug_agents.approve.checkpoints import CHECKPOINTS
from hug_agents.approve.policy import gaps
from hug_agents.approve.policy_file import default_policy, default_text, load_policy, parse_policy, policy_schema
from hug_agents.errors import PolicyError
from tests.approve.office import KEYS, OPS, SEC, SRE, people, policy

LINE = KEYS["ana"].public.line
ANA = f"{{id: ana, name: Ana, roles: [{OPS}], keys: [{LINE}]}}"
BOB = ANA.replace("ana", "bob").replace("Ana", "Bob")
PEOPLE = f"people: [{ANA}]"


def test_the_default_is_the_missions() -> None:
    made = default_policy()
    for checkpoint in CHECKPOINTS:
        rule = made.checkpoints[checkpoint.id]
        assert rule.roles == checkpoint.roles and rule.quorum == len(rule.roles) and not rule.requester_may_sign
    assert made.people == () and len(gaps(made)) == 7
    assert gaps(policy()) == ()


def test_the_digest_is_of_what_it_says_not_of_its_layout() -> None:
    bare = "\n".join(line.split(" #")[0] for line in default_text().splitlines() if not line.startswith("#"))
    assert parse_policy(bare.encode()).digest() == default_policy().digest()
    assert policy().digest() != policy(version=2).digest() != policy(people=people("ana")).digest()


CASES: tuple[tuple[str, str, int, str], ...] = (
    ("version: 1 ", "version: 0 ", 4, "version: Input should be greater"),
    ("version: 1 ", "version: 1\nversion: 2 ", 5, "'version' is given twice"),
    ("mode: team", "mode: duo", 5, "mode: Input should be 'team' or 'solo'"),
    ("mode: team", "mode: solo", 5, "exactly one person; people names 0"),
    ("mode: team", "mode: *x", 5, "anchors"),
    ("mode: team", "mode: !!python/name:os.system x", 5, "tags are not read"),
    ("mode: team", "mode: team\nowner: me", 6, "owner: there is no such field"),
    ("mode: team", "mode: [", 14, "not YAML"),
    (
        "Operations Engineer, Security Engineer]",
        "Operatons Engineer, Security Engineer]",
        16,
        "did you mean Operations",
    ),
    ("quorum: 2 ", "qourum: 2 ", 17, "did you mean quorum?"),
    ("quorum: 2 ", "quorum: 1 ", 15, "quorum 1 is below the 2 roles"),
    ("quorum: 2 ", "quorum: two ", 17, "quorum: Input should be a valid integer"),
    ("    requester_may_sign: false", "    requester_may_sign: maybe", 19, "requester_may_sign"),
    ("expires_hours: 24", "requester_may_sign: true", 29, "the requester never signs for production"),
    ("  staging_validation:\n", "  staging_validaton:\n", 21, "did you mean staging_validation?"),
    (
        "  low:\n    pre",
        "  low:\n    production_go_no_go: {roles: [], quorum: 0}\n    pre",
        39,
        "outside production only",
    ),
    ("  destructive:\n    pre_dep", "  high:\n    pre_dep", 0, ""),
    ("people: []", f"people: [{ANA}, {ANA}]", 7, "two people of the same id"),
    (
        "people: []",
        f"people: [{ANA}, {BOB}]",
        7,
        "a key of ana",
    ),
    ("people: []", PEOPLE.replace("id: ana", "id: \u0430na"), 7, "people.0.id: String should match"),
    ("people: []", PEOPLE.replace("name: Ana", "name: \u0410na"), 7, "mixes CYRILLIC and LATIN"),
    ("people: []", PEOPLE.replace("name: Ana", "name: \uff21na"), 7, "only look like others"),
    ("people: []", PEOPLE.replace(LINE, LINE[:-8]), 7, "cut short or altered"),
    ("people: []", "people: " + "[" * 50, 7, "nested too deeply"),
    (
        "freezes: []",
        "freezes: [{name: x, from: 2026-12-20, until: 2027-01-04T00:00:00Z, reason: y}]",
        59,
        "freezes.0.from",
    ),
    ("windows: []", 'windows: [{days: [mon], start: "25:00", end: "16:00"}]', 51, "windows.0.start"),
)


@pytest.mark.parametrize(("old", "new", "line", "what"), CASES, ids=[f"{new[:30]!r}" for _, new, *_ in CASES])
def test_a_mistake_is_named_with_its_line(old: str, new: str, line: int, what: str) -> None:
    assert old in default_text()
    text = default_text().replace(old, new, 1)
    if not what:
        parse_policy(text.encode())
        return
    with pytest.raises(PolicyError) as error:
        parse_policy(text.encode())
    message = str(error.value)
    assert what in message and f"governance.yaml:{line}:" in message, message
    assert error.value.exit_code == 2


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "governance.yaml"
    path.write_text(default_text().replace("mode: team", "mode: duo").replace("version: 1 ", "version: x "))
    with pytest.raises(PolicyError) as error:
        load_policy(path)
    assert len(error.value.problems) == 2
    for data in (b"\xff", b"x" * 2_000_000, b"", b"- 1", b"a: 1\n---\nb: 2"):
        path.write_bytes(data)
        with pytest.raises(PolicyError):
            load_policy(path)
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "none")


def test_plain_values_are_read_as_they_are_written() -> None:
    made = parse_policy(
        default_text().replace("windows: []", "windows: [{days: [mon], start: 10:30, end: 16:00}]", 1).encode()
    )
    assert made.windows[0].start == "10:30", "not a number of base sixty"


def test_the_schema_accepts_the_default_and_refuses_a_misspelt_field() -> None:
    schema = json.loads(policy_schema())
    document: dict[str, Any] = yaml.safe_load(default_text())
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"peple": []}, schema)


def test_gaps_are_about_distinct_people() -> None:
    one_for_all = policy(people=people("dee"))
    assert any("needs 2 different people" in gap for gap in gaps(one_for_all))
    assert gaps(policy(people=people("dee"), mode="solo")) == ()
    assert gaps(policy(people=people("ana", "dee", "cho", "ben"))) == ()


def test_production_always_needs_a_signature() -> None:
    nobody = {"low": {"pre_deployment": {"roles": [], "quorum": 0}}}
    made = policy(tiers=nobody)
    assert made.demand("pre_deployment", "low", "staging").quorum == 0
    assert made.demand("pre_deployment", "low", "production").roles == (OPS, SEC)
    assert policy().demand("production_go_no_go", "destructive", "production").roles == (OPS, SRE, SEC)


def test_a_changed_copy_has_a_digest_of_its_own() -> None:
    held = default_policy()
    before = held.digest()
    assert held.model_copy(update={"version": held.version + 1}).digest() != before
    assert held.model_copy().digest() == held.digest() == before
    assert held == default_policy()
