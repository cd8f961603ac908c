"""Which releases there are, which environment each holds, and what was deployed where."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hug_agents.approve.clock import Clock, Instant, instant
from hug_agents.approve.identity import Digest, PersonId, ReleaseId
from hug_agents.approve.risk import History
from hug_agents.database import Database
from hug_agents.errors import EnvironmentBusy, UsageError
from hug_agents.spec import Line, Model

DeploymentOutcome = Literal["deployed", "failed", "rolled_back"]
Wish = Literal["go_on", "pause", "abort"]
_LOOKED_AT = 10


class Registered(Model):
    """One release, as a list shows it."""

    id: ReleaseId
    begun: Instant
    requester: PersonId
    target: Line
    title: Line
    application: Line = ""
    outcome: Line = ""
    ended: Line = ""


class Running(Model):
    """What was put into an environment last and not taken back."""

    application: Line
    environment: Line
    release: ReleaseId
    bundle: Digest
    plan: Line = Field("", description="digest of the plan that put it there; empty in older stores")
    target: Line = ""


class Register:
    """The releases of a store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, release: ReleaseId, requester: PersonId, target: str, title: str) -> Registered:
        """Note a new release, once. Raises UsageError if there is another of that id."""
        row = Registered(
            id=release,
            begun=self._now(),
            requester=requester,
            target=target,
            title=" ".join(title.split())[:200] or release,
        )
        with self._database.writing() as connection:
            known = connection.execute(
                "SELECT requester, target, title FROM releases WHERE id = ?", (release,)
            ).fetchone()
            if known and known != (row.requester, row.target, row.title):
                raise UsageError(f"there is a release {release} already", hint="open it, or name another")
            connection.execute(
                "INSERT OR IGNORE INTO releases (id, begun, requester, target, title) VALUES (?, ?, ?, ?, ?)",
                (row.id, row.begun, row.requester, row.target, row.title),
            )
        return row

    def find(self, release: str) -> Registered:
        """One release. Raises UsageError, naming those that begin alike."""
        with self._database.reading() as connection:
            row = connection.execute(f"SELECT {_FIELDS} FROM releases WHERE id = ?", (release,)).fetchone()  # noqa: S608 - our own constant
            if row is None:
                near = connection.execute(
                    "SELECT id FROM releases WHERE substr(id, 1, ?) = ? ORDER BY begun DESC LIMIT 3",
                    (len(release[:80]), release[:80]),
                ).fetchall()
                raise UsageError(
                    f"there is no release {release[:80]!r} in this store",
                    hint=f"perhaps {', '.join(item[0] for item in near)}" if near else "hug release list shows all",
                )
        return Registered.model_validate(dict(zip(Registered.model_fields, row, strict=True)))

    def knows(self, release: str) -> bool:
        """Whether there is this release."""
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM releases WHERE id = ?", (release,)).fetchone() is not None

    def list(self, *, open_only: bool = False, limit: int = 50) -> tuple[Registered, ...]:
        """The releases, newest first. `open_only`: that have not ended, or hold an environment again, to be taken back."""
        where = "WHERE outcome = '' OR id IN (SELECT release FROM locks)" if open_only else ""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_FIELDS} FROM releases {where} ORDER BY begun DESC, rowid DESC LIMIT ?",  # noqa: S608 - our own constants
                (limit,),
            ).fetchall()
        return tuple(Registered.model_validate(dict(zip(Registered.model_fields, row, strict=True))) for row in rows)

    def end(self, release: ReleaseId, outcome: str) -> None:
        """Note how a release ended, once, and let go of its environments."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE releases SET outcome = ?, ended = ? WHERE id = ? AND outcome = ''",
                (outcome, self._now(), release),
            )
            connection.execute("DELETE FROM locks WHERE release = ?", (release,))

    def lock(self, release: ReleaseId, application: str, *environments: str, ended_too: bool = False) -> None:
        """Hold these environments for this release alone, all or none. What it is of is noted in any case.

        Raises EnvironmentBusy, naming the holder. `ended_too`: also for one that has ended, which is to be taken back.
        """
        with self._database.writing() as connection:
            ended = connection.execute(
                "SELECT outcome FROM releases WHERE id = ? AND outcome <> ''", (release,)
            ).fetchone()
            if ended and not ended_too:
                raise UsageError(f"the release {release} has ended: {ended[0]}", hint="start another")
            connection.execute(
                "UPDATE releases SET application = ?1 WHERE id = ?2 AND application <> ?1", (application, release)
            )
            marks = ", ".join("?" * len(environments))
            others = f"application = ? AND release <> ? AND environment IN ({marks})"
            held = connection.execute(
                f"SELECT environment, release, taken FROM locks WHERE {others}",  # noqa: S608 - marks only
                (application, release, *environments),
            ).fetchone()
            for environment in () if held else environments:
                row = (application, environment, release, self._now())
                connection.execute("INSERT OR IGNORE INTO locks VALUES (?, ?, ?, ?)", row)
        if held:
            raise EnvironmentBusy(
                f"{held[0]} of {application} is held by the release {held[1]} since {held[2]}",
                hint=f"wait for it, or end it: hug release cancel {held[1]}",
            )

    def unlock(self, release: ReleaseId) -> None:
        """Let go of everything that a release holds."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM locks WHERE release = ?", (release,))

    def holder(self, application: str, environment: str) -> str:
        """The release that holds an environment; empty if none does."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT release FROM locks WHERE application = ? AND environment = ?", (application, environment)
            ).fetchone()
        return row[0] if row else ""

    def holds(self, release: ReleaseId) -> bool:
        """Whether a release holds an environment; one that has ended does while it is being taken back."""
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM locks WHERE release = ?", (release,)).fetchone() is not None

    def deployed(
        self,
        release: ReleaseId,
        application: str,
        environment: str,
        bundle: Digest,
        how: DeploymentOutcome,
        *,
        runs: Running | None,
        let_go: bool = False,
    ) -> None:
        """Note that a deployment ended, and what runs there now (None: nothing); noted again, it is the same one.

        `let_go`: the release has nothing more to do there, and holds nothing from the same moment on.

        After a failure nobody knows what runs: what ran before stays noted.
        """
        row = (application, environment, release, bundle, how)
        with self._database.writing() as connection:
            last = connection.execute(
                "SELECT application, environment, release, bundle, outcome FROM deployments "
                "WHERE application = ? AND environment = ? ORDER BY number DESC LIMIT 1",
                row[:2],
            ).fetchone()
            if last != row:
                connection.execute(
                    "INSERT INTO deployments (application, environment, release, bundle, outcome, ended) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (*row, self._now()),
                )
            if how != "failed":
                place = (application, environment)
                connection.execute("DELETE FROM running WHERE application = ? AND environment = ?", place)
                if runs is not None:
                    there = (*place, runs.release, runs.bundle, runs.plan, runs.target)
                    connection.execute(f"INSERT INTO running ({_RUNNING}) VALUES (?, ?, ?, ?, ?, ?)", there)  # noqa: S608 - our own constant
            if let_go:
                connection.execute("DELETE FROM locks WHERE release = ?", (release,))

    def gone(self, application: str, environment: str) -> None:
        """Note that an environment was removed: nothing runs there."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM running WHERE application = ? AND environment = ?", (application, environment)
            )

    def running(self, application: str, environment: str) -> Digest | None:
        """The bundle that was last deployed there and not taken back; None: none yet."""
        found = self.runs(application, environment)
        return found.bundle if found else None

    def runs(self, application: str, environment: str) -> Running | None:
        """What was put there last and not taken back."""
        return next((item for item in self.everything(application) if item.environment == environment), None)

    def who_put(self, application: str, environment: str, bundle: Digest) -> ReleaseId | None:
        """The release that put this bundle there last."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT release FROM deployments WHERE application = ? AND environment = ? AND bundle = ? "
                "AND outcome = 'deployed' ORDER BY number DESC LIMIT 1",
                (application, environment, bundle),
            ).fetchone()
        return row[0] if row else None

    def everything(self, application: str = "") -> tuple[Running, ...]:
        """What runs where; `application`: only of this one."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_RUNNING} FROM running WHERE ?1 IN ('', application) ORDER BY application, environment",  # noqa: S608 - our own constant
                (application,),
            ).fetchall()
        return tuple(Running.model_validate(dict(zip(Running.model_fields, row, strict=True))) for row in rows)

    def ask(self, release: ReleaseId, wanted: Wish, by: PersonId) -> None:
        """Ask the process that moves a release to pause, to come back, or to go on."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO controls VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (release) DO UPDATE SET wanted = ?2, by = ?3, changed = ?4",
                (release, wanted, by, self._now()),
            )

    def wish(self, release: ReleaseId) -> tuple[Wish, PersonId]:
        """What was asked for last, and by whom."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT wanted, by FROM controls WHERE release = ?", (release,)).fetchone()
        return (row[0], row[1]) if row else ("go_on", "")

    def history(self, application: str, environment: str, *, without: str = "") -> History:
        """How earlier releases went there; `without`: not counting this one."""
        with self._database.reading() as connection:
            where = "FROM deployments WHERE application = ? AND environment = ? AND release <> ?"
            place = (application, environment, without)
            count = connection.execute(f"SELECT count(*) {where}", place).fetchone()[0]
            rows = connection.execute(
                f"SELECT outcome {where} ORDER BY number DESC LIMIT ?",
                (*place, _LOOKED_AT),
            ).fetchall()
        failed = [row[0] != "deployed" for row in rows]
        return History(releases=count, failed=sum(failed), last_failed=bool(failed and failed[0]))

    def _now(self) -> Instant:
        return instant(self._clock())


_RUNNING = ", ".join(Running.model_fields)
_FIELDS = ", ".join(Registered.model_fields)
