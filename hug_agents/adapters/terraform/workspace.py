"""One environment's folder: its files written anew from the bundle, one process at a time in it, Terraform made ready.

DIR/target.toml                      see place.py
DIR/APPLICATION/ENVIRONMENT/         mode 0700: what lies here may hold secrets in clear, as a state does
    bundle                           the digest of the bundle whose root was used last
    work/                            the bundle, written anew before each use; nothing in it lasts
    data/                            TF_DATA_DIR: providers and modules
    plans/                           saved plans, named by their SHA-256
    runs/                            what an apply says while it runs; gone once it was seen to end
    providers.lock.hcl               of a root that brings none
    left.json, key                   what the last apply left; see left.py
    errored.tfstate                  a state that an apply could not write to its backend; written before anything else
    terraform.tfstate                only with `state = "local"`, or where a root names no backend
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hug_agents.adapters.terraform.engine import Engine, source_environment
from hug_agents.adapters.terraform.left import Left, different, keyed, read_left, write_left
from hug_agents.adapters.terraform.masks import Masks, secrets_among
from hug_agents.adapters.terraform.place import FILE, TargetFile
from hug_agents.bundle import Bundle
from hug_agents.canonical import sha256
from hug_agents.errors import EnvironmentBusy, UsageError
from hug_agents.render.naming import TERRAFORM
from hug_agents.settings import Settings
from hug_agents.validate.gate import lay_out
from hug_agents.validate.hcl import parse
from hug_agents.validate.located import Malformed
from hug_agents.validate.terraform_files import blocks, terraform_files

NEW = "new.tfplan"
"""A plan file that was just made; it is kept under its SHA-256, or goes."""
APPROVED = "approved.tfplan"
"""The copy of an approved one that is applied."""
LOCK_FILE = ".terraform.lock.hcl"
ERRORED = "errored.tfstate"
"""Where Terraform leaves a state, beside the root, that it cannot write to its backend: nothing else knows of what was made."""
_OVERRIDE = "zz_state_override.tf.json"
_MOVED = "hug_moved_back.tf.json"


@dataclass(frozen=True)
class Folder:
    """The paths of one environment."""

    base: Path
    application: str
    environment: str

    @property
    def path(self) -> Path:
        """All of it."""
        return self.base / self.application / self.environment

    @property
    def plans(self) -> Path:
        """Saved plans."""
        return self.path / "plans"

    @property
    def runs(self) -> Path:
        """What runs say."""
        return self.path / "runs"

    @property
    def state(self) -> Path:
        """A local state."""
        return self.path / "terraform.tfstate"

    @property
    def errored(self) -> Path:
        """A state that its backend has not got yet."""
        return self.path / ERRORED

    def last_bundle(self) -> str | None:
        """The digest of the bundle whose root was used last."""
        try:
            return (self.path / "bundle").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def make(self) -> None:
        """All folders, for our eyes only. Raises UsageError."""
        try:
            self.base.mkdir(parents=True, exist_ok=True, mode=0o700)
            for item in (self.path.parent, self.path, self.plans, self.runs):
                item.mkdir(exist_ok=True, mode=0o700)
                item.chmod(0o700)
        except OSError as error:
            raise UsageError(
                f"cannot be used: {error.strerror}", where=str(self.base), hint="terraform:FOLDER"
            ) from error

    @contextmanager
    def alone(self, seconds: float) -> Iterator[int]:
        """Hold the folder; gives the open lock, which a program that inherits it goes on holding after us.

        Raises EnvironmentBusy: another process, or a Terraform whose parent was killed, is at work.
        """
        self.make()
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + seconds
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= until:
                        raise EnvironmentBusy(
                            f"a process is at work in {self.environment}, perhaps a Terraform that outlived the one "
                            "who started it",
                            where=str(self.path / "lock"),
                            hint="wait until it has ended, then resume",
                        ) from None
                    time.sleep(0.1)
            yield handle
        finally:
            os.close(handle)


class Workspace:
    """A bundle's root, laid out and ready to be initialised, while the folder is held."""

    def __init__(self, folder: Folder, held: int, bundle: Bundle, file: TargetFile, engine: Engine) -> None:
        self.folder = folder
        self.held = held
        self.bundle = bundle
        self.file = file
        self.engine = engine
        self.place = file.place(folder.environment)
        self.below = root_of(bundle, folder.environment)
        tree = folder.path / "work"
        self.root = tree / self.below
        self.rescue()
        shutil.rmtree(tree, ignore_errors=True)
        lay_out(bundle, tree)
        (folder.path / "bundle").write_text(bundle.digest() + "\n", encoding="ascii")
        self._keep_state()
        self._keep_providers()
        settings = Settings.load()
        if settings.terraform_workspace not in ("", "default"):
            raise UsageError(
                f"TF_WORKSPACE is {settings.terraform_workspace}, and each environment has a state of its own here",
                where=str(folder.base / FILE),
                hint=f"unset it; another state of a backend is another key of [environments.{folder.environment}] backend",
            )
        self._hidden = sensitive(bundle, self.below)
        self.masks = Masks(secrets_among(settings.provider_environment, self._hidden))
        self.env = {
            **source_environment(folder.path),
            **settings.provider_environment,
            "TF_DATA_DIR": str(folder.path / "data"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
        }
        values = {
            name.removeprefix("TF_VAR_"): value
            for name, value in settings.provider_environment.items()
            if name.startswith("TF_VAR_")
        }
        values |= self._read_variables()
        self._takes = variables_of(bundle, self.below)
        self.given = keyed(folder.path, {name: value for name, value in values.items() if name in self._takes})
        """A digest of each variable that the root is given, and takes."""

    def given_otherwise(self) -> tuple[str, ...]:
        """The variables of this root that the last apply was given otherwise, or not, or that it alone was given."""
        left = read_left(self.folder.path)
        return tuple(name for name in different(left.variables, self.given) if name in self._takes) if left else ()

    def leave(self, lineage: str, serial: int) -> None:
        """Note what an apply left."""
        write_left(self.folder.path, Left(lineage=lineage, serial=serial, variables=self.given))

    def rescue(self) -> bool:
        """Keep a state that Terraform could not write; whether there is one."""
        if (self.root / ERRORED).is_file():
            (self.root / ERRORED).chmod(0o600)
            (self.root / ERRORED).replace(self.folder.errored)
        return self.folder.errored.is_file()

    @property
    def init_arguments(self) -> tuple[str, ...]:
        """What `init` is called with: the state's place, and no other provider than the lock says."""
        readonly = ("-lockfile=readonly",) if f"{self.below}/{LOCK_FILE}" in self.bundle else ()
        return ("init", "-input=false", "-no-color", "-reconfigure", *readonly, *self._backend)

    @property
    def variables(self) -> tuple[str, ...]:
        """`-var-file` for each file of the place."""
        return tuple(f"-var-file={self.folder.base / name}" for name in self.place.variables)

    @property
    def state_place(self) -> str:
        """Where the state is, for people and for the approval."""
        if self.is_local:
            return "local"
        return f"{self._backend_type} {json.dumps(self.place.backend, sort_keys=True)}"

    def providers(self) -> str:
        """The digest of the providers' lock after `init`; kept where the bundle brings none."""
        lock = self.root / LOCK_FILE
        if not lock.is_file():
            return "none"
        if f"{self.below}/{LOCK_FILE}" not in self.bundle:
            shutil.copyfile(lock, self.folder.path / "providers.lock.hcl")
        return sha256(lock.read_bytes())

    def give(self, name: str, value: Any) -> tuple[str, ...]:
        """A variable of ours, as a file beside the root; returns the argument."""
        path = self.root / f"hug_{name}.tfvars.json"
        path.write_text(json.dumps({name: value}, sort_keys=True), encoding="utf-8")
        return (f"-var-file={path}",)

    def move_back(self, moves: Mapping[str, str]) -> None:
        """Tell the root that what lies at these addresses is what it has at those: moved, not destroyed and made anew.

        Each thing may be said to come from one place: where the root says so already, it comes to that place first.
        """
        said = {
            block.text("to"): block.text("from")
            for _, file in blocks(self.bundle, self.below)
            for block in file.of("moved")
        }
        back = [{"from": now, "to": _source(before, said, now)} for now, before in moves.items()]
        back = [item for item in back if item["from"] != item["to"]]
        if back:
            (self.root / _MOVED).write_text(json.dumps({"moved": back}), encoding="utf-8")

    def _keep_state(self) -> None:
        named = [block.labels[0] for _, file in blocks(self.bundle, self.below) for block in _backends(file)]
        self._backend_type = named[0] if named else "local"
        self.is_local = self.place.state == "local" or self._backend_type == "local"
        self._backend: tuple[str, ...] = ()
        if self.is_local:
            path = str(self.folder.state).replace("${", "$${").replace("%{", "%%{")
            override = {"terraform": {"backend": {"local": {"path": path}}}}
            (self.root / _OVERRIDE).write_text(json.dumps(override), encoding="utf-8")
        elif self.place.backend:
            given = self.folder.path / "backend.json"
            given.write_text(json.dumps(self.place.backend), encoding="utf-8")
            self._backend = (f"-backend-config={given}",)
        elif self._backend_type in ("s3", "gcs", "azurerm"):
            raise UsageError(
                f"where the {self._backend_type} state of {self.folder.environment} is has not been said",
                where=str(self.folder.base / FILE),
                hint=f'[environments.{self.folder.environment}] with backend = {{ bucket = "…" }}, or state = "local"',
            )

    def _keep_providers(self) -> None:
        kept = self.folder.path / "providers.lock.hcl"
        if kept.is_file() and f"{self.below}/{LOCK_FILE}" not in self.bundle:
            shutil.copyfile(kept, self.root / LOCK_FILE)

    def _read_variables(self) -> dict[str, str]:
        """What variable files give; values of sensitive variables are secrets here too."""
        found: dict[str, str] = {}
        for name in self.place.variables:
            path = self.folder.base / name
            try:
                text = path.read_text(encoding="utf-8")
                if name.endswith(".json"):
                    given = {key: json.dumps(value) for key, value in json.loads(text).items()}
                else:
                    given = {key: item.literal or item.text for key, item in parse(text).attributes.items()}
            except (OSError, ValueError, AttributeError, Malformed) as error:
                raise UsageError(f"the variables cannot be read: {error}", where=str(path)) from error
            self.masks.add(*secrets_among(given, self._hidden))
            found |= given
        return found


def _source(address: str, said: Mapping[str, str], end: str) -> str:
    """Where something at this address came from first, by what is said of moves; `end` is as far as that matters."""
    for _ in said:
        if address == end:
            break
        address = said.get(address, address)
    return address


def root_of(bundle: Bundle, environment: str) -> str:
    """The folder of an environment's root in a bundle. Raises UsageError where it has none."""
    below = f"{TERRAFORM}/environments/{environment}"
    if not any(path.startswith(f"{below}/") and path.endswith(".tf") for path in terraform_files(bundle)):
        raise UsageError(
            f"the bundle has no Terraform for {environment}",
            where=below,
            hint="name Terraform in the request, or use another target",
        )
    return below


def sensitive(bundle: Bundle, root: str) -> frozenset[str]:
    """The variables of a root that it calls sensitive."""
    return frozenset(
        block.labels[0]
        for _, file in blocks(bundle, root)
        for block in file.of("variable")
        if block.labels and block.text("sensitive").strip() == "true"
    )


def variables_of(bundle: Bundle, root: str) -> frozenset[str]:
    """The variables of a root whose values a plan holds: an ephemeral one is given anew each time."""
    return frozenset(
        block.labels[0]
        for _, file in blocks(bundle, root)
        for block in file.of("variable")
        if block.labels and block.text("ephemeral").strip() != "true"
    )


def declares(bundle: Bundle, root: str, variable: str) -> bool:
    """Whether a root has a variable."""
    return any(True for _, file in blocks(bundle, root) for _ in file.of("variable", variable))


def has_record(bundle: Bundle, environment: str) -> bool:
    """Whether an environment's root is one that we rendered for ECS: it is told what is released."""
    return declares(bundle, root_of(bundle, environment), "release")


def ignored(bundle: Bundle) -> dict[tuple[str, str], frozenset[str]]:
    """By type and name of a resource: the attributes whose changes its configuration ignores (`all`: every one)."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    folders = {path.rpartition("/")[0] for path in terraform_files(bundle)}
    for folder in folders:
        for _, file in blocks(bundle, folder):
            for resource in file.of("resource"):
                for lifecycle in resource.of("lifecycle"):
                    text = lifecycle.text("ignore_changes").strip("[] \n")
                    names = frozenset(
                        filter(None, (part.strip().split(".")[0].split("[")[0] for part in text.split(",")))
                    )
                    key = (resource.labels[0], resource.labels[-1])
                    found[key] = found.get(key, frozenset()) | names
    return found


def _backends(file: Any) -> Iterator[Any]:
    for block in file.of("terraform"):
        yield from block.of("backend")
        if any(True for _ in block.of("cloud")):
            raise UsageError(
                "HCP Terraform runs plans elsewhere: this target cannot bind what is applied", where="cloud"
            )
