"""Watching a step: the new version is looked at in turn, until it is bad, the time is over, or somebody stops it.

Everything that a look needs is written down when the watch begins, so that another process goes on with the same one.
"""

from __future__ import annotations

from datetime import datetime

from hug_agents.approve.clock import Instant, instant, moment
from hug_agents.approve.identity import Digest
from hug_agents.errors import HugError
from hug_agents.execute.target import Counters, Measured
from hug_agents.rollout.failures import METHOD, Failures
from hug_agents.rollout.judge import judge
from hug_agents.rollout.looks import Looks, analysis_of, looks_of
from hug_agents.rollout.run import Run
from hug_agents.rollout.steps import Step
from hug_agents.rollout.verdict import Check, Verdict
from hug_agents.rollout.window import Window
from hug_agents.spec import Analysis, Model

REFERENCE_LOOKS = 5
PERSON = "a person"
GLANCES = 4
"""So often between two looks the failures are read where the target counts them itself."""
_TICK = 0.5
"""Seconds between two looks for a word from outside, and between two glances at least."""


class Watch(Model):
    """When a step began to be watched, and what had been counted then."""

    began: Instant
    start: tuple[Counters, ...]


class Reference(Model):
    """What the old version did before the rollout: what the new one is compared with where both never share the traffic."""

    windows: tuple[Window, ...] = ()


def note_reference(run: Run, steps: tuple[Step, ...]) -> None:
    """Watch the old version for a few looks before the first step, once: some steps leave it no traffic to compare with."""
    watched = next((item for item in steps if item.watched), None)
    if watched is None or run.contents.previous is None or run.marked("reference"):
        return
    old = run.contents.previous.digest()
    interval = analysis_of(run.contents.spec, watched.hold_seconds).interval_seconds
    windows: list[Window] = []
    earlier = _of(old, readings(run))
    for number in range(REFERENCE_LOOKS if earlier else 0):
        run.tell("reference", (run.environment, number + 1, REFERENCE_LOOKS))
        _hold(run, steps[0], run.executor.desk.now(), interval)  # a pause now is one before the first step
        now = _of(old, readings(run))
        windows += (Window.between(earlier[name], row) for name, row in now.items() if name in earlier)
        earlier = now
    run.mark("reference", run.executor.store.put_model(Reference(windows=tuple(windows))))


def watch(run: Run, item: Step) -> Verdict | None:
    """Hold a step and judge the new version. None: the target counts no traffic, so there is nothing to judge by.

    Called again, it goes on with the watch that was begun. Raises Stopped and NeedsPerson as `Run.poll` does, and
    NeedsPerson when there is still too little to judge by after every extension.
    """
    name = f"verdict {item.step}"
    if known := run.marked(name):
        return run.executor.store.get_model(Verdict, known)
    begun = begin(run, item, None)
    if begun is None:
        _hold(run, item, run.executor.desk.now(), item.hold_seconds)
        return None
    analysis = analysis_of(run.contents.spec, item.hold_seconds)
    verdict, extensions = _looks(run, item, begun, analysis)
    if verdict.outcome == "inconclusive":
        subject = f"{name}, {extensions}"
        answer = run.executor.matters.settle(
            "inconclusive", run.dossier, run.environment, subject, f"step {item.step}: {verdict.reason}"
        )
        if answer.choice == "hold":
            begun_with = (run.place, f"watch {item.step}")
            run.executor.matters.close("inconclusive", run.dossier, run.environment, subject, begun_with)
            return watch(run, item)
        said = Check(
            name=PERSON,
            outcome="good" if answer.choice == "continue" else "bad",
            reason=f"{answer.reviewer} said {answer.choice}: {' '.join(answer.reason.split())}"[:1500],
        )
        verdict = verdict.model_copy(update={"outcome": said.outcome, "checks": (*verdict.checks, said)})
    run.record("verdict", verdict.outcome, f"step {item.step} at {item.weight} %: {verdict.reason}")
    run.mark(name, run.executor.store.put_model(verdict))
    return verdict


def begin(run: Run, item: Step, before: tuple[Counters, ...] | None) -> Watch | None:
    """Begin the watch of a step, once. `before`: what was counted before its traffic moved, so that all of it is judged."""
    name = f"watch {item.step}"
    if not (known := run.marked(name)):
        start = before or readings(run)
        if start is None and run.counters() is None:
            return None
        document = Watch(began=instant(run.executor.desk.now()), start=start or ())
        run.mark(name, run.executor.store.put_model(document))
        known = run.marked(name)
    return run.executor.store.get_model(Watch, known) if known else None


def _looks(run: Run, item: Step, begun: Watch, analysis: Analysis) -> tuple[Verdict, int]:
    """Look until it is bad, or good at the end of a hold, or the extensions are used up; with how many there were."""
    began, hold = moment(begun.began), max(item.hold_seconds, 1)
    looks = looks_of(analysis, hold)
    glances = _Glances(run, item, begun, looks.interval_seconds)
    for extension in range(analysis.extensions + 1):
        for number in range(1, looks.each + 1):
            final = number == looks.each
            at = hold * extension + (hold if final else number * looks.interval_seconds)
            seen = _hold(run, item, began, at, glances)
            verdict = seen or _look(run, item, begun, looks.each * extension + number, looks, final=final)
            run.tell("look", (run.environment, item, verdict))
            if verdict.outcome == "bad" or (final and verdict.outcome == "good"):
                return verdict, extension
    return verdict, extension


def _look(run: Run, item: Step, begun: Watch, look: int, looks: Looks, *, final: bool) -> Verdict:
    contents = run.contents
    reference = run.marked("reference")
    old = contents.previous.digest() if contents.previous else None
    try:
        now = run.counters() or ()
    except HugError as error:  # a router that does not answer says nothing about the version behind it
        unread = Check(
            name="counters", outcome="inconclusive", reason=f"the router does not answer: {error.what}"[:500]
        )
        return Verdict(outcome="inconclusive", candidate=run.dossier.bundle, baseline=old, checks=(unread,))
    return judge(
        spec=contents.spec,
        candidate=run.dossier.bundle,
        baseline=old,
        start=begun.start,
        now=now,
        reference=run.executor.store.get_model(Reference, reference).windows if reference else (),
        look=look,
        looks=looks.most,
        final=final,
        queries=run.checks(),
        proven=_proven(run, item),
    )


def _proven(run: Run, item: Step) -> bool:
    """Whether it was judged good beside the old version in a step before, and not by a person's word alone."""
    if run.contents.previous is None:
        return False
    shared = [step.order for step in run.contents.blueprint.rollout.steps if step.weight < 100]
    marks = (run.marked(f"verdict {order}") for order in shared if order < item.step)
    verdicts = (run.executor.store.get_model(Verdict, mark) for mark in marks if mark)
    return any(
        verdict.outcome == "good" and all(check.name != PERSON for check in verdict.checks) for verdict in verdicts
    )


class _Glances:
    """What a look between the looks sees: failures alone, beside the old version."""

    def __init__(self, run: Run, item: Step, begun: Watch, interval: float) -> None:
        previous = run.contents.previous
        self._run = run
        self._every = max(_TICK, interval / GLANCES)
        self._next = self._every
        self._failures: Failures | None = None
        if previous is not None and item.weight < 100 and isinstance(run.target, Measured):
            self._failures = Failures(run.contents.spec, run.dossier.bundle, previous.digest(), begun.start)
            self._baseline = previous.digest()

    def after(self, seconds: float) -> Verdict | None:
        """So long after the beginning: a verdict if it is bad, else nothing."""
        if self._failures is None or seconds < self._next:
            return None
        self._next = seconds + self._every
        counted = readings(self._run)
        if counted is None or not (bad := self._failures.read(counted)):
            return None
        candidate = self._run.dossier.bundle
        return Verdict(outcome="bad", candidate=candidate, baseline=self._baseline, checks=bad, method=METHOD)


def _hold(run: Run, item: Step, began: datetime, seconds: float, glances: _Glances | None = None) -> Verdict | None:
    """Wait until so long after the beginning, listening for a word from outside; or until a glance has seen it fail."""
    while True:
        run.poll(item)
        passed = (run.executor.desk.now() - began).total_seconds()
        if glances and (verdict := glances.after(passed)):
            return verdict
        if passed >= seconds:
            return None
        run.executor.sleep(min(_TICK, seconds - passed))


def _of(version: Digest, rows: tuple[Counters, ...] | None) -> dict[str, Counters]:
    return {row.service: row for row in rows or () if row.version == version}


def readings(run: Run) -> tuple[Counters, ...] | None:
    """What has been counted by now; None: there is nothing that counts, or it does not answer."""
    try:
        return run.counters()
    except HugError:  # asked again at each look, which says so
        return None
