"""What a target works with: its folder, what its people said in it, its program, and where its logs go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hug_agents.adapters.images import built_images
from hug_agents.adapters.terraform.commands import Log, Terraform
from hug_agents.adapters.terraform.engine import find_engine
from hug_agents.adapters.terraform.place import read_target_file
from hug_agents.adapters.terraform.workspace import APPROVED, NEW, Folder, Workspace
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Work
from hug_agents.plans import Blueprint
from hug_agents.store import Store


class Site:
    """The folder `base`, for all applications and environments."""

    def __init__(self, base: Path, store: Store) -> None:
        self.base = base
        self.store = store
        self.logs = store.root / "logs" / "terraform"
        self.file = read_target_file(base)
        self.engine = find_engine(self.file.program)

    def folder(self, application: str, environment: str) -> Folder:
        """Where one environment's things lie."""
        return Folder(self.base, application, environment)

    @contextmanager
    def open(self, bundle: Bundle, blueprint: Blueprint, environment: str, log: Path) -> Iterator[Terraform]:
        """Hold an environment's folder, with the bundle laid out in it. Raises EnvironmentBusy, UsageError."""
        folder = self.folder(blueprint.spec.application, environment)
        with folder.alone(self.file.lock_seconds) as held:
            workspace = Workspace(folder, held, bundle, self.file, self.engine)
            try:
                yield Terraform(workspace, Log(log, workspace.masks))
            finally:
                for path in (folder.plans / NEW, folder.plans / APPROVED):
                    path.unlink(missing_ok=True)

    def log(self, work: Work) -> Path:
        """The log of one order."""
        order = work.order
        return self.logs / f"{order.release}-{order.environment.name}-{order.series}-{order.action}-{order.step}.log"

    def images(self, application: str) -> dict[str, str]:
        """Images that a pipeline built: `images.json` in the application's folder, as deploy/deploy.sh is given it."""
        return built_images(self.base / application / "images.json", optional=True)
