"""What a rollback drill may inject."""

from __future__ import annotations

from typing import Literal

FaultKind = Literal["crash", "errors", "latency", "health", "config"]
"""crash: its processes end again and again · errors: it answers with 5xx · latency: it answers late · health: its health
check fails · config: it is started with a setting that it cannot work with."""
