"""How values are written into a workflow, so that nothing in them is read as an expression."""

from __future__ import annotations

from hug_agents import facts
from hug_agents.render.templating import Safe, yaml_value

RUNNER = "ubuntu-24.04"


def uses(name: str) -> Safe:
    """An action by commit, its version beside it."""
    reference, version = facts.action(name)
    return Safe(f"{reference} # {version}")


def gh(expression: str) -> Safe:
    """An expression of ours, as the value of a key: `${{ expression }}`. Never inside a script."""
    return Safe(f"${{{{ {expression} }}}}")


def literal(text: str) -> Safe:
    """A YAML string of data. Actions evaluates `${{` in every string, so it is written as an expression for itself."""
    return yaml_value(text.replace("${{", "${{ '${{' }}"))
