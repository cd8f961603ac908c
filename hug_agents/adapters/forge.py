"""What the targets that deploy through a code host share: how long they wait, how an order is known there, what is shown."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError
from hug_agents.execute.target import Order, Outcome, Work
from hug_agents.output import contents
from hug_agents.reading.redact import redact

ORDER = "Hug-Order"
"""The trailer by which a commit is known; the rendered pipelines know it too."""
BY_HAND = "merge it (as one squashed commit), then resume; one that was closed has to be reopened first; or cancel the release"
"""What helps where a pull or merge request is not merged."""
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,80}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,80})*")
_QUOTED = 40
"""Lines of a log that an outcome keeps."""
_END = 100_000
"""Characters at the end of a log that are looked at: one can have gigabytes."""
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Pace:
    """How long is waited for what, in seconds."""

    poll: float = 5.0
    """Between two looks at the same thing."""
    settle: float = 180.0
    """Until a run that was dispatched must have appeared. A host needs a few seconds; this is what is trusted."""
    merge: float = 3600.0
    """For a pull or merge request that needs people."""
    follow: float = 8 * 3600.0
    """For a run to its end, the reviewers of its environment included."""
    limit: float = 900.0
    """The longest wait for a rate limit; a longer one is an error that says when to come back."""
    attempts: int = 5
    backoff: float = 0.5
    timeout: float = 30.0
    """For one call."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, deadline: float, look: Callable[[], Any]) -> Any:
        """What `look` finds, once it finds something; None after `deadline` seconds. It looks at least once."""
        end = self.clock() + deadline
        while not (found := look()):
            if self.clock() >= end:
                return None
            self.sleep(self.poll)
        return found


def correlation(order: Order) -> str:
    """What an order's run is found by: it stands in its name. 96 bits of the order's key, then the release."""
    return f"{order.key.removeprefix('sha256:')[:24]}-{order.release}"


def of_release(name: str, release: str) -> bool:
    """Whether a run that shows this name was started for an order of the release: see `correlation`."""
    return any(word[:24].isalnum() and word[24:] == f"-{release}" for word in name.split())


def is_branch(name: str) -> bool:
    """Whether git takes it for the name of a branch, and so does everything that it is put into."""
    return bool(_BRANCH.fullmatch(name)) and ".." not in name and not name.endswith((".lock", "."))


def not_alone(order: Order) -> Outcome:
    """The answer to an order for one step of a rollout."""
    detail = f"a pipeline cannot {order.action}: it carries the strategy itself"
    return Outcome(status="failed", detail=detail, untouched=True)


def trailers(work: Work, bundle: Bundle | None) -> str:
    """What was signed, by whom, and for which order: the last lines of a commit's message."""
    rows = (
        ("Hug-Release", work.order.release),
        (ORDER, work.order.key),
        ("Hug-Packet", work.packet),
        ("Hug-Manifest", bundle.digest() if bundle else "none"),
        *(("Signed-off-by", who) for who in work.approved_by),
    )
    return "\n".join(f"{name}: {value}" for name, value in rows if value)


def page(work: Work, bundle: Bundle | None, started: str) -> str:
    """What a pull or merge request says to people; `started` is what the release starts after it."""
    what = f"{len(contents(bundle))} files" if bundle else "takes every file of the bundle away"
    signed = f" Signed by {', '.join(work.approved_by)}." if work.approved_by else ""
    return (
        f"Release `{work.order.release}`, {work.order.action} in `{work.order.environment.name}`: {what}.{signed}\n\n"
        "Squash it if you merge it by hand: the commit's message then says that no push is to deploy it. The release itself "
        f"starts the {started}, for one environment at a time."
    )


def one_line(text: str) -> str:
    """Text from outside as it may be shown: on one line, nothing invisible."""
    return "".join(char if char.isprintable() else " " for char in text).rstrip()


def printed(log: str) -> list[str]:
    """The lines of a log as they may be shown: whoever wrote them, they move no cursor."""
    return [one_line(COLOURS.sub("", line)) for line in log.splitlines() if line.strip()]


def last(log: str, most: int) -> list[str]:
    """The last lines of a log as they may be shown and kept: secrets that our patterns know are taken out."""
    end = log if len(log) <= _END else log[-_END:].partition("\n")[2]
    return redact("\n".join(printed(end))).text.splitlines()[-most:]


def if_known(ask: Callable[[], str]) -> str:
    """What a host says, or why it does not. For what only explains: how a run ended stands without it."""
    try:
        return ask()
    except HttpError as error:
        return f"not known: {error.what}"


def quoted(log: Callable[[], str]) -> list[str]:
    """The last lines of a log as they stand in an outcome, below what they are of; or why it cannot be read."""
    return [f"  {line}"[:500] for line in last(if_known(log), _QUOTED)]
