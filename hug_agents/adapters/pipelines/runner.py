"""What a CI system has to be able to do: start a run once, find it, follow it, stop it, show what it printed."""

from __future__ import annotations

from typing import Literal, Protocol

from hug_agents.adapters.pipelines.records import Kind, Record
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError
from hug_agents.execute.target import Abilities
from hug_agents.spec import Line, Model

ABILITIES = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True, removes=False)
Undone = Literal["untouched", "undone", "failed", "cut off"]
"""What a run that did not end well left behind: it changed nothing · it rolled back itself · its own rollback failed · it
was stopped before it could roll back."""


class SeveralRuns(HttpError):
    """More than one run shows one correlation: nobody can tell which is the order's."""


class Run(Model):
    """One run of a pipeline."""

    id: Line
    url: Line
    state: Literal["queued", "running", "waiting", "ended"]
    result: Literal["", "success", "failed", "cancelled"] = ""
    commit: Line = ""
    """What it was run from; empty while the server does not say."""
    said: Line = ""
    """More about its state, in the server's words."""

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.state == "ended"


class Part(Model):
    """A stage or job of a run."""

    name: Line
    state: Line
    failed: bool = False


class Runner(Protocol):
    """One CI system."""

    def lacks(self, bundle: Bundle) -> tuple[str, ...]:
        """What a bundle's pipelines do not have and this target needs; empty if it can use them."""

    def takes_images(self, bundle: Bundle) -> bool:
        """Whether they can be told to deploy the images of an earlier run."""

    def find(self, kind: Kind, name: str, record: Record | None) -> Run | None:
        """The run that shows this correlation. Raises SeveralRuns; HttpError."""

    def start(self, kind: Kind, name: str, environment: str, packet: str, commit: str, images: dict[str, str]) -> Run:
        """Ask for a run, once. Raises HttpError; with a status below 500, nothing was started."""

    def get(self, kind: Kind, run: Run) -> Run:
        """The run as it is now."""

    def parts(self, run: Run) -> tuple[Part, ...]:
        """Its stages or jobs."""

    def cancel(self, run: Run) -> None:
        """Ask for its end."""

    def log(self, run: Run) -> str:
        """What it printed; data, whoever wrote it."""

    def images(self, run: Run) -> dict[str, str]:
        """What a later run has to be given to deploy the same images. Raises HttpError."""

    def undone(self, run: Run, environment: str) -> Undone:
        """What a run that did not end well left behind in its environment."""
