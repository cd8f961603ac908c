"""HUG-B4: everything that serves is asked whether it is well, and what was promised is watched."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.slo import alerts
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.pipelines import drills
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Integrate health checks and automated monitoring into pipelines."
_PROBES = ("readinessProbe", "livenessProbe")


def no_probe(facts: Facts) -> Iterator[Hit]:
    """Containers of a web service whose health Kubernetes never asks for."""
    web = {service.name for service in facts.spec.web_services}
    for container in facts.containers:
        if (
            container.kind in ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
            and not container.init
            and container.name in web
        ):
            for probe in _PROBES:
                if not isinstance(container.data.get(probe), dict):
                    yield Hit(f"the container {container.name} has no {probe}", container.file, container.line())


def no_target_check(facts: Facts) -> Iterator[Hit]:
    """Target groups that send requests to tasks that cannot answer."""
    for path, block in facts.resources("aws_lb_target_group", "aws_alb_target_group"):
        check = next(block.of("health_check"), None)
        if check is None or check.text("enabled") == "false" or not check.text("path"):
            yield Hit("this target group has no health check of a path", path, check.line if check else block.line)
    for resource in facts.stack_resources("AWS::ElasticLoadBalancingV2::TargetGroup"):
        if resource.get("HealthCheckPath") is None or resource.text("HealthCheckEnabled") == "false":
            line = resource.at("HealthCheckEnabled")
            yield Hit(f"the target group {resource.name} has no health check of a path", resource.file, line)


def no_image_check(facts: Facts) -> Iterator[Hit]:
    """Dockerfiles of a web service without HEALTHCHECK."""
    ours = {
        f"{'' if build.context in ('.', '') else build.context.strip('/') + '/'}Dockerfile"
        for service in facts.spec.web_services
        if (build := service.build) is not None and build.dockerfile is None
    }
    for path, instructions in facts.dockerfiles.items():
        check = next((rest for _, word, rest in instructions if word == "HEALTHCHECK"), "")
        if path in ours and (not check or check.upper() == "NONE"):
            line = max((line for line, word, _ in instructions if word == "FROM"), default=1)
            yield Hit("the image has no HEALTHCHECK", path, line)


def no_smoke(facts: Facts) -> Iterator[Hit]:
    """Rollouts after which the pipeline does not look whether users are served."""
    if not facts.spec.smoke_tests and not facts.spec.web_services:
        return
    for pipeline in facts.pipelines:
        if drills(pipeline):
            continue  # a drill goes back and forth; the deploy script's own smoke tests judge both ways
        for job in pipeline.jobs.values():
            for call in job.calls:
                if call.verb != "rollout" or not call.environment:
                    continue
                later = [item for item in job.calls if item.line > call.line]
                for other in pipeline.jobs.values():
                    if job in pipeline.before(other):
                        later += other.calls
                if not any(item.verb == "smoke" and item.environment == call.environment for item in later):
                    yield Hit(f"no smoke test follows the rollout of {call.environment}", job.file, call.line)


def unwatched(facts: Facts) -> Iterator[Hit]:
    """Objectives and triggers without the alert that belongs to them."""
    there = {alert.name for alert in facts.alerts}
    file = facts.alerts[0].file if facts.alerts else ""
    for name in sorted({alert.name for alert in alerts(facts.spec)} - there):
        yield Hit(f"the alert {name} is missing", file, 1 if file else 0)


def no_health_path(facts: Facts) -> Iterator[Hit]:
    """Web services of which nobody said where they tell their health."""
    for index, service in enumerate(facts.spec.services):
        if service.kind == "web" and service.health_path is None:
            yield Hit(
                f"{service.name} has no health path: only its port is checked, and a port answers when nothing works",
                *facts.spec_place("services", index, "health_path"),
            )


RULES = (
    Rule(
        "HUG-B4a", "Containers have probes", SOURCE,
        "Without a readiness probe users meet a program that still starts; without a liveness probe, one that hangs.",
        "add readinessProbe and livenessProbe", no_probe,
    ),
    Rule(
        "HUG-B4b", "Load balancers check health", SOURCE,
        "A target group without a check keeps sending requests to a dead task.",
        "add a health_check block with a path", no_target_check,
    ),
    Rule(
        "HUG-B4c", "Images have a health check", SOURCE,
        "It is the one check that travels with the image, whatever runs it.",
        "add HEALTHCHECK to the last stage", no_image_check,
    ),
    Rule(
        "HUG-B4d", "Smoke tests follow each rollout", SOURCE,
        "A rollout can succeed and serve nobody.",
        "call deploy/smoke.sh for the environment after its rollout", no_smoke, owner="devops",
    ),
    Rule(
        "HUG-B4e", "Every objective has its alerts", SOURCE,
        "An objective without an alert is noticed by customers first.",
        "render the alerting rules again from the spec", unwatched, owner="devops",
    ),
    Rule(
        "HUG-B4f", "Web services say how they are", SOURCE,
        "A check that only opens a connection passes while every request fails.",
        "say which path answers for health", no_health_path, severity="warning",
    ),
)  # fmt: skip
