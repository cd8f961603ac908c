"""Metrics of any log, in pairs or not, against a slow reading of the same rules that shares no code with ours.

The oracle has all events at once. It looks at each release in each place alone, says what every event means there, and
then, place by place, pairs the signs of failure with what ended them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.measure.log import Log


@dataclass(frozen=True)
class Said:
    number: int
    minute: int
    name: str
    outcome: str
    release: str
    environment: str
    bundle: str
    detail: str


@dataclass
class Try:
    bundle: str
    began: int | None
    ended: int | None = None
    outcome: str = ""
    taken_back: bool = False
    spoiled: bool = False
    restored: bool = False


OUTCOMES = {
    "deployment_began": ("",),
    "deployment_ended": ("deployed", "deployed", "failed", "rolled_back", "odd"),
    "verdict": ("good", "bad", "inconclusive"),
    "rollback_began": ("",),
    "rollback_ended": ("passed", "failed"),
    "drift_checked": ("none", "drifted", "unknown"),
    "incident_noted": ("",),
    "incident_resolved": ("",),
    "release_began": ("",),
    "release_ended": ("released", "failed", "rolled_back", "cancelled"),
    "effect_began": ("",),
    "something_else": ("", "deployed"),
}


STORIES: tuple[tuple[tuple[str, str], ...], ...] = (
    (("deployment_began", ""), ("deployment_ended", "deployed")),
    (("deployment_began", ""), ("verdict", "bad"), ("deployment_ended", "deployed")),
    (("deployment_began", ""), ("verdict", "bad"), ("incident_noted", ""), ("deployment_ended", "deployed")),
    (("deployment_began", ""), ("verdict", "bad"), ("rollback_began", ""), ("rollback_ended", "passed")),
    (("deployment_ended", "rolled_back"), ("rollback_began", ""), ("rollback_ended", "passed")),
    (("deployment_ended", "deployed"), ("deployment_ended", "failed"), ("rollback_ended", "failed")),
    (("incident_noted", ""), ("incident_resolved", "")),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Said]:
    """Events as they come, and stories whose parts others may come between."""
    minute, found = 0, []
    waiting: list[tuple[tuple[str, str, str], list[tuple[str, str]]]] = []
    for _ in range(draw(st.integers(0, 14))):
        place = (
            draw(st.sampled_from(("r1", "r2"))),
            draw(st.sampled_from(("production", "production", "live-eu", "staging"))),
            draw(st.sampled_from(("b1", "b1", "b2"))),
        )
        name = draw(st.sampled_from(sorted(OUTCOMES)))
        alone = ((name, draw(st.sampled_from(OUTCOMES[name]))),)
        waiting.append((place, list(draw(st.sampled_from((alone, alone, *STORIES))))))
        while waiting and draw(st.sampled_from((True, True, True, False))):
            (release, environment, bundle), rest = waiting[draw(st.integers(0, len(waiting) - 1))]
            name, outcome = rest.pop(0)
            minute += draw(st.sampled_from((0, 0, 1, 2, 7)))
            rehearsal = draw(st.sampled_from(("",) * 9 + ("drill-1 step 1",)))
            found.append(Said(len(found), minute, name, outcome, release, environment, bundle, rehearsal))
            waiting = [item for item in waiting if item[1]]
    return found


def log_of(said: list[Said]) -> Log:
    log = Log()
    for item in said:
        log(
            item.minute,
            item.name,
            item.outcome,
            release=item.release,
            environment=item.environment,
            bundle=item.bundle,
            detail=item.detail,
        )
    return log


class Oracle:
    def __init__(self, said: list[Said], environments: tuple[str, ...]) -> None:
        real = [item for item in said if not item.detail.startswith("drill-")]
        self.tries: list[Try] = []
        self.recoveries: list[int] = []
        self.unrecovered = 0
        for environment in environments:
            meanings: list[tuple[int, int, str, str]] = []
            for release in ("r1", "r2"):
                mine = [
                    item
                    for item in real
                    if item.release == release and (item.environment == environment or item.name == "release_ended")
                ]
                tries, meant = self.one(mine)
                self.tries += tries
                meanings += [(number, minute, what, release) for number, minute, what in meant]
            self.pair(sorted(meanings, key=lambda item: item[0]))
        checks = [item.outcome for item in real if item.name == "drift_checked" and item.environment in environments]
        self.checks = [item for item in checks if item != "unknown"]

    @staticmethod
    def one(mine: list[Said]) -> tuple[list[Try], list[tuple[int, int, str]]]:
        """One release in one place: its tries, and what each event means for the place."""
        tries: list[Try] = []
        ended: list[Try] = []
        meant: list[tuple[int, int, str]] = []
        current: Try | None = None

        def close(item: Said, which: Try, outcome: str) -> None:
            which.outcome, which.ended = outcome, item.minute
            ended.append(which)
            if outcome == "deployed":
                meant.append((item.number, item.minute, "success"))
            elif outcome == "rolled_back":
                which.taken_back = True
                meant.append((item.number, item.minute, "restore"))
            elif not which.restored:
                meant.append((item.number, item.minute, "sign"))

        for item in mine:
            about = current or (ended[-1] if ended else None)
            if item.name == "deployment_began":
                if current and current.bundle == item.bundle:
                    continue
                if current:
                    close(item, current, "failed")
                current = Try(item.bundle, item.minute)
                tries.append(current)
            elif item.name == "deployment_ended" and item.outcome != "odd":
                if current and current.bundle == item.bundle:
                    close(item, current, item.outcome)
                    current = None
                elif (
                    ended
                    and ended[-1].bundle == item.bundle
                    and (item.outcome != "deployed" or ended[-1].outcome == "deployed")
                ):
                    last = ended[-1]
                    if last.outcome != "deployed" or item.outcome == "deployed":
                        continue
                    if item.outcome == "rolled_back":
                        last.taken_back = True
                        meant.append((item.number, item.minute, "restore"))
                    elif not last.taken_back:
                        last.spoiled = True
                        meant.append((item.number, item.minute, "sign"))
                else:
                    tries.append(Try(item.bundle, None))
                    close(item, tries[-1], item.outcome)
            elif item.name == "verdict" and item.outcome == "bad" and current:
                meant.append((item.number, item.minute, "suspect"))
            elif item.name == "rollback_began" and not (about and about.outcome == "rolled_back"):
                if about:
                    about.taken_back = True
                meant.append((item.number, item.minute, "sign"))
            elif item.name == "rollback_ended":
                was_over = about is not None and about.outcome == "rolled_back"
                if about:
                    about.taken_back = True
                    about.restored = about.restored or item.outcome == "passed"
                if item.outcome == "passed":
                    meant.append((item.number, item.minute, "restore"))
                elif not was_over:
                    meant.append((item.number, item.minute, "sign"))
            elif item.name == "incident_noted":
                if about:
                    about.spoiled = True
                meant.append((item.number, item.minute, "incident"))
            elif item.name == "incident_resolved":
                meant.append((item.number, item.minute, "resolve"))
            elif item.name == "release_ended" and item.outcome != "released" and current:
                close(item, current, "rolled_back" if item.outcome == "rolled_back" else "failed")
                current = None
        return tries, meant

    def pair(self, meanings: list[tuple[int, int, str, str]]) -> None:
        position = 0
        signs = ("suspect", "sign", "incident")
        while position < len(meanings):
            _, began, what, whose = meanings[position]
            if what not in signs:
                position += 1
                continue
            for end in range(position + 1, len(meanings)):
                _, at, ending, who = meanings[end]
                between = [item[2] for item in meanings[position:end] if item[2] in signs]
                if ending == "success" and set(between) == {"suspect"} and who == whose:
                    break
                if ending in ("success", "restore") or (ending == "resolve" and "incident" in between):
                    self.recoveries.append((at - began) * 60)
                    break
            else:
                self.unrecovered += 1
                return
            position = end + 1


def percent(hits: int, samples: int) -> Fraction | None:
    return Fraction(100 * hits, samples) if samples else None


def mean(values: list[int]) -> Fraction | None:
    return Fraction(sum(values), len(values)) if values else None


def near(value: float | None, wanted: Fraction | None) -> bool:
    return value is wanted if value is None or wanted is None else abs(value - wanted) < 1e-9


PRODUCTION = ("production", "live-eu")


@settings(max_examples=400, deadline=None)
@given(logs(), st.sampled_from((("", PRODUCTION), ("staging", ("staging",)), ("live-eu", ("live-eu",)))))
def test_any_log_counts_as_the_rules_say(said: list[Said], where: tuple[str, Any]) -> None:
    environment, environments = where
    found = log_of(said).metrics(environment=environment)
    wanted = Oracle(said, environments)
    over = [item for item in wanted.tries if item.outcome]
    done = [item for item in over if item.outcome == "deployed"]
    bad = [item for item in over if item.outcome != "deployed" or item.taken_back or item.spoiled]
    assert found.deployments == len(over)
    assert found.in_progress == len(wanted.tries) - len(over)
    assert found.unrecovered == wanted.unrecovered
    assert near(found["deployment_success_rate"].value, percent(len(done), len(over)))
    assert near(found["change_failure_rate"].value, percent(len(bad), len(over)))
    assert near(found["rollback_rate"].value, percent(sum(item.taken_back for item in over), len(over)))
    assert near(found["configuration_drift_rate"].value, percent(wanted.checks.count("drifted"), len(wanted.checks)))
    times = [(item.ended - item.began) * 60 for item in done if item.ended is not None and item.began is not None]
    assert near(found["mean_time_to_deploy"].value, mean(times))
    assert near(found["mean_time_to_recovery"].value, mean(wanted.recoveries))


@settings(max_examples=200, deadline=None)
@given(logs(), st.integers(0, 60), st.integers(0, 60))
def test_windows_side_by_side_hold_what_the_whole_holds(said: list[Said], first: int, more: int) -> None:
    log = log_of(said)
    cuts = (0, first, first + more, 10**5)
    parts = [log.metrics(since=a, until=b) for a, b in pairwise(cuts)]
    whole = log.metrics(since=0, until=10**5)
    assert sum(item.deployments for item in parts) == whole.deployments
    for name in ("change_failure_rate", "mean_time_to_recovery", "mean_time_to_deploy", "configuration_drift_rate"):
        assert sum(item[name].samples for item in parts) == whole[name].samples
    for item in whole.figures:
        assert (item.value is None) == (item.samples == 0) or item.unit == "per_week"
        if item.value is not None and item.unit == "percent":
            assert 0 <= item.value <= 100
        assert item.value is None or item.value >= 0
