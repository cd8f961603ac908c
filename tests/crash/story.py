"""The story that is interrupted: whole releases, told in turns, so that any process can take the next one.

A turn is what a person or a timer does: begin, sign, settle, resume, take back. Who takes it looks at where the release
stands and at nothing else; it may have been a process that is dead now.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from hug_agents.approve.audit import verify
from hug_agents.approve.packet import Packet
from hug_agents.errors import UsageError
from hug_agents.execute.events import events
from hug_agents.release import Release
from hug_agents.store import Store
from hug_agents.workflow import run as graph
from tests.approve.office import KEYS, START, policy
from tests.crash.live import RATE
from tests.governed import SIGNERS

REQUEST = (
    "Deploy hello from ghcr.io/acme/hello:{version}@sha256:" + "3f" * 32 + " on port 8080 to the Kubernetes cluster "
    "main, canary with 10 % for 20 seconds, then 50 % for 20 seconds, health check on /healthz"
)
APPLICATION = "hello"


def exchange(site: Path, kept: Path | None) -> None:
    """Put a site back as it was kept; None: there is none."""
    shutil.rmtree(site, ignore_errors=True)
    if kept is not None:
        shutil.copytree(kept, site, symlinks=True)


@dataclass(frozen=True)
class World:
    """One target to tell the story with."""

    name: str
    make: Callable[[Path, Callable[[], float]], Any]
    effects: Callable[[Any], list[str]]
    """Every effect that the world shows, named alike in every run; one that happened twice is in it twice."""
    chapters: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda _: None
    request: str = REQUEST
    put: Callable[[Path, Path | None], None] = exchange
    """Put the site back, and what runs there."""
    end: Callable[[Path], None] = lambda _: None
    """Nothing of it runs any more."""
    used: Callable[[Any, float], None] = lambda _, __: None
    """What happens there while somebody waits so many seconds."""


@dataclass(frozen=True)
class Chapter:
    """One release from its beginning until it has ended and, where the story says so, was taken back."""

    name: str
    version: str
    outcome: str
    after: str = ""
    """The chapter before it."""
    taken_back: bool = False
    pause_at: str = ""
    quiet: bool = False
    """Nobody uses the application until a person is asked."""
    abort_at: str = ""
    since: str = ""
    """The turn from which on it differs from the chapters before it, and is interrupted; what is before is told there."""


_ROLLED_OUT = "resume checkpoint production_go_no_go"
CHAPTERS = {
    item.name: item
    for item in (
        Chapter("first", "1.2.0", "released"),
        Chapter("bad", "1.4.0", "rolled_back", after="first"),
        Chapter("taken back", "1.3.0", "released", after="first", taken_back=True, since=_ROLLED_OUT),
        Chapter(
            "asked",
            "1.3.0",
            "released",
            after="first",
            quiet=True,
            pause_at="production: shift 50 %",
            since=_ROLLED_OUT,
        ),
        Chapter("aborted", "1.3.0", "rolled_back", after="first", abort_at="production: shift 10 %", since=_ROLLED_OUT),
    )
}


@dataclass
class Stage:
    """The site as one process sees it. Its clock stands in a file, and moves when somebody waits."""

    root: Path
    world: World
    chapter: Chapter
    target: Any = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        if not (self.root / "governance.yaml").exists():
            (self.root / "governance.yaml").write_text(yaml.safe_dump(policy().model_dump(mode="json", by_alias=True)))
            (self.root / "clock").write_text("0")
            self.world.prepare(self.root)
        self._now = float((self.root / "clock").read_text())
        self.target = self.world.make(self.root, lambda: self._now)

    @property
    def release(self) -> str:
        return self.chapter.name.replace(" ", "-")

    @property
    def common(self) -> dict[str, Any]:
        return {
            "store": self.root / "store",
            "policy": self.root / "governance.yaml",
            "targets": lambda _: self.target,
            "clock": self._clock,
            "sleep": self._sleep,
            "progress": self._heard,
        }

    def _clock(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def _sleep(self, seconds: float) -> None:
        self.world.used(self.target, seconds)
        self._now += seconds
        new = self.root / "clock.new"
        new.write_text(repr(self._now))
        new.rename(self.root / "clock")

    def _heard(self, stage: str, what: Any) -> None:
        """Somebody watches the rollout, and stops it at one moment. What goes wrong is told where a person can read it."""
        if stage == "trouble" or (stage == "smoke" and what[2].outcome == "failed"):
            print(stage, what, flush=True)
        at = f"{what[0]}: {what[1].action} {what[1].weight} %" if stage == "smoke" else ""
        if at and at in (self.chapter.pause_at, self.chapter.abort_at):
            opened = Release.open(self.release, **{**self.common, "progress": None})
            if not opened._executor.register.wish(self.release)[1]:
                opened._wish("pause" if at == self.chapter.pause_at else "abort", "cho")

    def turn(self) -> str:
        """Take the next turn; its name, or nothing when the chapter is over."""
        if self.chapter.quiet and not [line for line in self.target.lines() if "rate" in line]:
            self.target.write(rate=0)
        try:
            release = Release.open(self.release, **self.common)
        except UsageError:
            text = self.world.request.format(version=self.chapter.version)
            Release.start(text, requester="kim", target=self.target.name, release=self.release, **self.common)
            return "begin"
        status = release.status()
        if status.stage == "ended":
            there = release._executor.register.runs(APPLICATION, "production")
            if self.chapter.taken_back and there and there.release == release.id:
                release.rollback(reviewer="cho", key=KEYS["cho"], reason="customers complain")
                return "take back"
            return ""
        if status.stage == "checkpoint" and status.checkpoint:
            asked = {who for item in status.waits_for for who in item.who}
            if any(item.kind == "drill" for item in status.waits_for):  # a first version that nothing can be drilled of
                release.override(reviewer="cho", key=KEYS["cho"], reason="it is the first one")
                return f"cho opens {status.checkpoint}"
            # Where something is destroyed, the policy asks for one signature more.
            for who in dict.fromkeys((*SIGNERS[status.checkpoint], *sorted(asked))):
                if who in asked:
                    release.decide("approve", reviewer=who, key=KEYS[who], comment="read it")
                    return f"{who} signs {status.checkpoint}"
        if status.stage == "attention" and status.matter and status.matter.kind != "paused":
            try:
                release.matter()
            except UsageError:  # it was answered
                pass
            else:
                choice = self._choice(status.matter.kind, status.matter.subject)
                release.settle(choice, reviewer="cho", key=KEYS["cho"], reason="as I see it")
                return f"settle {status.matter.kind}"
        release.resume()
        return f"resume {status.stage} {status.checkpoint or ''}".strip()

    def _choice(self, kind: str, subject: str) -> Any:
        if kind == "in_doubt":
            return "done" if len(self.target.halves(subject)) == 2 else "not_done"
        if kind == "inconclusive":
            self.target.write(rate=RATE)
            return "hold"
        return {"rollback_failed": "retry"}[kind]

    def picture(self) -> dict[str, Any]:
        """Everything that the rest of the story depends on, without times, nonces and what is made of them."""
        store = self.root / "store"
        if not (store / "releases.sqlite").exists():
            return {"effects": self.world.effects(self.target)}
        release = Release.open(self.release, **self.common)
        executor = release._executor
        verify(executor.desk.ledger)
        entries = [entry for entry in executor.desk.ledger.stream() if entry.kind != "policy"]
        told = {item.seq: _told(item) for item in events(entries)}
        state = graph.look(release._crew, release.id)
        with closing(sqlite3.connect(store / "releases.sqlite")) as connection:
            tables = {
                name: sorted(map(str, connection.execute(f"SELECT {columns} FROM {name.partition('_')[0]}")))
                for name, columns in _TABLES.items()
            }
        if getattr(self.target, "mute", False):  # a person is asked what became of an effect, as it must be
            entries = [
                item for item in entries if item.kind != "resolution" and "in_doubt" not in told.get(item.seq, "")
            ]
            tables["marks"] = [row for row in tables["marks"] if "in_doubt" not in row]
        return {
            "effects": self.world.effects(self.target),
            "ledger": [
                _plain(f"{entry.release} {told.get(entry.seq) or _said(entry, executor.store)}") for entry in entries
            ],
            **{name: [_plain(row) for row in rows] for name, rows in tables.items()},
            "graph": [
                # Of a release that has ended nobody asks where its graph stands.
                "ended" if executor.register.find(self.release).outcome else state.status,
                state.pending.get("type", ""),
                _plain(str({name: value for name, value in sorted(state.state.items()) if name not in _LOOSE})),
                state.state.get("bundle", ""),
            ],
        }

    def faults(self) -> list[str]:
        """What must not be there once nothing is under way."""
        picture = self.picture()
        begun = ("'intended'", "'started'")  # one that failed has come to its end
        found = [
            f"left as it was begun: {row}" for row in picture["effects_noted"] if any(item in row for item in begun)
        ]
        twice = sorted({item for item in picture["effects"] if picture["effects"].count(item) > 1})
        found += [f"done twice: {item}" for item in twice]
        if picture["graph"][0] == "ended":
            found += [f"held by nobody: {row}" for row in picture["locks"]]
        return found


_TABLES = {
    "releases": "id, application, outcome",
    "locks": "environment, release",
    "deployments": "environment, release, bundle, outcome",
    "running": "environment, release, bundle, target",
    "controls": "release, wanted, by",
    "marks": "subject, name",
    "effects_noted": "json_extract(work, '$.environment.name'), release, json_extract(work, '$.series'), "
    "json_extract(work, '$.action'), json_extract(work, '$.step'), json_extract(work, '$.weight'), state",
}
_LOOSE = ("usage", "answers", "matter")
"""Channels that hold nothing but documents that differ each time."""


def _told(event: Any) -> str:
    # What was counted differs from run to run where the traffic is real; what was made of it does not.
    detail = event.detail.partition(":")[0] if event.name == "verdict" else event.detail
    return f"{event.name} {event.environment} {event.outcome} {detail}"


def _said(entry: Any, store: Store) -> str:
    if entry.kind == "presented":
        packet = store.get_model(Packet, entry.value["packet"])
        evidence = [(item.name, item.outcome.partition(" ")[0]) for item in packet.evidence]
        return f"presented {packet.checkpoint} {packet.environment.name} {evidence} {packet.risk.tier}"
    document = entry.envelope.document
    what = getattr(document, "verdict", "") or getattr(document, "choice", "")
    return f"{entry.kind} {document.reviewer} {what} {document.subject_name}"


def _plain(text: str) -> str:
    """Without digests, times and seconds: they hang on moments that no two runs share."""
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256", text)
    text = re.sub(r"\b[0-9a-f]{40}\b", "commit", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "an address", text)
    text = re.sub(r"seen after a restart: [^'\"]*", "", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "then", text)
    return re.sub(r"\d+(\.\d+)? (m?s)\b", r"some \2", text)


def as_text(picture: dict[str, Any]) -> str:
    """For comparing and for keeping."""
    return json.dumps(picture, sort_keys=True)
