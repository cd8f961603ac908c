"""The main job as a function: a request, and perhaps a repository, in; a validated bundle out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from hug_agents import combinations
from hug_agents.bundle import Bundle
from hug_agents.errors import HugError, QuestionsPending, UsageError
from hug_agents.output import Written, write_bundle
from hug_agents.request import Answer, Choices, Request
from hug_agents.settings import Settings
from hug_agents.spec import DeploymentSpec
from hug_agents.store import Store
from hug_agents.systems import check as check_system

if TYPE_CHECKING:
    from hug_agents.agents.budget import Budget, Usage
    from hug_agents.agents.choice import AddressChoice, ModelChoice
    from hug_agents.agents.prompt_refiner import RefinerReport
    from hug_agents.amending.documents import Amendment
    from hug_agents.plans import Blueprint, Requirement
    from hug_agents.reading.assemble import Refinement
    from hug_agents.scan import RepositoryFacts
    from hug_agents.validate import GateResult
    from hug_agents.workflow.run import Position
    from hug_agents.workflow.state import Crew

Verdict = Literal["passed", "failed", "incomplete"]
AMEND_ROUNDS = 3


_SPENT = ("agent", "model", "requests", "retries", "input tokens", "cached", "output tokens", "estimated", "seconds")


@dataclass(frozen=True)
class Generation:
    """What one request became. `bundle` holds the files; `gates` says how each was judged."""

    thread: str
    """The run's id: what resumes it, in any process that sees the same store."""
    spec: DeploymentSpec
    blueprint: Blueprint
    refinement: Refinement
    bundle: Bundle
    gates: tuple[GateResult, ...]
    verdict: Verdict
    """`passed`; `failed`: a finding stands after repair; `incomplete`: a required gate could not run here."""
    repairs: int
    model: str
    usage: tuple[Usage, ...]
    prompts: tuple[str, ...]
    seconds: float
    written: Written | None = None
    refiner: RefinerReport | None = None
    """The refined prompts, the log of what was changed and why, completeness and ambiguities; None: an older run."""
    amendments: tuple[Amendment, ...] = ()
    """What a language model was asked to write beside the rendered files, round by round."""

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Every sentence of the request, and what became of it."""
        return self.blueprint.requirements

    @property
    def spent(self) -> tuple[Usage, ...]:
        """What the models cost, one row an agent and model. What a question cost that failed is in its error."""
        from hug_agents.agents.budget import totals

        return totals(self.usage)

    @property
    def skipped(self) -> tuple[GateResult, ...]:
        """The gates that did not run, each with its reason."""
        return tuple(result for result in self.gates if result.status in ("skipped", "error"))

    def to_json(self) -> dict[str, Any]:
        """One JSON object for programs; its shape is part of the interface."""
        return {
            "run": self.thread,
            "status": {"passed": "done", "incomplete": "done", "failed": "gates_failed"}[self.verdict],
            "spec": self.spec.model_dump(mode="json"),
            "spec_digest": self.spec.digest(),
            "questions": [],
            "requirements": [item.model_dump(mode="json") for item in self.requirements],
            "refused": [item.model_dump(mode="json") for item in self.refinement.refused],
            "notes": list(self.refinement.notes),
            "manifest_digest": self.bundle.digest(),
            "files": [
                {
                    "path": entry.path,
                    "system": entry.system,
                    "sha256": entry.sha256.removeprefix("sha256:"),
                    **({"author": entry.author} if entry.author else {}),
                }
                for entry in self.bundle.manifest.entries
            ],
            "written": self.written.model_dump(mode="json") if self.written else None,
            "gates": [result.model_dump(mode="json") for result in self.gates],
            "verdict": self.verdict,
            "repairs": self.repairs,
            "refiner": self.refiner.model_dump(mode="json", exclude={"refined"}) if self.refiner else None,
            "amendments": [item.model_dump(mode="json") for item in self.amendments],
            "model": self.model,
            "tokens": {
                "input": sum(item.input_tokens for item in self.usage),
                "cached": sum(item.cached_tokens for item in self.usage),
                "output": sum(item.output_tokens for item in self.usage),
            },
            "agents": [item.model_dump(mode="json") for item in self.spent],
            "usage": [item.model_dump(mode="json") for item in self.usage],
            "prompts": list(self.prompts),
            "seconds": round(self.seconds, 3),
        }

    def _repr_html_(self) -> str:
        """Verdict, what was understood, what was not met, the gates, what models took, the files (each opens on a click)."""
        from html import escape

        from hug_agents.notebook import badge_html, table_html

        understood = [
            (item.path, f"{item.file}:{item.line}" if item.file else item.kind, item.quote)
            for item in self.spec.evidence
            if item.kind != "default"
        ]
        unmet = [(item.text, item.reason) for item in self.requirements if item.missed]
        gates = "".join(
            f"<tr><td>{escape(result.name)}</td><td>{badge_html(result.status)}</td><td>{escape(result.version)}</td>"
            f"<td>{escape(result.reason) or f'{result.files} files, {len(result.findings)} findings'}</td></tr>"
            for result in self.gates
        )
        counts = ("requests", "retries", "input_tokens", "cached_tokens", "output_tokens", "estimated_tokens")
        spent = [
            (item.agent, item.model, *(str(getattr(item, name)) for name in counts), f"{item.seconds:.1f}")
            for item in self.spent
        ]
        paid = any(item.tokens or item.retries for item in self.spent)
        return "".join(
            (
                f"<h3>{escape(self.spec.application)} {badge_html(self.verdict)}</h3>",
                f"<p><code>{escape(self.bundle.digest())}</code></p>",
                table_html(("value", "from", "words"), understood),
                f"<h4>Not met</h4>{table_html(('the request says', 'why not'), unmet)}" if unmet else "",
                f"<h4>Gates</h4><table>{gates}</table>",
                f"<h4>Models</h4>{table_html(_SPENT, spent)}" if paid else "",
                self.bundle._repr_html_(),
            )
        )


def generate(
    request: str | Request,
    *,
    repo: str | Path | None = None,
    out: str | Path | None = None,
    model: ModelChoice | None = None,
    base_url: AddressChoice = None,
    answers: Mapping[str, str] | None = None,
    choices: Choices | None = None,
    gates: tuple[str, ...] | None = None,
    store: str | Path | None = None,
    budget: Budget | None = None,
    amend_rounds: int = AMEND_ROUNDS,
    progress: Callable[[str, Any], None] | None = None,
) -> Generation:
    """Turn a request into a bundle and judge it.

    `repo` is a folder, or a git URL that is fetched; it is scanned, never run. `out` is where the files go; without it
    they stay in the store and in the result. `model` and `base_url` are one for all, or a mapping by agent
    (`prompt_refiner`, `deployment`, `devops`, `default`). `gates` names the gates to run (default: all that apply).
    `amend_rounds` is how often what a language model wrote for an unmet requirement is sent back at most; 0: it writes
    nothing.

    Raises QuestionsPending with everything that must be answered first (go on with `answer`), UnsupportedError for what
    cannot be made, ModelError when a model gives nothing usable (go on with `answer`, also with another model),
    UsageError for what cannot be used.
    """
    started = time.monotonic()
    asked = build_request(request, choices, answers)
    facts = scan_repository(repo)
    crew = build_crew(store, model, base_url, budget, gates, progress, amend_rounds)

    from hug_agents.workflow import run

    start: dict[str, Any] = {"request": crew.store.put_model(asked), "scope": "bundle"}
    if facts is not None:
        start["facts"] = crew.store.put_model(facts)
    thread = run.new_thread()
    return _finish(crew, thread, lambda: run.start(crew, run.as_input(start), thread=thread), out, started)


def answer(
    thread: str,
    answers: Mapping[str, str] | None = None,
    *,
    out: str | Path | None = None,
    model: ModelChoice | None = None,
    base_url: AddressChoice = None,
    gates: tuple[str, ...] | None = None,
    store: str | Path | None = None,
    budget: Budget | None = None,
    amend_rounds: int = AMEND_ROUNDS,
    progress: Callable[[str, Any], None] | None = None,
) -> Generation:
    """Go on with a run that asked questions or stopped in between, in this or another process.

    Raises what `generate` raises; UsageError if there is no such run or a question of that id was not asked.
    """
    started = time.monotonic()
    crew = build_crew(store, model, base_url, budget, gates, progress, amend_rounds)

    from hug_agents.workflow import run

    pending = run.look(crew, thread)
    if pending.status == "questions" and answers:
        asked = {question["id"] for question in pending.pending["questions"]}
        if unknown := sorted(set(answers) - asked):
            raise UsageError(
                f"no such question: {', '.join(unknown)}", where=thread, hint=f"asked: {', '.join(sorted(asked))}"
            )
    reply = {"answers": {item.id: item.value for item in _given(answers)}} if answers else None
    return _finish(crew, thread, lambda: run.resume(crew, thread, reply), out, started)


async def agenerate(request: str | Request, **options: Any) -> Generation:
    """`generate` for programs that run an event loop; the work happens in a thread of its own."""
    import asyncio

    return await asyncio.to_thread(generate, request, **options)


async def aanswer(thread: str, answers: Mapping[str, str] | None = None, **options: Any) -> Generation:
    """`answer` for programs that run an event loop."""
    import asyncio

    return await asyncio.to_thread(answer, thread, answers, **options)


def build_request(request: str | Request, choices: Choices | None, answers: Mapping[str, str] | None) -> Request:
    """What was asked for, with choices that can be met. Raises UsageError, UnsupportedError."""
    asked = request if isinstance(request, Request) else _request(request, choices or Choices())
    for field, value in asked.choices:
        for system in () if field == "checks" else (value,) if isinstance(value, str) else value or ():
            check_system(field, system)
    picked = asked.choices
    chosen = {
        name: (item,) if (item := getattr(picked, name)) else None for name in ("iac", "ci", "runtime", "rollout")
    }
    for clash in combinations.clashes({**chosen, "monitors": picked.monitors or None}):
        if clash.system != "grafana":  # Prometheus is put beside it
            raise clash.error()
    if answers:
        asked = asked.model_copy(update={"answers": (*asked.answers, *_given(answers))})
    from hug_agents.reading.redact import clean_request

    return clean_request(asked)


def _request(text: str, choices: Choices) -> Request:
    if not text.strip():
        raise UsageError("the request is empty", hint="say what to deploy and where, in words")
    try:
        return Request(text=_lines(text), choices=choices)
    except ValidationError as error:
        raise UsageError(
            f"the request cannot be used: {error.errors()[0]['msg']}", hint="plain text of at most 10,000 characters"
        ) from error


def _given(answers: Mapping[str, str]) -> tuple[Answer, ...]:
    try:
        return tuple(Answer(id=key, value=_lines(value)) for key, value in answers.items())
    except ValidationError as error:
        raise UsageError(
            f"an answer cannot be used: {error.errors()[0]['msg']}", hint="plain text of at most 10,000 characters"
        ) from error


def _lines(text: str) -> str:
    """The line ends of every system as one, and without the mark that some editors put first."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def scan_repository(repo: str | Path | None) -> RepositoryFacts | None:
    """What a folder or a fetched URL says about itself; None without one."""
    if repo is None:
        return None
    from hug_agents.checkout import checkout, is_url
    from hug_agents.scan import scan

    if not is_url(str(repo)):
        return scan(Path(repo))
    with checkout(str(repo)) as folder:
        return scan(folder)


def build_crew(
    store: str | Path | None,
    model: ModelChoice | None,
    base_url: AddressChoice,
    budget: Budget | None,
    gates: tuple[str, ...] | None,
    progress: Callable[[str, Any], None] | None,
    amend_rounds: int = AMEND_ROUNDS,
) -> Crew:
    """Who works and with what; what is not given comes from the settings."""
    from hug_agents.agents.budget import Budget
    from hug_agents.workflow.state import Crew

    settings = Settings.load()
    crew = Crew(
        store=Store(Path(store) if store else settings.home),
        model=model or settings.model,
        base_url=base_url,
        budget=budget or Budget(),
        gates=gates,
        amend_rounds=amend_rounds,
        progress=progress,
    )
    crew.models  # noqa: B018 - a choice that cannot be used is said before anything is done
    return crew


def _finish(crew: Any, thread: str, move: Callable[[], Position], out: str | Path | None, started: float) -> Generation:
    from hug_agents.reading.assemble import Refinement

    try:
        position = move()
    except BaseException as error:  # also who stops it is told what to resume
        if isinstance(error, HugError):
            error.run = thread
        error.add_note(f"the run is kept: {thread}")
        raise
    if position.status == "questions":
        refinement = crew.store.get_model(Refinement, position.digest("refinement"))
        raise QuestionsPending(refinement.questions, thread)
    if not position.digest("gates"):
        raise UsageError(f"the run {thread} stands at {position.status}", hint="resume it as a release")
    return _collect(crew, position, out, started)


def _collect(crew: Any, position: Position, out: str | Path | None, started: float) -> Generation:
    from hug_agents.agents.budget import Usage
    from hug_agents.agents.choice import described
    from hug_agents.agents.prompt_refiner import RefinerReport
    from hug_agents.amending.documents import Amendments
    from hug_agents.plans import Blueprint
    from hug_agents.reading.assemble import Refinement
    from hug_agents.validate import GateReport

    store: Store = crew.store
    bundle = store.get_bundle(position.digest("bundle"))
    blueprint = store.get_model(Blueprint, position.digest("blueprint"))
    return Generation(
        thread=position.thread,
        spec=blueprint.spec,
        blueprint=blueprint,
        refinement=store.get_model(Refinement, position.digest("refinement")),
        bundle=bundle,
        gates=store.get_model(GateReport, position.digest("gates")).results,
        verdict=position.state["verdict"],
        repairs=position.state.get("repairs", 0),
        model=described(crew.models),
        usage=tuple(store.get_model(Usage, name) for name in position.state.get("usage", ())),
        prompts=tuple(dict.fromkeys(position.state.get("prompts", ()))),
        seconds=time.monotonic() - started,
        written=write_bundle(bundle, Path(out)) if out is not None else None,
        refiner=store.get_model(RefinerReport, name) if (name := position.digest("refiner")) else None,
        amendments=store.get_model(Amendments, name).items if (name := position.digest("amendments")) else (),
    )
