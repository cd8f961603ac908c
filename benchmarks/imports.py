"""What an import costs, and what a whole `hug generate` costs beside the import of the graph library alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, paired, seconds_of

REQUEST = (
    "Put payments-api on ECS in eu-west-1 from ghcr.io/acme/payments-api:1.4.2, port 8080, health on /healthz, "
    "canary 10 then 50 then 100 percent, 99.9 % availability"
)


def figures() -> Iterator[Figure]:
    """Import of the package against bare pydantic; one generation without external tools against langgraph's import."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratio, ours, theirs = paired(
            lambda: seconds_of(["-c", "import hug_agents"], folder),
            lambda: seconds_of(["-c", "import pydantic"], folder),
        )
        yield Figure(
            "import hug_agents / import pydantic", ratio, 1.5, f"{ours * 1000:.0f} ms / {theirs * 1000:.0f} ms"
        )
        runs = iter(range(1_000))

        def generate() -> float:
            out = folder / f"out-{next(runs)}"
            main = "from hug_agents.cli import main; main()"
            words = [
                "generate",
                REQUEST,
                "--gate",
                "none",
                "--out",
                str(out),
                "--store",
                str(folder / "store"),
                "--json",
            ]
            return seconds_of(["-c", main, *words], folder)

        ratio, ours, theirs = paired(generate, lambda: seconds_of(["-c", "import langgraph.graph"], folder))
        yield Figure(
            "hug generate, no external tools / import langgraph.graph", ratio, 2.0, f"{ours:.2f} s / {theirs:.2f} s"
        )
