"""Pipelines as facts that hold for every CI system: jobs, what they need, what they deploy. One reader a system."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, cast

Verb = Literal["plan", "rollout", "rollback", "status", "smoke"]
_WORD = r"(\"?\$\{\{.*?\}\}\"?|\S+)"
_DEPLOY = re.compile(r"deploy/deploy\.sh[\"']?\s+[\"']?(plan|rollout|rollback|status)[\"']?\s+" + _WORD)
_SMOKE = re.compile(r"deploy/smoke\.sh[\"']?\s+" + _WORD)
_BUILD = re.compile(r"\b(docker|podman)\s+(buildx\s+)?build\b|\bdocker\s+buildx\s+bake\b|\bbuildah\b|\bkaniko\b")
_CHECK = re.compile(
    r"\b(pytest|unittest|tox|nox|(npm|pnpm|yarn) (run )?test|go (test|vet)|mvnw?\b.*\b(test|verify)|"
    r"gradlew?\b.*\b(test|check)|terraform\b.*\b(validate|test|fmt)|cfn-lint|shellcheck|hadolint|actionlint|zizmor|promtool|"
    r"kubernetes-validate|kubeconform|trivy|grype|checkov|ruff|eslint|kubectl kustomize)\b"
)


@dataclass(frozen=True)
class Call:
    """A call of one of the bundle's own scripts."""

    verb: Verb
    environment: str
    """Empty where only the run itself knows it."""
    line: int


@dataclass
class Step:
    """One step of a job."""

    line: int
    name: str = ""
    uses: str = ""
    """An action or a plugin by its reference."""
    inputs: str = ""
    run: str = ""
    run_line: int = 0
    condition: str = ""
    tolerated: bool = False
    """It may fail and nobody hears of it."""

    @property
    def builds(self) -> bool:
        """It makes a container image."""
        return bool(_BUILD.search(_code(self.run))) or "build-push-action" in self.uses

    @property
    def checks(self) -> bool:
        """It tests, lints, scans or validates something."""
        return bool(_CHECK.search(_code(self.run))) or bool(re.search(r"trivy-action|scan|codeql", self.uses))


@dataclass
class Job:
    """One job; `needs` are jobs of the same pipeline."""

    id: str
    file: str
    line: int
    needs: tuple[str, ...] = ()
    environment: str = ""
    condition: str = ""
    tolerated: bool = False
    steps: list[Step] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def rolls_out(self, environments: frozenset[str]) -> Call | None:
        """The call that rolls out one of these environments."""
        return next((call for call in self.calls if call.verb == "rollout" and call.environment in environments), None)


@dataclass
class Pipeline:
    """One file of a CI system, with what it calls laid in."""

    file: str
    crons: list[tuple[str, int]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    governed: bool = False
    """Only an order of a governed release starts it: the release's own checkpoints hold the order of environments."""

    def before(self, job: Job) -> tuple[Job, ...]:
        """All jobs that must have succeeded before this one."""
        found: dict[str, Job] = {}
        wanted = list(job.needs)
        while wanted:
            name = wanted.pop()
            if name in self.jobs and name not in found:
                found[name] = self.jobs[name]
                wanted += self.jobs[name].needs
        return tuple(found.values())

    def depth(self) -> int:
        """The longest chain of jobs that wait for each other."""
        return max((self._depth(name, frozenset()) for name in self.jobs), default=0)

    def _depth(self, name: str, seen: frozenset[str]) -> int:
        if name in seen or name not in self.jobs:
            return 0
        return 1 + max((self._depth(need, seen | {name}) for need in self.jobs[name].needs), default=0)


def drills(pipeline: Pipeline) -> bool:
    """It rehearses the rollback by itself: it has a schedule and rolls back."""
    return bool(pipeline.crons) and any(call.verb == "rollback" for job in pipeline.jobs.values() for call in job.calls)


def calls(text: str, line: int, resolve: Callable[[str], str]) -> Iterator[Call]:
    """The calls of the bundle's scripts in a piece of shell that begins on a line."""
    for number, row in enumerate(text.splitlines()):
        code = _code(row)
        for found in _DEPLOY.finditer(code):
            yield Call(cast(Verb, found.group(1)), resolve(found.group(2)), line + number)
        for found in _SMOKE.finditer(code):
            yield Call("smoke", resolve(found.group(1)), line + number)


def _code(text: str) -> str:
    """Shell without its comments."""
    return "\n".join("" if row.lstrip().startswith("#") else row for row in text.splitlines())
