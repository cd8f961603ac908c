"""Drive the command line against every fault and write what became of it into docs/models.md. Takes some minutes.

`python -m tests.agents.faulty [FAULT ...]`: with names, the rows are only printed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.agents.faulty.driving import REQUEST, Ran, ask, hug
from tests.agents.faulty.faults import FAULTS, Fault

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
BEGIN, END = "<!-- faults: python -m tests.agents.faulty -->\n", "<!-- /faults -->\n"
_HEAD = """\
| the server | it happens once | requests | tokens | s | it stays | requests | tokens | s |
|---|---|---:|---:|---:|---|---:|---:|---:|
"""


def row(fault: Fault, good: str) -> str:
    """One row, measured. Raises AssertionError where a run is lost, a traceback is shown or a budget is overrun."""
    cells = []
    for times in (1, 10**9):
        with (
            tempfile.TemporaryDirectory() as name,
            fault.server(times, 10.0) as server,
        ):  # a process takes its time to begin
            ran = ask(Path(name), server.url, fault.seconds)
            check(ran, fault, Path(name), good)
            cells += [said(ran), f"{ran.sum('requests'):.0f}", _tokens(ran), f"{ran.sum('seconds'):.1f}"]
    return f"| {fault.what} | {' | '.join(cells)} |\n"


def check(ran: Ran, fault: Fault, folder: Path, good: str) -> None:
    """A run that failed goes on with another model, and ends with the bundle that a good model gives."""
    assert "Traceback" not in ran.err and "Error in" not in ran.err, ran.err
    if ran.end != "recovered":
        assert ran.code == 1, ran
        assert ran.sum("seconds") <= fault.seconds + 1, ran
        ran = hug(folder, "--resume", ran.json["error"]["run"], "--model", "offline")
    assert ran.json["manifest_digest"] == good, ran.err


def said(ran: Ran) -> str:
    """How it ended, as the table has it."""
    return "recovered" if ran.end == "recovered" else f"error: {ran.end}"


def _tokens(ran: Ran) -> str:
    about = "~" if ran.sum("estimated_tokens") else ""
    return f"{about}{ran.sum('input_tokens', 'output_tokens'):,.0f}"


def good_bundle() -> str:
    """The digest of what the offline model gives."""
    with tempfile.TemporaryDirectory() as name:
        return str(hug(Path(name), REQUEST).json["manifest_digest"])


def main(names: list[str]) -> int:
    """Write the table, or print the rows of some faults."""
    good = good_bundle()
    rows = []
    for fault in FAULTS:
        if not names or fault.id in names:
            rows.append(row(fault, good))
            print(rows[-1], end="", flush=True)
    if not names:
        text = PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        PAGE.write_text(before + BEGIN + "\n" + _HEAD + "".join(rows) + "\n" + END + rest.partition(END)[2], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
