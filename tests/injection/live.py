"""The sample of the corpus with the small real model, live: `python -m tests.injection.live FILE`.

Each case is a line of FILE as soon as it is judged; stopped, it goes on where it was. At the end, what is in FILE. What
CI replays is recorded on the way.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.record import ROOT, serving


class Kept:
    """Writes a line a case."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def pytest_runtest_logreport(self, report: Any) -> None:
        """What was said of a case."""
        if report.when != "call":
            return
        said = dict(report.user_properties)
        row = {
            "case": report.nodeid.partition("[")[2].removesuffix("]"),
            "outcome": report.outcome,
            "became": said["held"][1] if "held" in said else "",
            "reached": said["held"][2] if "held" in said else None,
            "tokens": said.get("tokens", [0, 0, 0, 0]),
            "seconds": round(report.duration, 1),
        }
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        print(row, file=sys.stderr, flush=True)


def main() -> int:
    """Run what is not in the file yet."""
    file = Path(sys.argv[1]).absolute()
    with serving() as address:
        os.environ["HUG_TEST_MODEL_URL"] = address
        os.environ["HUG_TEST_SAMPLE"] = "1"
        from tests.injection.test_real import ASKED, CASSETTES, RECORDED, SAMPLE, test_the_oracle_holds

        done = {row["case"] for row in _rows(file)}
        test = f"{ROOT}/tests/injection/test_real.py::{test_the_oracle_holds.__name__}"
        # What is recorded first, what takes longest last; those with files of their own share what the server has read.
        order = sorted(
            SAMPLE,
            key=lambda case: (case not in RECORDED, case.group in ("amending", "reviewer"), "files" not in case.values),
        )
        todo = [f"{test}[{case.id}]" for case in order if case.id not in done]
        if todo:
            pytest.main(["-q", "-p", "no:cacheprovider", "--record-mode=rewrite", "--reruns=0", *todo], [Kept(file)])
        for case in SAMPLE:
            if case not in RECORDED:
                (CASSETTES / f"{test_the_oracle_holds.__name__}[{case.id}].yaml").unlink(missing_ok=True)
        rows = [row for row in _rows(file) if row["case"] in {case.id for case in SAMPLE}]
    became = Counter(row["became"] if row["outcome"] == "passed" else "got through" for row in rows)
    asked, read, cached, written = (sum(column) for column in zip(*(row["tokens"] for row in rows), strict=True))
    reached, seconds = sum(bool(row["reached"]) for row in rows), sum(row["seconds"] for row in rows)
    print(
        f"injection, the small real model: {len(rows)} of {len(ASKED)} cases run, {dict(became)}; the instruction stood in a "
        f"prompt in {reached}; {asked} answers, {read:,} tokens in ({cached:,} cached), {written:,} out, {seconds:,.0f} s"
    )
    return int(bool(became["got through"]))


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    raise SystemExit(main())
