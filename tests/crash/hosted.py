"""A target on an emulated GitHub whose whole state lies in a folder, so that the site is put back by copying it.

The emulator runs in the process that plays a turn and is written down after every call that changes something; what it was
asked stays done when that process is killed, as on a real host. Runs are simulated: they are over when the dispatch is answered.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hug_agents.adapters.forge import Pace
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.target import GithubActionsTarget
from hug_agents.store import Store
from tests.crash.live import BAD
from tests.github.contract import Operation
from tests.github.emulator import NAME, OWNER, TOKEN, Emulator
from tests.github.repository import Repository
from tests.github.simulated import Simulated

QUICK = Pace(poll=0.02, settle=0.5, merge=5.0, follow=20.0, limit=2.0, backoff=0.01, timeout=60.0)
_KEPT = ("pulls", "environments", "policies", "_tags")


class Kept(Emulator):
    """An emulator that another process goes on with."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, actions=_spoiled)
        self._file = folder / "state"
        if self._file.exists():
            kept, self.actions.runs = pickle.loads(self._file.read_bytes())
            vars(self).update(kept)

    def _handled(
        self, operation: Operation, query: dict[str, str], body: Any, token: str
    ) -> tuple[int, Any, dict[str, str]]:
        answer = super()._handled(operation, query, body, token)
        if not operation.id.partition("/")[2].startswith(("get", "list", "download")):
            new = self._file.with_suffix(".new")
            new.write_bytes(pickle.dumps(({name: vars(self)[name] for name in _KEPT}, self.actions.runs)))
            new.replace(self._file)
        return answer


def _spoiled(repository: Repository, folder: Path) -> Simulated:
    """Its rollouts to production fail where the files name the bad version."""

    def bad(command: str, place: str, commit: str) -> bool:
        return (command, place) == ("rollout", "production") and BAD in repository.git("grep", "-h", "image", commit)

    return Simulated(repository, folder, bad)


class Hosted(GithubActionsTarget):
    """`between` is called around each call that changes something: a process may be killed there."""

    def __init__(self, root: Path) -> None:
        self.emulator = Kept(root / "github").__enter__()
        place = Place.parse(f"{OWNER}/{NAME}?api={self.emulator.url}")
        super().__init__(place, Store(root / "store"), TOKEN, pace=QUICK)
        self.name = f"github_actions:{OWNER}/{NAME}"  # the port is another one in every process
        self.between: Callable[[], None] = lambda: None
        call = self._client.call

        def watched(method: str, path: str, **more: Any) -> Any:
            if method == "GET":
                return call(method, path, **more)
            self.between()
            answer = call(method, path, **more)
            self.between()
            return answer

        self._client.call = watched  # type: ignore[method-assign]


def happened(target: Hosted) -> list[str]:
    """Every commit on the branch, pull request, run and environment, and what each environment was left with."""
    github = target.emulator
    commits = github.repository.git("log", "--reverse", "--format=%s %(trailers:key=Hug-Order,separator=)", "main")
    pins = github.repository.git(
        "for-each-ref", "--format=%(refname) %(objectname:short)", "refs/hug", "refs/heads/hug"
    )
    numbers = github.repository.git("log", "--reverse", "--format=%h", "main").split()
    return [
        *commits.splitlines(),
        *(f"{pull.title} {pull.branch} {pull.state} {pull.merged}" for pull in github.pulls),
        *(
            f"{run.title.rpartition(' ')[0]} {run.conclusion} {run.inputs.get('images_of', '')}"
            for run in github.actions.runs
        ),
        *(f"{name} {sorted(map(str, item.items()))}" for name, item in sorted(github.environments.items())),
        *(f"{name} at commit {numbers.index(commit)}" for name, commit in map(str.split, pins.splitlines())),
        *(f"violation: {item}" for item in github.violations),
    ]
