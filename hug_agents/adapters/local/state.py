"""What passes between `hug` and a supervisor: what is wanted, and what is seen. Two files, each replaced as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from hug_agents.approve.identity import Digest
from hug_agents.canonical import sha256
from hug_agents.errors import StoreError
from hug_agents.execute.faults import FaultKind
from hug_agents.spec import EnvVar, HttpPath, Line, Model, Name, Port, SecretRef, Text
from hug_agents.store import replace

Engine = Literal["process", "podman", "docker"]
PORT_MARK = "{{hug-port}}"
"""Stands in a command where the replica's own port goes."""
AnyModel = TypeVar("AnyModel", bound=BaseModel)


class Program(Model):
    """One service of one version, ready to be started."""

    service: Name
    kind: Literal["web", "worker"]
    argv: tuple[Text, ...]
    folder: Line = Field(".", description="where it is started, relative to the source")
    env: tuple[EnvVar, ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    replicas: int
    health_path: HttpPath | None = Field(None, description="None: healthy when its port answers")
    own_health_port: bool = Field(False, description="health is asked on a port of its own: HEALTH_PORT")
    memory_mib: int
    cpu_millicores: int
    image: Line = Field("", description="containers: what is run")
    port: Port | None = Field(None, description="containers: where it listens inside")
    health_port: Port | None = None


class Version(Model):
    """Everything that one bundle runs."""

    bundle: Digest
    label: Line = Field(description="the application's version, for people")
    source: Digest = Field(description="of the snapshot")
    programs: tuple[Program, ...]


class Share(Model):
    """How much of the traffic one version gets."""

    bundle: Digest
    percent: Annotated[int, Field(ge=0, le=100)]


class Rolling(Model):
    """Replicas are replaced in batches, within these bounds."""

    surge_percent: int
    unavailable_percent: int


class Fault(Model):
    """What spoils one version in a drill."""

    kind: FaultKind
    bundle: Digest
    late_ms: int = Field(1_000, description="latency: so much later than it would")


class Desired(Model):
    """What is wanted. A new generation is a new order to converge, also when nothing else changed."""

    schema_version: Literal[1] = 1
    generation: int = 0
    application: Name
    environment: Name
    engine: Engine = "process"
    versions: tuple[Version, ...] = ()
    shares: tuple[Share, ...] = ()
    rolling: Rolling | None = Field(None, description="None: a version is complete before traffic moves to it")
    promoted: Digest | None = None
    fault: Fault | None = None
    ports: dict[Name, tuple[Port, Port]] = Field(
        default_factory=dict, description="a web service's own port, and that of its newest version; kept for good"
    )
    admin_port: Port = Field(description="the router's figures and its own state")
    ready_seconds: int = 60
    drain_seconds: int = 15
    grace_seconds: int = 10

    def version(self, bundle: Digest) -> Version | None:
        """One version; None if it is not wanted."""
        return next((item for item in self.versions if item.bundle == bundle), None)

    def percent(self, bundle: Digest) -> int:
        """The share of a version."""
        return next((item.percent for item in self.shares if item.bundle == bundle), 0)

    @property
    def newest(self) -> Digest | None:
        """The version that came last."""
        return self.versions[-1].bundle if self.versions else None

    @property
    def leader(self) -> Digest | None:
        """The version whose workers run: the one with all the traffic, else the older one."""
        shares = {item.bundle: item.percent for item in self.shares if item.percent}
        if not shares:
            return None
        return next((bundle for bundle, percent in shares.items() if percent == 100), self.versions[0].bundle)

    @property
    def serving(self) -> tuple[Digest, ...]:
        """The versions that are to take traffic, the largest share first."""
        ranked = sorted(self.shares, key=lambda item: -item.percent)
        return tuple(item.bundle for item in ranked if item.percent)


class Seen(Model):
    """One replica."""

    service: Name
    bundle: Digest
    number: int
    state: Literal["starting", "healthy", "unhealthy", "waiting", "draining"] = Field(
        description="waiting: it ended, and is started again in a moment"
    )
    serving: bool = Field(description="the router sends it traffic")
    pid: int | None = None
    began: float | None = Field(None, description="when its process began, as the system says")
    port: Port | None = None
    restarts: int = 0
    detail: Line = ""


class Observed(Model):
    """What a supervisor saw last."""

    schema_version: Literal[1] = 1
    generation: int = 0
    state: Literal["converging", "converged", "failed", "stopped"] = "converging"
    reason: Text = ""
    supervisor: int = Field(0, description="its process id")
    began: float = 0.0
    router: int | None = None
    router_began: float | None = None
    routes: Digest | None = Field(None, description="of the router's file as it was written")
    weights: dict[Name, dict[Digest, int]] = Field(
        default_factory=dict, description="a web service's traffic by version, as the router has loaded it"
    )
    replicas: tuple[Seen, ...] = ()


class BrokenOff(Model):
    """Answers of one version of one service that ended in the middle."""

    requests: int
    latency: tuple[tuple[float, int], ...] = Field(
        description="rising bounds in seconds, each with how many were no longer"
    )


class Broken(Model):
    """What broke off since the router's start, by its names."""

    schema_version: Literal[1] = 1
    versions: dict[str, BrokenOff] = Field(default_factory=dict)


class World:
    """The folder of one application in one environment."""

    def __init__(self, root: Path, application: str, environment: str) -> None:
        self.application = application
        self.environment = environment
        self.root = (root / "local" / f"{application}.{environment}").absolute()
        self.mark = self.id

    @classmethod
    def at(cls, folder: Path) -> World:
        """The world of a folder, as a supervisor is told it."""
        application, _, environment = folder.name.partition(".")
        return cls(folder.parent.parent, application, environment)

    @property
    def id(self) -> str:
        """What marks every process of it; one supervisor and its processes have a `mark` that begins with it."""
        return sha256(str(self.root.resolve()).encode()).removeprefix("sha256:")[:16]

    @property
    def store(self) -> Path:
        """The store that it lies in."""
        return self.root.parent.parent

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def routes(self) -> Path:
        """The router's file that changes while it runs."""
        return self.root / "router" / "routes" / "routes.yml"

    @property
    def lock(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.root / "supervisor.lock"

    def source(self, version: Version) -> Path:
        """Where a version's files lie."""
        return self.root / "sources" / version.source.removeprefix("sha256:")[:20]

    def prepare(self) -> None:
        """Make the folders. Raises StoreError."""
        try:
            inner = (self.logs, self.routes.parent.parent, self.routes.parent, self.root / "sources")
            for folder in (self.root.parent, self.root, *inner):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=str(self.root)) from error

    def desired(self) -> Desired | None:
        """What is wanted; None: nothing was ever. Raises StoreError if the file cannot be read."""
        return self._read("desired.json", Desired)

    def observed(self) -> Observed | None:
        """What was seen last."""
        return self._read("observed.json", Observed)

    def held(self) -> Desired | None:
        """What was wanted when all was as wanted for the last time: where a supervisor returns to after a failure."""
        return self._read("held.json", Desired)

    def broken(self) -> dict[str, BrokenOff]:
        """The answers that broke off, which the router's figures lack."""
        seen = self._read("broken.json", Broken)
        return seen.versions if seen else {}

    def broke(self, versions: dict[str, BrokenOff]) -> None:
        """Replace them."""
        self._write("broken.json", Broken(versions=versions))

    def hold(self, desired: Desired) -> None:
        """Replace what is held."""
        self._write("held.json", desired)

    def want(self, desired: Desired) -> None:
        """Replace what is wanted."""
        self._write("desired.json", desired)

    def saw(self, observed: Observed) -> None:
        """Replace what is seen."""
        self._write("observed.json", observed)

    def _read(self, name: str, kind: type[AnyModel]) -> AnyModel | None:
        path = self.root / name
        try:
            return kind.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise StoreError(f"cannot be read: {type(error).__name__}", where=str(path)) from error

    def _write(self, name: str, model: BaseModel) -> None:
        replace(self.root / name, model.model_dump_json(indent=1).encode())


def short(bundle: Digest) -> str:
    """A bundle in a name: twelve digits."""
    return bundle.removeprefix("sha256:")[:12]
