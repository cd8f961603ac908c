"""Record the session with the emulator again: `python -m tests.github.record`. Needs act, git and githubkit."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from hug_agents.adapters.forge import Pace
from hug_agents.process import find
from tests.github.cassettes import CASSETTE, recorder
from tests.github.emulator import TOKEN, Emulator
from tests.github.session import session


def main() -> int:
    """Record."""
    CASSETTE.unlink(missing_ok=True)
    when = "2026-11-27T10:00:00Z"
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(Path(folder) / "github", str(find("act")), when=when) as github,
    ):
        with recorder("once").use_cassette(str(CASSETTE)):
            found = session(github.url, Path(folder) / "store", TOKEN, Pace(poll=1.0, settle=20, follow=300))
        if github.violations:
            print("\n".join(github.violations), file=sys.stderr)
            return 1
    print(found.model_dump_json(indent=1))
    print(f"{CASSETTE}: {CASSETTE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
