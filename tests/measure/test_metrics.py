"""Metrics of logs that are short enough to count by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import hug_agents
from hug_agents.approve.clock import instant
from hug_agents.errors import LedgerBroken, UsageError
from hug_agents.measure.metrics import Goal, begins, quantity
from hug_agents.measure.timeline import Timeline
from tests.approve.office import START
from tests.measure.log import Log

MINUTE = 60


def deployed(log: Log, at: float, took: float = 10, outcome: str = "deployed", **about: Any) -> Log:
    return log(at, "deployment_began", **about)(at + took, "deployment_ended", outcome, **about)


def test_nothing_is_no_data_never_a_number() -> None:
    found = Log().metrics()
    assert [item.value for item in found.figures] == [None] * 10
    assert [item.met for item in found.figures] == [None] * 10
    assert {item.shown for item in found.figures} == {"no data"}
    assert (found.deployments, found.in_progress, found.unrecovered) == (0, 0, 0)


def test_three_of_four() -> None:
    log = Log()
    for number, outcome in enumerate(("deployed", "failed", "deployed", "deployed")):
        deployed(log, number * 1440, 10 + number, outcome, release=f"r{number}")
    found = log.metrics(until=5 * 1440)
    assert found["deployment_success_rate"].value == 75
    assert found["change_failure_rate"].value == 25
    assert found["rollback_rate"].value == 0
    assert found["mean_time_to_deploy"].value == (10 + 12 + 13) / 3 * MINUTE
    assert found["mean_time_to_deploy"].median == 12 * MINUTE
    # The failure of the second day ends with the next success.
    assert found["mean_time_to_recovery"].value == (2 * 1440 + 12 - (1440 + 11)) * MINUTE
    assert round(found["deployment_frequency"].value or 0, 3) == 3 * 7 / 5
    assert (found["deployment_success_rate"].met, found["mean_time_to_deploy"].met) == (False, True)
    assert found["deployment_success_rate"].basis == "3 of 4"


def test_goals_are_strict() -> None:
    assert not Goal(above=98).met(98) and Goal(above=98).met(98.1) and not Goal(below=5).met(5)


class TestRecovery:
    def test_from_the_bad_verdict_to_the_rollback(self) -> None:
        log = Log()(0, "deployment_began")(3, "verdict", "good")(5, "verdict", "bad")(6, "verdict", "bad")
        log(6, "rollback_began")(9, "rollback_ended", "passed")(9, "deployment_ended", "rolled_back")
        found = log.metrics()
        assert found["mean_time_to_recovery"].value == 4 * MINUTE
        assert (found["change_failure_rate"].value, found["rollback_rate"].value) == (100, 100)
        assert (found["deployment_success_rate"].value, found.unrecovered) == (0, 0)

    def test_the_end_is_written_before_the_rollback(self) -> None:
        log = Log()(0, "deployment_began")(5, "deployment_ended", "failed")
        log(6, "rollback_began")(8, "rollback_ended", "passed")
        assert log.value("mean_time_to_recovery") == 3 * MINUTE
        assert log.value("change_failure_rate") == 100

    def test_a_rollback_by_hand_after_promotion(self) -> None:
        log = deployed(Log(), 0)
        log(60, "release_ended", "released")(100, "rollback_began")(102, "rollback_ended", "passed")
        found = log.metrics()
        assert found["deployment_success_rate"].value == 100, "the deployment itself succeeded"
        assert found["change_failure_rate"].value == 100, "the change did not"
        assert found["mean_time_to_recovery"].value == 2 * MINUTE

    def test_a_rollback_that_fails_leaves_it_open(self) -> None:
        log = Log()(0, "deployment_began")(5, "verdict", "bad")(6, "rollback_began")(7, "rollback_ended", "failed")
        log(8, "deployment_ended", "failed")
        found = log.metrics()
        assert (found["mean_time_to_recovery"].value, found.unrecovered) == (None, 1)
        assert "1 not recovered yet" in found["mean_time_to_recovery"].note
        deployed(log, 20, release="r2", bundle="b2")
        assert log.value("mean_time_to_recovery") == 25 * MINUTE

    def test_a_suspicion_that_came_to_nothing(self) -> None:
        log = Log()(0, "deployment_began")(5, "verdict", "bad")(9, "deployment_ended", "deployed")
        found = log.metrics()
        assert (found["mean_time_to_recovery"].value, found["change_failure_rate"].value) == (None, 0)

    def test_a_verdict_without_a_deployment_is_passed_over(self) -> None:
        assert Log()(0, "verdict", "bad").metrics().unrecovered == 0

    def test_another_environments_success_recovers_nothing(self) -> None:
        log = deployed(Log(), 0, 5, "failed")
        deployed(log, 10, release="r2", environment="live-eu")
        assert log.metrics().unrecovered == 1
        assert log.metrics(environment="live-eu").unrecovered == 0

    def test_an_incident_counts_once_and_is_over_when_somebody_says_so(self) -> None:
        log = deployed(deployed(Log(), 0), 60, release="r2", bundle="b2")
        log(100, "incident_noted", release="r2")(101, "incident_noted", release="r2")
        assert log.metrics().unrecovered == 1
        log(130, "incident_resolved", release="r2")(140, "incident_resolved", release="r2")
        found = log.metrics()
        assert (found["change_failure_rate"].value, found["deployment_success_rate"].value) == (50, 100)
        assert (found["mean_time_to_recovery"].value, found["mean_time_to_recovery"].samples) == (30 * MINUTE, 1)
        assert found["mean_time_to_recovery"].met is False, "less than 30 minutes"


class TestOutOfPairs:
    def test_open_ones_are_counted_nowhere(self) -> None:
        log = deployed(Log(), 0)(20, "deployment_began", release="r2")
        found = log.metrics()
        assert (found["deployment_success_rate"].value, found.in_progress) == (100, 1)
        assert "1 in progress" in found["deployment_success_rate"].basis

    def test_an_end_without_a_beginning_counts_and_has_no_duration(self) -> None:
        found = Log()(3, "deployment_ended", "deployed").metrics()
        assert (found["deployment_success_rate"].value, found["mean_time_to_deploy"].value) == (100, None)
        assert Log()(3, "deployment_ended", "failed").value("change_failure_rate") == 100

    def test_said_twice_is_said_once(self) -> None:
        log = Log()(0, "deployment_began")(1, "deployment_began")
        log(5, "deployment_ended", "deployed")(6, "deployment_ended", "deployed")
        found = log.metrics()
        assert (found.deployments, found["mean_time_to_deploy"].value) == (1, 5 * MINUTE)

    def test_the_release_ended_in_the_middle(self) -> None:
        log = Log()(0, "deployment_began")(7, "release_ended", "cancelled")
        found = log.metrics()
        assert (found["deployment_success_rate"].value, found.unrecovered, found.in_progress) == (0, 1, 0)

    def test_said_to_have_failed_later(self) -> None:
        log = deployed(Log(), 0)(20, "deployment_ended", "failed")
        found = log.metrics()
        assert (found["deployment_success_rate"].value, found["change_failure_rate"].value) == (100, 100)
        log = deployed(Log(), 0)(20, "deployment_ended", "rolled_back")
        assert log.value("rollback_rate") == 100

    def test_equal_times_count_as_nothing_long(self) -> None:
        log = deployed(Log(), 0, 0)
        assert log.value("mean_time_to_deploy") == 0 and log.value("mean_time_to_recovery") is None

    def test_unknown_events_and_outcomes_are_passed_over(self) -> None:
        log = deployed(Log(), 0)(5, "moon_phase", "full")(6, "deployment_ended", "exploded", release="r9")
        log(7, "drift_checked", "perhaps")
        assert log.metrics() == deployed(Log(), 0).metrics()

    def test_drills_never_count(self) -> None:
        log = deployed(Log(), 0)(20, "rollback_began", detail="drill-1 rollback step 0")
        log(21, "rollback_ended", "failed", detail="drill-1 x")(22, "drill_ended", "failed", detail="drill-1 evidence")
        assert log.metrics() == deployed(Log(), 0).metrics()

    def test_a_decision_that_cannot_be_read_is_said(self) -> None:
        log = Log().presented(0)
        log._add(1, "decision", "r1", {"envelope": {"payload": "!"}, "nonce": "0"})
        with pytest.raises(LedgerBroken, match="entry 2"):
            log.timeline()


class TestScope:
    def test_staging_is_apart(self) -> None:
        log = deployed(deployed(Log(), 0), 20, 5, "failed", environment="staging")
        deployed(log, 40, 5, "failed", environment="dev")
        assert (log.value("deployment_success_rate"), log.metrics().deployments) == (100, 1)
        assert log.value("deployment_success_rate", environment="staging") == 0

    def test_applications_are_apart(self) -> None:
        log = deployed(deployed(Log(), 0), 20, 5, "failed", application="other", release="r2")
        assert log.value("deployment_success_rate") == 50
        assert log.value("deployment_success_rate", application="other") == 0
        assert log.value("deployment_success_rate", application="none") is None

    def test_a_window_holds_what_ended_in_it(self) -> None:
        log = deployed(deployed(Log(), 0, 10), 5, 20, release="r2", bundle="b2")
        assert log.metrics(since=10, until=11).deployments == 1
        assert log.metrics(since=10.5).deployments == 1
        assert log.metrics(since=25, until=25).deployments == 0, "its end is left out"
        assert log.metrics(since=26).deployments == 0

    def test_a_week_is_not_made_of_an_hour(self) -> None:
        figure = deployed(Log(), 0).figure("deployment_frequency", until=60)
        assert (figure.value, figure.note) == (None, "less than a day of log")
        assert deployed(Log(), 0).value("deployment_frequency", since=0, until=7 * 1440) == 1

    def test_begins(self) -> None:
        now = instant(START)
        assert begins("", now) is None
        assert begins("30d", now) == instant(START - timedelta(days=30))
        assert begins("12h", now) == instant(START - timedelta(hours=12))
        assert begins("2w", now) == instant(START - timedelta(days=14))
        assert begins("2026-11-01", now) == "2026-11-01T00:00:00Z"
        assert begins("2026-11-01T08:00:00Z", now) == "2026-11-01T08:00:00Z"
        for wrong in ("30", "d", "0d", "-3d", "yesterday", "2026-02-30", "99999w", "2026-11-01T08:00"):
            with pytest.raises(UsageError, match="no beginning"):
                begins(wrong, now)


class TestReviews:
    def test_time_and_rework(self) -> None:
        log = Log().presented(0, "p1").presented(0, "p2", environment="production")
        log.decided(10, packet="p1").decided(30, packet="p1").decided(50, "request_changes", "p2")
        log.decided(51, "request_changes", "p2").decided(52, packet="unknown")
        found = log.metrics()
        assert found["time_to_review"].value == (10 + 30 + 50 + 51) / 4 * MINUTE
        assert (found["rework_rate"].value, found["rework_rate"].basis) == (50, "1 of 2")
        assert log.value("rework_rate", environment="staging") == 0

    def test_asked_again_about_the_same_packet_counts_from_the_first_time(self) -> None:
        assert Log().presented(0).presented(5).decided(10).value("time_to_review") == 10 * MINUTE

    def test_the_application_is_known_only_later(self) -> None:
        log = deployed(Log().presented(0).decided(10), 20)
        assert log.value("time_to_review", application="shop") == 10 * MINUTE
        assert log.value("time_to_review", application="other") is None

    def test_request_to_production(self) -> None:
        log = Log()(0, "release_began", environment="", application="")
        assert deployed(log, 100).value("request_to_production") == 110 * MINUTE


def test_drift_is_of_the_looks_that_could_tell() -> None:
    log = Log()
    for number, status in enumerate(("none", "drifted", "unknown", "none", "none")):
        log(number, "drift_checked", status)
    figure = log.figure("configuration_drift_rate")
    assert (figure.value, figure.basis) == (25, "1 of 4; 1 could not tell, not counted")
    assert Log()(0, "drift_checked", "unknown").value("configuration_drift_rate") is None


def test_reading_on_is_reading_at_once() -> None:
    log = deployed(Log(), 0)(20, "rollback_began")(22, "rollback_ended", "passed").presented(30).decided(40)
    deployed(log, 50, release="r2")
    for cut in range(len(log.entries)):
        parts = Timeline().read(log.entries[:cut]).read(log.entries[cut:])
        whole = log.timeline()
        assert (parts.attempts, parts.failures, parts.reviews) == (whole.attempts, whole.failures, whole.reviews)


def test_as_people_read_it() -> None:
    assert [quantity(value, "seconds") for value in (0, 59.4, 60, 90, 3600, 5400, 90_000, 172_800)] == [
        "0 s", "59.4 s", "1 min", "1 min 30 s", "1 h", "1 h 30 min", "1 d 1 h", "2 d",
    ]  # fmt: skip
    assert [quantity(value, "percent") for value in (0, 4.125, 99.95, 100)] == ["0 %", "4.12 %", "99.95 %", "100 %"]
    shown = deployed(Log(), 0, 5, "failed")(9, "deployment_began", release="<b>|x").metrics()
    assert "**not met**" in shown._repr_markdown_() and "no data" in shown._repr_markdown_()
    assert "Deployment success rate: 0 %" in str(shown)
    with pytest.raises(KeyError):
        shown["none"]


def test_a_wrong_folder_has_no_metrics_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no release has written a log here"):
        hug_agents.metrics(tmp_path / "none")
    assert not (tmp_path / "none").exists()
