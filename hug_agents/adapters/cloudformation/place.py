"""`target.toml` in the target's folder: what only the people who run it know. It may be missing; it holds no secret."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from hug_agents.adapters.images import built_images
from hug_agents.canonical import digest
from hug_agents.errors import UsageError
from hug_agents.execute.target import StrategyKind
from hug_agents.spec import Line, Model, Name

FILE = "target.toml"
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Place(Model):
    """Where one environment's stack is, and what it is given."""

    stack: Line = Field("", description="its name; empty: application-environment, as the files have it")
    region: Line = Field("", description="empty: the environment's, else the one that AWS's own configuration names")
    parameters: dict[Line, Line] = Field(default_factory=dict, description="over those of stack.json; never a secret")


class TargetFile(Model):
    """Everything that `target.toml` may say."""

    bucket: Line = Field("", description="for templates above 51200 bytes; empty: APPLICATION-cloudformation-ACCOUNT")
    carries: tuple[StrategyKind, ...] = Field(
        ("rolling",), description="strategies that what the stack configures carries out by itself"
    )
    holds_data: tuple[Line, ...] = Field((), description="further types or logical ids whose loss is a loss of data")
    plan_seconds: Seconds = 600
    apply_seconds: Seconds = 10_800
    poll_seconds: Seconds = 5
    environments: dict[Name, Place] = Field(default_factory=dict)

    def place(self, environment: str) -> Place:
        """What is said about an environment."""
        return self.environments.get(environment, Place())

    def about(self, environment: str) -> str:
        """The digest of all that bears on what is done in an environment."""
        return digest({"place": self.place(environment).model_dump(mode="json"), "data": list(self.holds_data)})


def read_target_file(folder: Path | None) -> TargetFile:
    """The file of a target's folder. Raises UsageError, naming the field."""
    if folder is None:
        return TargetFile()
    path = folder / FILE
    try:
        return TargetFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return TargetFile()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{field}: {first['msg']}", where=str(path), hint="see docs/cloudformation.md") from error


def read_images(folder: Path | None, application: str) -> dict[str, str]:
    """Images that a pipeline built: `APPLICATION/images.json`, as deploy/deploy.sh is given it."""
    return built_images(folder / application / "images.json" if folder else None, optional=True)
