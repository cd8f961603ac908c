"""Views that the templates read: HCL expressions of ours beside values of the spec, never confused."""

from __future__ import annotations

from pydantic import ConfigDict

from hug_agents.render.templating import Safe
from hug_agents.spec import Model


class View(Model):
    """A frozen model that may hold `Safe` text: an HCL expression that we wrote, which prints as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Variable(View):
    """A `variable` block; `type`, `default` and `condition` are HCL expressions, no default means it must be given."""

    name: str
    description: str
    type: Safe = Safe("string")
    default: Safe | None = None
    condition: Safe | None = None
    error: str = ""
