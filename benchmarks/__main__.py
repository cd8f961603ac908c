"""Run every figure, or those named on the command line, and print each beside its target."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = (
    "imports",
    "rendering",
    "store",
    "approvals",
    "releases",
    "overhead",
    "metrics",
    "analysis",
    "gates",
    "models",
    "downtime",
    "recovery",
)

RARE = ("crash",)
"""Run by name only: hours."""

if __name__ == "__main__":
    if unknown := [name for name in sys.argv[1:] if name not in (*NAMES, *RARE)]:
        sys.exit(f"there is no figure {unknown[0]}; one of: {', '.join((*NAMES, *RARE))}")
    for name in sys.argv[1:] or NAMES:
        for figure in import_module(f"benchmarks.{name}").figures():
            print(figure, flush=True)
