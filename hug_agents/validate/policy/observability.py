"""HUG-P4: logs are kept and numbers are watched before anything goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.validate.located import Malformed, documents
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule
from hug_agents.validate.promtool import prometheus_files

SOURCE = "Ignoring deployment logs and metrics until incidents occur."


def logs_not_kept(facts: Facts) -> Iterator[Hit]:
    """Log groups without a time, tasks without logs."""
    for path, block in facts.resources("aws_cloudwatch_log_group"):
        days = block.text("retention_in_days")
        if not days or days == "0":
            yield Hit("nobody said how long these logs are kept", path, block.line)
    for path, block in facts.resources("aws_ecs_task_definition"):
        if "logConfiguration" not in block.text("container_definitions"):
            yield Hit("the containers of this task write no logs", path, block.line)
    for resource in facts.stack_resources("AWS::Logs::LogGroup"):
        if resource.get("RetentionInDays") is None:
            yield Hit(f"nobody said how long the logs of {resource.name} are kept", resource.file, resource.line)
    for resource, container in facts.task_containers():
        if container.get("LogConfiguration") is None:
            name = found.text if (found := container.get("Name")) else ""
            yield Hit(f"the container {name} of {resource.name} writes no logs", resource.file, container.line)


def unheard(facts: Facts) -> Iterator[Hit]:
    """Alarms that nobody hears, alerts without urgency or words."""
    for alarm in facts.alarms:
        if not alarm.routed:
            yield Hit(f"the alarm {alarm.name} tells nobody", alarm.file, alarm.line)
    for alert in facts.alerts:
        if not alert.severity or not alert.summary:
            lacking = "severity" if not alert.severity else "summary"
            yield Hit(f"the alert {alert.name} has no {lacking}", alert.file, alert.line)
    for path in prometheus_files(facts.bundle, "receivers"):
        try:
            found = documents(facts.text(path))
        except Malformed:
            continue
        for document in found:
            route = document.data.get("route")
            if not isinstance(route, dict) or not route.get("receiver"):
                yield Hit("alerts have no receiver", path, document.line("route"))


def unmeasured(facts: Facts) -> Iterator[Hit]:
    """A release with nothing that measures it."""
    if not facts.alerts and not facts.alarms:
        yield Hit(
            "nothing in this bundle would notice that users are not served", *facts.spec_place("toolchain", "monitors")
        )


RULES = (
    Rule(
        "HUG-P4a", "Logs are written and kept", SOURCE,
        "The log of a deployment is needed weeks later, when its effect is found.",
        "give each log group retention_in_days, each task a logConfiguration", logs_not_kept,
    ),
    Rule(
        "HUG-P4b", "Alerts reach someone", SOURCE,
        "An alert without a receiver, a severity or a sentence is not an alert.",
        "route it, say how urgent it is and what it means", unheard, owner="devops",
    ),
    Rule(
        "HUG-P4c", "Something watches", SOURCE,
        "Without metrics, the first to know of an incident are the users.",
        "choose a monitor, or alarms of the platform", unmeasured, owner="devops",
    ),
)  # fmt: skip
