"""What the gates say against each amendment, and what follows: it is kept, sent back, or taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from posixpath import dirname

from hug_agents.amending.documents import Amendment, Amendments, Round
from hug_agents.amending.places import objections
from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, GateReport, GateResult


def judged(
    amendments: Amendments, before: GateReport, after: GateReport, rendered: Bundle, laid: Bundle, gates: Iterable[Gate]
) -> Amendments:
    """Each standing amendment kept, open again for its agent, or unmet. `before` is of the bundle without them."""
    against = _attributed(amendments, before, after)
    unjudged = _unjudged(after, laid, gates)
    items: list[Amendment] = []
    for item in amendments.items:
        proposal = item.proposal
        if proposal is None:
            items.append(item)
            continue
        misfits = [
            Finding(gate="amendment", rule="place", severity="error", message=why, file=path)
            for path, why in objections(proposal, item.agent, rendered)
        ]
        findings = (*misfits, *against[item.requirement])
        gone = next((unjudged[path] for path in proposal.paths if path in unjudged), "")
        if not findings and not gone:
            rounds = item.rounds if item.state == "kept" else (*item.rounds, Round(proposal=proposal))
            items.append(item.model_copy(update={"state": "kept", "rounds": rounds}))
            continue
        if not findings:
            findings = (Finding(gate="amendment", rule="unjudged", severity="error", message=gone),)
        sent_back = item.model_copy(
            update={
                "state": "open",
                "proposal": None,
                "rounds": (*item.rounds, Round(proposal=proposal, findings=findings)),
            }
        )
        over = len(sent_back.failed) > amendments.limit or item.state == "kept" or bool(gone)
        items.append(given_up(sent_back) if over else sent_back)
    return amendments.model_copy(update={"items": tuple(items)})


def given_up(item: Amendment, reason: str = "") -> Amendment:
    """Taken out, with the last thing that was said against it."""
    if not reason:
        last = item.rounds[-1].findings[0]
        place = f" in {last.file}:{last.line}" if last.file else ""
        times = f"{len(item.failed)} times" if len(item.failed) > 1 else "once"
        reason = (
            f"a model's amendment was refused {times} and taken out; last by {last.gate}{place}: "
            f"{' '.join(last.message.split())[:300]}"
        )
    return item.model_copy(update={"state": "unmet", "proposal": None, "reason": " ".join(reason.split())[:1_000]})


def _attributed(amendments: Amendments, before: GateReport, after: GateReport) -> dict[str, tuple[Finding, ...]]:
    """New errors by requirement: by file, else by what it names, else by folder, else held against all, since nobody can tell."""
    found: dict[str, list[Finding]] = {item.requirement: [] for item in amendments.standing}
    for finding in _new(before, after):
        ranked = (
            [item for item in amendments.standing if item.proposal and finding.file in item.proposal.paths],
            [item for item in amendments.standing if item.proposal and _named(finding.message, item.proposal.paths)],
            [item for item in amendments.standing if item.proposal and _near(finding.file, item.proposal.paths)],
            list(amendments.standing),
        )
        for item in next((owners for owners in ranked if owners), []):
            found[item.requirement].append(finding)
    return {name: tuple(dict.fromkeys(rows)) for name, rows in found.items()}


def _named(message: str, paths: Iterable[str]) -> bool:
    return any(path in message for path in paths)


def _near(file: str, paths: Iterable[str]) -> bool:
    """In the folder of one of the paths, or below it: a test lies beside what it tests."""
    return bool(file) and any(f"{dirname(file)}/".startswith(f"{dirname(path)}/") for path in paths)


def _new(before: GateReport, after: GateReport) -> Iterator[Finding]:
    known = {_key(item) for result in before.results for item in result.findings if item.severity == "error"}
    passed = {result.name for result in before.results if result.status == "passed"}
    for result in after.results:
        yield from (item for item in result.findings if item.severity == "error" and _key(item) not in known)
        if result.name in passed and result.status in ("skipped", "error"):
            message = f"the gate passed without the amendment, and with it cannot be run: {result.reason}"[:2_000]
            yield Finding(gate=result.name, rule="not-run", severity="error", message=message)


def _key(item: Finding) -> tuple[str, ...]:
    return (item.gate, item.rule, item.message, item.file)


def _unjudged(after: GateReport, laid: Bundle, gates: Iterable[Gate]) -> dict[str, str]:
    """The files that a required gate should have looked at, and could not."""
    results: dict[str, GateResult] = {result.name: result for result in after.results}
    found: dict[str, str] = {}
    for gate in gates:
        result = results.get(gate.name)
        if gate.required and result is not None and result.status in ("skipped", "error"):
            for path in gate.files(laid):
                found.setdefault(path, f"it cannot be judged here: {gate.name} did not run ({result.reason[:300]})")
    return found
