"""The folder of a run: the application's source, three people with keys of their own, the policy, and the store.

What runs for this store ends with this process, however that ends: nothing is left behind, not even by SIGKILL.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from filelock import FileLock, Timeout

from hug_agents.adapters.local import lifetime
from hug_agents.adapters.local.state import World
from hug_agents.approve.keys import KeyRing, SigningKey
from hug_agents.approve.policy import Policy
from hug_agents.approve.policy_file import default_text, load_policy, parse_policy
from hug_agents.demonstration.versions import APPLICATION, Version, lay_out
from hug_agents.errors import UsageError
from hug_agents.plans import Role

_MARKER = "hug-demo.json"
_LOW = re.compile(r"^  low:\n(    .*\n)+", re.MULTILINE)
ENVIRONMENTS: Final = ("staging", "production")
REQUESTER: Final = "kim"


@dataclass(frozen=True)
class Reviewer:
    """Someone of the demonstration who signs. The keys are made for the run."""

    id: str
    name: str
    role: Role


REVIEWERS: Final = (
    Reviewer("ana", "Ana Ruiz", "Operations Engineer"),
    Reviewer("ben", "Ben Okoye", "Security Engineer"),
    Reviewer("cho", "Cho Min-jun", "Site Reliability Engineer"),
)


class Site:
    """Entered, it is made anew; left, nothing of it runs any more. Its files stay."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.source = self.root / APPLICATION
        self.store = self.root / "store"
        self.policy_file = self.root / "governance.yaml"
        self._keys = KeyRing(self.root / "keys")
        self._lock = FileLock(self.root / ".lock", timeout=0)

    def __enter__(self) -> Site:
        """Raises UsageError if the folder holds what is not of a demonstration, or another one runs there."""
        marker = self.root / _MARKER
        if self.root.exists() and not marker.exists() and any(self.root.iterdir()):
            raise UsageError("is there and not of a demonstration", where=str(self.root), hint="--out another folder")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise UsageError("another demonstration runs there", where=str(self.root), hint="--out DIR") from None
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", where=str(self.root)) from error
        try:
            self._clear()
            marker.write_text(json.dumps({"made_by": "hug demo"}) + "\n", encoding="utf-8")
            self.store.mkdir(mode=0o700)
            lifetime.bind(self.store)
            self._appoint()
        except BaseException:  # whatever it was, nobody else may wait for this lock
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._lock.release()

    def stop(self) -> None:
        """End everything that runs for it."""
        for name in ENVIRONMENTS:
            world = World(self.store, APPLICATION, name)
            if world.root.exists():
                lifetime.stop(world)

    @property
    def target(self) -> str:
        """What carries its releases out."""
        return f"local:{self.source}"

    @property
    def policy(self) -> Policy:
        """Who may let what happen."""
        return load_policy(self.policy_file)

    def check_out(self, version: Version) -> None:
        """The source as a version has it."""
        lay_out(version, self.source)

    def key(self, reviewer: str) -> SigningKey:
        """A reviewer's own key."""
        return self._keys.load(reviewer)

    def address(self) -> str | None:
        """Where production answers; None while nothing was put there."""
        wanted = World(self.store, APPLICATION, "production").desired()
        if wanted is None or not wanted.versions or APPLICATION not in wanted.ports:
            return None
        return f"http://127.0.0.1:{wanted.ports[APPLICATION][0]}"

    def write(self, name: str, text: str) -> Path:
        """A file of the run."""
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        return path

    def _clear(self) -> None:
        """What an earlier run left."""
        self.stop()
        for path in self.root.iterdir():
            if path.name == ".lock":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _appoint(self) -> None:
        """A key for each reviewer, and the policy with their public lines."""
        lines = []
        for item in REVIEWERS:
            key = self._keys.new(item.id)
            lines += [
                f"  - id: {item.id}",
                f"    name: {item.name}",
                f"    roles: [{item.role}]",
                "    keys:",
                f"      - {key.public.line}",
            ]
        text = default_text().replace("people: []", "people:\n" + "\n".join(lines), 1)
        # Security looks at every change here, also where little is at risk.
        text = _LOW.sub("", text, count=1)
        parse_policy(text.encode(), name=str(self.policy_file))
        self.policy_file.write_text(text, encoding="utf-8")
