"""Which releases there are, which environment each holds, and what was deployed where."""

from __future__ import annotations

from typing import Literal

from hug_agents.approve.clock import Clock, Instant, instant
from hug_agents.approve.identity import Digest, PersonId, ReleaseId
from hug_agents.approve.risk import History
from hug_agents.database import Database
from hug_agents.errors import EnvironmentBusy, UsageError
from hug_agents.spec import Line, Model

DeploymentOutcome = Literal["deployed", "failed", "rolled_back"]
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

    def list(self, *, open_only: bool = False, limit: int = 50) -> tuple[Registered, ...]:
        """The releases, newest first."""
        where = "WHERE outcome = ''" if open_only else ""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_FIELDS} FROM releases {where} ORDER BY begun DESC, rowid DESC LIMIT ?",  # noqa: S608 - our own constants
                (limit,),
            ).fetchall()
        return tuple(Registered.model_validate(dict(zip(Registered.model_fields, row, strict=True))) for row in rows)

    def name(self, release: ReleaseId, application: str) -> None:
        """Note what the release is of, once that is known."""
        with self._database.writing() as connection:
            connection.execute("UPDATE releases SET application = ? WHERE id = ?", (application, release))

    def end(self, release: ReleaseId, outcome: str) -> None:
        """Note how a release ended, once, and let go of its environments."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE releases SET outcome = ?, ended = ? WHERE id = ? AND outcome = ''",
                (outcome, self._now(), release),
            )
            connection.execute("DELETE FROM locks WHERE release = ?", (release,))

    def lock(self, release: ReleaseId, application: str, *environments: str) -> None:
        """Hold these environments for this release alone, all or none. Raises EnvironmentBusy, naming the holder."""
        with self._database.writing() as connection:
            ended = connection.execute(
                "SELECT outcome FROM releases WHERE id = ? AND outcome <> ''", (release,)
            ).fetchone()
            if ended:
                raise UsageError(f"the release {release} has ended: {ended[0]}", hint="start another")
            for environment in environments:
                place = (application, environment)
                row = connection.execute(
                    "SELECT release, taken FROM locks WHERE application = ? AND environment = ?", place
                ).fetchone()
                if row and row[0] != release:
                    raise EnvironmentBusy(
                        f"{environment} of {application} is held by the release {row[0]} since {row[1]}",
                        hint=f"wait for it, or end it: hug release cancel {row[0]}",
                    )
                connection.execute("INSERT OR IGNORE INTO locks VALUES (?, ?, ?, ?)", (*place, release, self._now()))

    def holder(self, application: str, environment: str) -> str:
        """The release that holds an environment; empty if none does."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT release FROM locks WHERE application = ? AND environment = ?", (application, environment)
            ).fetchone()
        return row[0] if row else ""

    def deployed(
        self, release: ReleaseId, application: str, environment: str, bundle: Digest, how: DeploymentOutcome
    ) -> None:
        """Note that a deployment ended; noted again, it is the same one."""
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

    def running(self, application: str, environment: str) -> Digest | None:
        """The bundle that was last deployed there and not taken back; None: none yet."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT bundle FROM deployments WHERE application = ? AND environment = ? AND outcome = 'deployed' "
                "ORDER BY number DESC LIMIT 1",
                (application, environment),
            ).fetchone()
        return row[0] if row else None

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


_FIELDS = ", ".join(Registered.model_fields)
