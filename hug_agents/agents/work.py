"""What the deployment and the DevOps agent do alike: ask for notes or a choice, and accept only what is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel

from hug_agents.agents.asking import ask
from hug_agents.agents.budget import Budget, OnEvent, Usage
from hug_agents.agents.drafts import Chosen, NoteDraft, Notes, Repair
from hug_agents.agents.outcome import NotesResult, Refused, RepairResult, prompt_name
from hug_agents.plans import Note
from hug_agents.prompting import load
from hug_agents.reading.claims import catalogue
from hug_agents.repair import applicable, apply_fixes, has_path
from hug_agents.spec import DeploymentSpec, Evidence
from hug_agents.validate.gate import Finding, Fix

Author = Literal["deployment", "devops"]
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*")
_MARKUP = re.compile(r"://|\bwww\.|[`<>$]|\]\(|\S@\S")
_DECIDES = re.compile(
    r"(?i)\b(?:approved|authori[sz]ed|signed|waived?|exempt(?:ed)?|reviewed|certified|validated|verified|passed|skip(?:ped)?"
    r"|bypass(?:ed)?|disable|ignore|overrid\w+)\b|\bno (?:\w+ )?(?:approvals?|reviews?|drills?|tests?)\b"
)
_CUT = 160


def write_notes(
    agent: Author,
    prompt: str,
    spec: DeploymentSpec,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
) -> NotesResult:
    """Notes on paths that the spec has, without figures that it does not have; the rest is refused, with the reason."""
    filled = load(prompt).fill(fields=catalogue(), spec=sparse(spec))
    answer = ask(model, filled, Notes, budget, on_event)
    notes: dict[Note, None] = {}
    refused: list[Refused] = []
    for draft in answer.value.notes:
        if why := _objection(draft, spec):
            refused.append(Refused(what=cut(f"{draft.about}: {draft.text}"), why=why))
        else:
            notes[Note(agent=agent, about=draft.about, text=one_line(draft.text), kind=draft.kind)] = None
    return NotesResult(notes=tuple(notes), refused=tuple(refused), usage=answer.usage, prompts=(prompt_name(filled),))


def sparse(model: BaseModel) -> dict[str, Any]:
    """A model as JSON without what is empty by default: shorter to read, and the same spec when it is read back."""
    shown: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name == "quote" and isinstance(model, Evidence) and model.kind == "repository":
            continue  # a line of a file may hold anything; its place says enough
        if name == "line" and isinstance(model, Evidence) and not value:
            continue  # no file, no line
        if value in (None, (), "") and value == field.default:
            continue
        if isinstance(value, tuple):
            value = [sparse(item) if isinstance(item, BaseModel) else item for item in value]
        shown[name] = sparse(value) if isinstance(value, BaseModel) else value
    return shown


def _objection(draft: NoteDraft, spec: DeploymentSpec) -> str:
    if not has_path(spec, draft.about):
        return "it is about a path that the spec does not have"
    if not draft.text.strip():
        return "it says nothing"
    if why := oversteps(draft.text):
        return why
    known = figures(json.dumps(spec.model_dump(mode="json"), ensure_ascii=False))
    if invented := sorted(figures(draft.text) - known):
        return f"it gives a figure that the spec does not have: {', '.join(invented)[:80]}"
    return ""


def oversteps(text: str) -> str:
    """Why words of a model may not stand where people read what was found; empty: they may."""
    if _MARKUP.search(text):
        return "it holds a link, code or markup"
    return "it speaks of what only the gates and the ledger may say" if _DECIDES.search(text) else ""


def choose_fixes(
    agent: Author,
    findings: Iterable[Finding],
    spec: DeploymentSpec,
    model: BaseChatModel,
    budget: Budget,
    on_event: OnEvent | None = None,
) -> RepairResult:
    """Fixes out of those that the findings offer and that may be applied; with no offer, no model is asked."""
    severity = {"error": 0, "warning": 1, "info": 2}
    found = sorted(findings, key=lambda item: severity[item.severity])
    offers = applicable(spec, found)
    if not offers:
        return RepairResult(fixes=(), usage=Usage(agent=agent), prompts=())
    filled = load(f"{agent}/repair").fill(
        spec=sparse(spec),
        findings=[_shown(item) for item in found if item.fix in offers],
        offers=list(_offers(offers)),
    )
    answer = ask(model, filled, Repair, budget, on_event)
    fixes, refused = _taken(answer.value.chosen, offers, spec)
    return RepairResult(fixes=fixes, refused=refused, usage=answer.usage, prompts=(prompt_name(filled),))


def _offers(offers: tuple[Fix, ...]) -> Iterator[dict[str, Any]]:
    for number, fix in enumerate(offers, start=1):
        yield {"offer": number, **fix.model_dump(mode="json")}


def _shown(finding: Finding) -> dict[str, Any]:
    return finding.model_dump(mode="json", include={"gate", "rule", "severity", "message", "file", "line", "fix"})


def _taken(
    chosen: Iterable[Chosen], offers: tuple[Fix, ...], spec: DeploymentSpec
) -> tuple[tuple[Fix, ...], tuple[Refused, ...]]:
    taken: list[Fix] = []
    refused: list[Refused] = []
    for choice in chosen:
        what = f"offer {choice.offer}: {cut(choice.reason)}"
        if choice.offer > len(offers):
            refused.append(Refused(what=what, why="there is no offer of that number"))
            continue
        fix = offers[choice.offer - 1]
        if fix.path in {other.path for other in taken}:
            refused.append(Refused(what=what, why=f"{fix.path} is changed already"))
        elif fix not in applicable(apply_fixes(spec, taken), [_finding(fix)]):
            refused.append(Refused(what=what, why="it does not go with the offers taken before it"))
        else:
            taken.append(fix)
    return tuple(taken), tuple(refused)


def _finding(fix: Fix) -> Finding:
    return Finding(gate="repair", rule="offer", severity="info", message=fix.reason, fix=fix)


def figures(text: str) -> frozenset[str]:
    """The numbers that a text gives."""
    return frozenset(_NUMBER.findall(text))


def one_line(text: str) -> str:
    """Control characters out, white space to single spaces: a note is one paragraph."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def cut(text: str) -> str:
    """The beginning of a text, on one line."""
    line = one_line(text)
    return line if len(line) <= _CUT else f"{line[:_CUT]}..."
