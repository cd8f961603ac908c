"""An intent in Rego against a plan, by OPA where it is installed, else by regopy. IaC-Eval's rule: no value may be false."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hug_agents.errors import ProcessError
from hug_agents.evaluate.stage import Stage, passed, skipped
from hug_agents.process import find, run

INSTALL = "opa (openpolicyagent.org) or pip install regopy"


def intent(plan: dict[str, Any], modules: tuple[str, ...], folder: Path) -> Stage:
    """Whether a plan is what the task meant."""
    if not modules:
        return skipped("intent", "the task has none")
    try:
        answer = _opa(plan, modules, folder) if find("opa") else _regopy(plan, modules)
    except ImportError:
        return skipped("intent", f"neither opa nor regopy is installed: {INSTALL}")
    except (ProcessError, ValueError) as error:
        return skipped("intent", f"the policy could not be evaluated: {error}")
    false = [path for path, value in _leaves(answer) if value is False]
    nothing = [] if any(True for _ in _leaves(answer)) else ["the policy says nothing of this plan"]
    return passed("intent", [f"{path} is false" for path in false] or nothing)


def _opa(plan: dict[str, Any], modules: tuple[str, ...], folder: Path) -> Any:
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    argv = ["opa", "eval", "--format=json", "--input=plan.json"]
    argv.append("--v1-compatible" if any("import rego.v1" in item for item in modules) else "--v0-compatible")
    for number, module in enumerate(modules):
        (folder / f"intent{number}.rego").write_text(module, encoding="utf-8")
        argv.append(f"--data=intent{number}.rego")
    done = run([*argv, "data"], cwd=folder, timeout=60)
    if done.code:
        raise ValueError(done.output[:300])
    return json.loads(done.stdout)["result"][0]["expressions"][0]["value"]


def _regopy(plan: dict[str, Any], modules: tuple[str, ...]) -> Any:
    """Raises ImportError without it, ValueError for a policy that it cannot read."""
    library = importlib.import_module("regopy")
    try:
        interpreter = library.Interpreter()
        interpreter.log_level = library.LogLevel.NONE  # it would print to standard output, past Python
        for number, module in enumerate(modules):
            interpreter.add_module(f"intent{number}", module)
        interpreter.set_input(plan)
        return json.loads(str(interpreter.query("data")))["expressions"][0]
    except Exception as error:  # a binding of its own: what it raises is not documented
        raise ValueError(str(error)[:300]) from error


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value
