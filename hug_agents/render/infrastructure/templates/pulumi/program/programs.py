"""What a program of the application is, whatever the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["web", "worker", "scheduled", "job", "migration"]


@dataclass(frozen=True, kw_only=True)
class Http:
    """How a web service is reached."""

    port: int
    health_path: str
    health_port: int
    health_matcher: str
    public: bool


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """What takes a release back. None or False: not watched."""

    error_percent: float | None = None
    error_minutes: int = 1
    latency_ms: float | None = None
    latency_minutes: int = 1
    health: bool = False
    health_minutes: int = 1


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """What users are promised: the share of requests that may fail, and how fast the rest is."""

    error_percent: float | None = None
    latency_ms: float | None = None
    latency_percent: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ecr:
    """The ECR repository of an image; an empty account or region is the registry's of this environment."""

    path: str
    account_id: str = ""
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: `service` is its name and its container's."""

    service: str
    kind: Kind
    http: Http | None = None
    command: tuple[str, ...] = ()
    """Replaces the image's command; empty: as in the image."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Environment variable to the name of its secret in Secrets Manager. Never a value."""
    schedule: str = ""
    ecr: Ecr | None = None
    private_registry: bool = False
    triggers: Triggers = Triggers()
    objectives: Objectives = Objectives()
