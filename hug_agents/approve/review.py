"""A packet as a person reads it: summary first, then what changed, what was found, the checklist, the risks.

Everything that came from a request, a repository, a tool or a model is escaped, and characters that cannot be seen are
written out: what is read is what is signed.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator

from pydantic import Field

from hug_agents.approve.checkpoints import checkpoint
from hug_agents.approve.packet import Packet
from hug_agents.approve.quorum import Standing
from hug_agents.bundle import Bundle, differences
from hug_agents.plans import Requirement
from hug_agents.render.templating import code, md
from hug_agents.spec import Line, Model

_LINES_OF_A_FILE = 200
_LONGEST_LINE = 500
_FINDINGS = 100
_WRITTEN = 12


class FileChange(Model):
    """One file that differs from the bundle that runs now."""

    path: Line
    change: str = Field(description="added, removed, changed or mode")
    diff: str = Field("", description="unified; the rest is left out where it is long")


def visible(text: str) -> str:
    """Text with every character that cannot be seen, or that turns its neighbours round, written as `\\u....`."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _UNSEEN else f"\\u{ord(char):04x}" for char in text
    )


def _text(text: str) -> str:
    return md(visible(text))


_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))


def changes(bundle: Bundle, previous: Bundle | None) -> tuple[FileChange, ...]:
    """What differs from the last released bundle, by path. Without one, every file is new, and shown as a name."""
    found = []
    for path, old, new in differences(bundle, previous):
        if old and new and old.content == new.content:
            found.append(FileChange(path=path, change="mode"))
            continue
        change = "changed" if old and new else ("added" if new else "removed")
        diff = "" if previous is None else _diff(path, old.content if old else "", new.content if new else "")
        found.append(FileChange(path=path, change=change, diff=diff))
    return tuple(found)


def summary(packet: Packet, standing: Standing | None = None) -> tuple[str, ...]:
    """A few lines for a terminal: what, where, how risky, who must sign."""
    point, place = checkpoint(packet.checkpoint), packet.environment
    places = (place.cloud, place.account, place.region, place.cluster, place.domain)
    where = ", ".join(item for item in places if item and item != "none")
    plans = [plan for plan in packet.plans if plan.environment == place.name]
    destroyed = sum(len(plan.destroyed) for plan in plans)
    within = f"{place.role}; {where}" if where else place.role
    lines = [
        f"{point.name}: release {packet.release}, round {packet.round}, for {place.name} ({within})",
        point.purpose,
        f"asked for by {packet.requester}; bundle {packet.bundle}",
        f"plan: {sum(plan.creates for plan in plans)} created, {sum(plan.updates for plan in plans)} updated, "
        f"{destroyed} deleted or replaced"
        if plans
        else "plan: none was made",
        f"risk: {packet.risk.tier.upper()} ({packet.risk.reasons[0].text})" if packet.risk.reasons else "risk: none",
        f"gates: {_verdict(packet)}",
        f"policy: version {packet.policy.version}" + (" in SOLO MODE" if packet.policy.mode == "solo" else ""),
    ]
    if packet.written:
        authors = ", ".join(sorted({item.author for item in packet.written}))
        lines.append(f"WRITTEN BY A MODEL ({authors}): {', '.join(item.path for item in packet.written[:_WRITTEN])}")
    lines += [f"measured: {item.text}" for item in packet.metrics]
    if standing is not None:
        lines.append(f"standing: {standing.state}")
        lines += [
            f"  {item.verdict} by {item.reviewer} as {item.role}: {item.comment}".rstrip(": ")
            for item in standing.signatures
        ]
        lines += [
            f"  missing: {item.text}" + (f" ({', '.join(item.who)})" if item.who else "") for item in standing.missing
        ]
    lines.append(f"packet: {packet.digest()}")
    return tuple(visible(line.replace("\n", " ")) for line in lines)


def markdown(
    packet: Packet,
    *,
    files: tuple[FileChange, ...] = (),
    standing: Standing | None = None,
    links: str = "",
    unmet: tuple[Requirement, ...] = (),
) -> str:
    """The whole packet as Markdown. `links` is the folder that file names point into; empty: they are not links."""
    point = checkpoint(packet.checkpoint)
    first, *rest = summary(packet, standing)
    parts = [f"# {md(first)}", "\n".join(f"- {md(line.strip())}" for line in rest)]
    if unmet:
        rows = (f"- {_text(' '.join(item.text.split()))}: {_text(item.reason)}" for item in unmet[:_FINDINGS])
        parts += ["## What the request says and this does not do", "\n".join(rows)]
    parts += ["## What changes", *_changed(packet, files, links)]
    if packet.written:
        parts += ["## Written by a model", *_written(packet)]
    parts += ["## Plans", *_plans(packet)]
    parts += ["## Automated gates", _gate_table(packet), *_findings(packet)]
    if packet.drill:
        drill = packet.drill
        injected = f"{drill.injected} injected, and " if drill.injected else ""
        text = f"{drill.outcome} in {drill.environment}: {injected}the way back took {drill.seconds} s; finished {drill.finished}"
        parts += ["## Rollback drill", f"{md(text)}; evidence {code(drill.evidence)}"]
    if packet.evidence:
        parts += [
            "## Evidence",
            "\n".join(f"- {_text(item.name)}: {_text(item.outcome)} {code(item.digest)}" for item in packet.evidence),
        ]
    parts += [
        "## Risks",
        "\n".join(
            f"- **{item.tier}**, {md(item.subject.replace('_', ' '))}: {_text(item.text)}"
            for item in packet.risk.reasons
        ),
    ]
    parts += [f"## Checklist: {md(point.name)}", "\n".join(f"- [ ] {md(item)}" for item in point.checklist)]
    parts += ["## What is signed", f"The packet {code(packet.digest())}, which names every digest above."]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(packet: Packet) -> str:
    passed = sum(gate.status == "passed" for gate in packet.gates)
    others = [f"{gate.name} {gate.status}" for gate in packet.gates if gate.status != "passed"]
    waived = f"; findings waived: {len(packet.waivers)}" if packet.waivers else ""
    return f"{passed} of {len(packet.gates)} passed" + (f" ({', '.join(others)})" if others else "") + waived


def _changed(packet: Packet, files: tuple[FileChange, ...], links: str) -> Iterator[str]:
    if packet.previous is None:
        yield "Nothing was released here before: everything is new."
    else:
        yield f"Against {code(packet.previous)}, which runs there now:"
    if not files:
        yield "No file differs." if packet.previous else ""
        return
    for item in files:
        # check_path of a bundle has limited a path to characters that a link target may hold, but for the space.
        target = f"{links.rstrip('/')}/{item.path}".replace(" ", "%20")
        name = f"[{md(item.path)}](<{target}>)" if links and item.change != "removed" else str(md(item.path))
        yield f"- {item.change}: {name}"
        if item.diff:
            yield _fenced(item.diff, "diff")


def _written(packet: Packet) -> Iterator[str]:
    yield "Nobody but the gates has looked at these. docs/amendments.md says what for, and how often they were sent back."
    yield "\n".join(
        f"- {code(visible(item.path))}, {'blocks between marks' if item.part else 'the whole file'}, "
        f"by {_text(item.author)}"
        for item in packet.written
    )


def _plans(packet: Packet) -> Iterator[str]:
    for plan in packet.plans:
        yield (
            f"- {_text(plan.environment)}, {_text(plan.target)}: {plan.creates} created, {plan.updates} updated, "
            f"{len(plan.replaces)} replaced, {len(plan.deletes)} deleted; plan {code(plan.digest)}"
        )
        listed = (plan.deletes, plan.replaces, plan.data, plan.imports)
        for what, addresses in zip(("deletes", "replaces", "loses data in", "takes over"), listed, strict=True):
            yield "\n".join(f"  - **{what}** {code(visible(address))}" for address in addresses)
        yield "\n".join(f"  - {code(visible(line))}" for line in plan.changes)
    if not packet.plans:
        yield "No plan was made: what would be destroyed is not known."


def _gate_table(packet: Packet) -> str:
    rows = "\n".join(
        f"| {_text(gate.name)} | {_text(gate.tool)} {_text(gate.version)} | {gate.status} "
        f"| {'yes' if gate.required else 'no'} | {_text(gate.reason) or len(gate.findings)} |"
        for gate in packet.gates
    )
    return f"| gate | tool | result | required | findings |\n|---|---|---|---|---|\n{rows}"


def _findings(packet: Packet) -> Iterator[str]:
    waivers = {ref.finding: ref for ref in packet.waivers}
    listed = [(gate, finding) for gate in packet.gates for finding in gate.findings]
    for gate, finding in listed[:_FINDINGS]:
        place = f" in {code(visible(finding.file))}:{finding.line}" if finding.file else ""
        what = f"{_text(finding.rule)}{place}: {_text(finding.message)}"
        yield f"- {finding.severity}: {what} ({_text(gate.name)}, {code(finding.id)})"
        if ref := waivers.get(finding.id):
            yield f"  - **waived** by {md(ref.reviewer)} until {ref.expires}: {_text(ref.reason)}"
    if len(listed) > _FINDINGS:
        yield f"- and {len(listed) - _FINDINGS} more, in the JSON form of this packet"


def _diff(path: str, old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{path}", f"b/{path}", lineterm=""))
    shown = [visible(line)[:_LONGEST_LINE] for line in lines[:_LINES_OF_A_FILE]]
    if len(lines) > _LINES_OF_A_FILE:
        shown.append(f"... {len(lines) - _LINES_OF_A_FILE} more lines")
    return "\n".join(shown)


def _fenced(text: str, language: str) -> str:
    """A code block that its content cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
