"""Timing that holds on a noisy machine: whole processes, in pairs, medians."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured ratio beside its target."""

    name: str
    value: float
    target: float
    detail: str

    def __str__(self) -> str:
        mark = "ok" if self.value <= self.target else "ABOVE"
        return f"{self.name:<58} {self.value:6.2f}  (target ≤ {self.target:g}: {mark})  {self.detail}"


def seconds_of(arguments: Sequence[str], cwd: Path) -> float:
    """The wall time of one run of this Python."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - started


def paired(ours: Callable[[], float], theirs: Callable[[], float], rounds: int = 7) -> tuple[float, float, float]:
    """`(median ratio, median of ours, median of theirs)` over interleaved rounds, after one warm-up of each."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return (
        statistics.median(a / b for a, b in pairs),
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
    )


@cache
def commit() -> str:
    """The state of the repository, for what is measured over hours; a `+` where files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=8"]
    return subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True, text=True).stdout.strip()
