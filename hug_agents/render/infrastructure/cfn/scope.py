"""What every part of an environment's stack is made for."""

from __future__ import annotations

from dataclasses import dataclass

from hug_agents.render.infrastructure.aws.programs import split
from hug_agents.render.infrastructure.aws.trust import trust
from hug_agents.render.naming import stack_name
from hug_agents.spec import DeploymentSpec, Environment

SLOTS = ("blue", "green")
"""Two versions of the whole application; a rolling service runs the live one as `main`."""


@dataclass(frozen=True)
class Scope:
    """One environment of a spec."""

    spec: DeploymentSpec
    environment: Environment

    @property
    def name(self) -> str:
        """The stack's name, and the stem of all names in it."""
        return stack_name(self.spec, self.environment)

    @property
    def production(self) -> bool:
        """People depend on it: larger, protected, in every zone."""
        return self.environment.role == "production"

    @property
    def log_days(self) -> int:
        """How long logs are kept."""
        return 365 if self.production else 90

    @property
    def split(self) -> bool:
        """Two versions share the traffic."""
        return split(self.spec)

    @property
    def pipeline(self) -> bool:
        """A pipeline deploys, and has a role to do it with."""
        return trust(self.spec) is not None

    def tagged(self, suffix: str = "") -> list[dict[str, str]]:
        """The tag that consoles show as the name; the others are the stack's, which CloudFormation hands down."""
        return [{"Key": "Name", "Value": f"{self.name}{suffix}"}]
