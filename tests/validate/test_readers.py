"""The readers below the gates: HCL blocks, YAML with lines, cron gaps."""

from __future__ import annotations

import pytest

from hug_agents.validate.hcl import parse
from hug_agents.validate.located import Malformed, documents, json_value, repeated_keys, steps
from hug_agents.validate.policy.cron import NEVER, longest_gap_days

HCL = r"""
# a comment with { and "
terraform {
  backend "s3" {
    key = "a/b" // where
  }
}

resource "aws_x" "y" {
  text  = "quote \" ${var.a == "b" ? "}" : "{"} $${not} %{ if true }x%{ endif }"
  doc   = <<-EOT
    } not the end "
  EOT
  list  = [
    "a", # first
    { b = 1 }
  ]
  empty {}
  /* { */ last = 1
}
variable "one" { default = "x" }
"""


def test_hcl_blocks_attributes_and_lines() -> None:
    root = parse(HCL)
    assert [(block.type, block.labels, block.line) for block in root.blocks] == [
        ("terraform", (), 3),
        ("resource", ("aws_x", "y"), 9),
        ("variable", ("one",), 21),
    ]
    backend = next(next(root.of("terraform")).of("backend", "s3"))
    assert (backend.attributes["key"].literal, backend.attributes["key"].line) == ("a/b", 5)
    resource = next(root.of("resource", "aws_x"))
    assert list(resource.attributes) == ["text", "doc", "list", "last"]
    assert resource.attributes["text"].literal is None
    assert resource.attributes["list"].line == 14
    assert [block.type for block in resource.walk()] == ["resource", "empty"]
    assert next(root.of("variable")).attributes["default"].literal == "x"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a {\n  b = 1\n", 3),
        ('a = "x\n', 1),
        ("a = [1,\n", 2),
        ("a = <<E\nx\n", 1),
        ("/* x\n", 1),
        ("= 1\n", 1),
        ("a", 1),
    ],
)
def test_hcl_that_is_none(text: str, line: int) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.line == line


def test_yaml_lines() -> None:
    first, second = documents("a:\n  - b: 1\n    c: {d: 2}\n---\non: push\n---\n")
    assert [first.line(*path) for path in ((), ("a",), ("a", 0), ("a", 0, "c", "d"), ("a", 0, "x", "y"), ("z",))] == [
        1, 1, 2, 3, 2, 1,
    ]  # fmt: skip
    assert (second.line("on"), second.has("on"), second.has("off")) == (5, True, False)
    assert steps("$.jobs.b.steps[0]") == ("jobs", "b", "steps", "0")


def test_yaml_is_data_only() -> None:
    for text in ("a: !!python/object/apply:os.system [x]\n", "a: *nobody\n", "? [1]\n: 2\n", "a: [\n", "\x00"):
        with pytest.raises(Malformed):
            documents(text)
    assert list(repeated_keys("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n")) == []


def test_deep_json_is_malformed_and_not_a_crash() -> None:
    with pytest.raises(Malformed):
        json_value("[" * 200_000)


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 4 * * *", 1),
        ("17 4 1 * *", 31),
        ("0 4 * * 1", 7),
        ("0 4 1 */3 *", 92),
        ("0 4 1 jan,jul *", 184),
        ("0 4 1 1 *", 366),
        ("0 4 29 2 *", 1461),
        ("0 4 1,15 * 1", 7),
        ("0 4 * * 7", 7),
        ("0 4 * * mon-fri", 3),
        ("0 4 31 2 *", NEVER),
        ("0 4 1 13 *", NEVER),
        ("nonsense", NEVER),
        ("0 0 */0 * *", NEVER),
        ("0 4 1-5/x * *", NEVER),
    ],
)
def test_how_long_a_schedule_is_silent(expression: str, days: int) -> None:
    assert longest_gap_days(expression) == days
