from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from hug_agents.approve.packet import EnvironmentIdentity, Evidence, Packet, WrittenByModel, by_model, reviewed
from hug_agents.approve.review import changes, markdown, summary, visible
from hug_agents.approve.risk import History, PlannedChange, Risk, RiskReason, assess
from hug_agents.bundle import Artifact, Bundle
from hug_agents.canonical import sha256
from hug_agents.planning import plan
from hug_agents.validate.gate import Finding, GateResult
from tests.approve.office import GREEN, Office
from tests.examples import HOSTILE, ecs_canary, minimal

BIDI = "delete \u202etegrat\u202c \u200bnothing"


def bundle(**files: str) -> Bundle:
    return Bundle(
        sha256(b"spec"), (Artifact(path=f"{name}.tf", content=text, system="terraform") for name, text in files.items())
    )


@pytest.fixture
def packet(tmp_path: Path) -> Packet:
    line = HOSTILE.replace("\n", " ")
    finding = Finding(gate="g", rule=line[:200], severity="warning", message=HOSTILE + BIDI, file="a b.tf", line=3)
    return Office(tmp_path).packet(
        previous=sha256(b"before"),
        environment=EnvironmentIdentity(name="staging", role="staging", cloud="aws", region=line),
        gates=reviewed((*GREEN, GateResult(name="g", tool=line, status="passed", findings=(finding,), reason=HOSTILE))),
        plans=(PlannedChange(environment="staging", target=line, digest=sha256(b""), deletes=(line + BIDI,)),),
        evidence=(Evidence(name=line, outcome=line, digest=sha256(b"")),),
        risk=Risk(tier="destructive", reasons=(RiskReason(subject="destruction", tier="destructive", text=line),)),
    )


def test_what_is_hostile_is_shown_as_data(packet: Packet) -> None:
    text = markdown(packet, files=changes(bundle(a=HOSTILE), bundle(a="old\n")), links="https://code.example/tree")
    assert "\u202e" not in text and "\u200b" not in text and "\\\\u202e" in text
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<script" not in html and 'href="javascript' not in html and "<hr" not in html and "<img" not in html
    assert html.count("<h1") == 1 and html.count("<h2") == 7, "no heading of theirs"
    assert re.findall(r'href="([^"]*)"', html) == ["https://code.example/tree/a.tf"]
    for line in summary(packet):
        assert "\n" not in line and "\u202e" not in line


def test_what_a_model_wrote_is_named(packet: Packet) -> None:
    artifacts = (
        Artifact(path="a.tf", content="a\n", system="terraform"),
        Artifact(
            path="b.tf",
            content="# hug:amendment r5 begin\nb\n# hug:amendment r5 end\n",
            system="terraform",
            author=BIDI,
        ),
        Artifact(path="c.tf", content="c\n", system="terraform", author="openai:x"),
    )
    found = by_model(Bundle(sha256(b"spec"), artifacts))
    assert found == (
        WrittenByModel(path="b.tf", author=BIDI, part=True),
        WrittenByModel(path="c.tf", author="openai:x", part=False),
    )
    told = packet.model_copy(update={"written": found})
    assert told.digest() != packet.digest() and "written" not in packet.model_dump(mode="json")
    assert any(line.startswith("WRITTEN BY A MODEL (") and line.endswith("): b.tf, c.tf") for line in summary(told))
    text = markdown(told)
    assert "## Written by a model" in text and "`b.tf`, blocks between marks" in text and "\u202e" not in text


def test_a_diff_cannot_close_its_block() -> None:
    (change,) = changes(bundle(a="```\n# not a heading\n````\n"), bundle(a="x\n"))
    text = markdown_of(change)
    fence = next(line for line in text.splitlines() if line.startswith("````") and line.endswith("diff"))
    assert len(fence.removesuffix("diff")) == 5


def markdown_of(change: object) -> str:
    from hug_agents.approve.review import FileChange, _fenced

    assert isinstance(change, FileChange)
    return _fenced(change.diff, "diff")


def test_every_difference_is_named() -> None:
    found = changes(bundle(a="1\n", b="2\n", d="5\n"), bundle(a="1\n", b="3\n", c="4\n"))
    assert [(item.path, item.change) for item in found] == [("b.tf", "changed"), ("c.tf", "removed"), ("d.tf", "added")]
    assert "-3\n+2" in found[0].diff
    assert [item.change for item in changes(bundle(a="1\n"), None)] == ["added"]
    long = changes(bundle(a="x\n" * 9_000 + "y" * 9_000), bundle(a="z\n"))[0].diff
    assert len(long) < 2_000 and "more lines" in long


def test_a_reader_sees_first_what_matters(packet: Packet) -> None:
    first, *rest = summary(packet)
    assert first.startswith("Pre-Deployment Approval: release r1, round 1, for staging (staging; aws")
    assert any(line.startswith("risk: DESTRUCTIVE") for line in rest) and rest[-1] == f"packet: {packet.digest()}"
    headings = [line for line in markdown(packet).splitlines() if line.startswith("## ")]
    assert headings == [
        "## What changes", "## Plans", "## Automated gates", "## Evidence", "## Risks",
        "## Checklist: Pre-Deployment Approval", "## What is signed",
    ]  # fmt: skip


def test_invisible_is_made_visible() -> None:
    assert visible("a\u202eb\u200b\x1b[2J\n\tc\U0001f600") == "a\\u202eb\\u200b\\u001b[2J\n\tc\U0001f600"


GOOD = History(releases=5)


@pytest.mark.parametrize(
    ("change", "history", "open_", "tier", "text"),
    [
        ({"updates": 2}, GOOD, True, "low", "2 resources"),
        ({"updates": 50}, GOOD, True, "standard", "50 resources"),
        ({"deletes": ("aws_x.y",)}, GOOD, True, "destructive", "deleted or replaced: aws_x.y"),
        ({"replaces": ("db",), "data": ("db",)}, GOOD, True, "destructive", "data is lost with: db"),
        ({}, History(), True, "standard", "the first release here"),
        ({}, History(releases=3, failed=1), True, "standard", "1 of the last releases"),
        ({}, History(releases=3, failed=1, last_failed=True), True, "high", "the last release here failed"),
        ({}, GOOD, False, "high", "window is closed"),
        (None, GOOD, True, "high", "no saved plan"),
    ],
)
def test_risk_by_rule(change: dict[str, object] | None, history: History, open_: bool, tier: str, text: str) -> None:
    blueprint = plan(minimal())
    staging, production = blueprint.spec.environments
    values = {"environment": "staging", "target": "terraform", "digest": sha256(b"")}
    plans = () if change is None else (PlannedChange.model_validate(values | change),)
    risk = assess(blueprint, staging, plans, history, window_open=open_)
    assert risk.tier == tier and any(text in reason.text for reason in risk.reasons)
    assert risk.reasons[0].tier == tier, "the worst first"
    assert assess(blueprint, production, plans, history).tier != "low", "production is never low"


def test_what_cannot_be_undone_is_a_risk() -> None:
    blueprint = plan(ecs_canary())
    assert blueprint.rollback.irreversible
    risk = assess(blueprint, blueprint.spec.environments[0], (), GOOD)
    assert any(reason.subject == "data" and reason.tier == "high" for reason in risk.reasons)
