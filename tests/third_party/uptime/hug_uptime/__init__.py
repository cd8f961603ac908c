"""Uptime: a monitor that asks every public address, as a system for hug_agents."""

from hug_agents.systems import Need, System

SYSTEM = System(
    id="uptime",
    name="Uptime",
    family="monitoring",
    level="operated",
    validators=("uptime checks",),
    renderer="hug_uptime.renderer",
    against="a folder",
    needs=(
        Need(
            field="runtime",
            any_of=("kubernetes", "ecs"),
            reason="Uptime asks load balancers, and knows those of Kubernetes and ECS",
            nearest="the runtime kubernetes",
        ),
    ),
)
