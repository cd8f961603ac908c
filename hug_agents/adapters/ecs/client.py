"""Amazon ECS by boto3: the six calls that a release needs, with time limits and retries, and one error for whatever went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from hug_agents.canonical import digest
from hug_agents.errors import HttpError, MissingExtra
from hug_agents.spec import Line, Model

T = TypeVar("T")
_GIVEN_BY_ECS = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)
"""What DescribeTaskDefinition says and RegisterTaskDefinition does not take."""
_RECENT = 20
"""How many revisions of a family are looked at for one that says the same."""


class Running(Model):
    """An ECS service as it is."""

    name: Line
    definition: Line
    """The revision that it is to run."""
    primary: Line
    """The revision of the newest deployment: another one where ECS took the wanted one back by itself."""
    state: Line
    """IN_PROGRESS, COMPLETED or FAILED."""
    reason: Line
    desired: int
    running: int
    deployments: int

    @property
    def steady(self) -> bool:
        """One deployment, complete, with every task running."""
        return self.state == "COMPLETED" and self.deployments == 1 and self.running >= self.desired


class Ecs:
    """The API in one account and region."""

    def __init__(self, region: str | None) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise MissingExtra("the target ecs", "aws") from None
        config = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
        session = _asked("AWS's own configuration", lambda: boto3.Session(region_name=region or None))
        self._ecs = _asked("a client of ECS", lambda: session.client("ecs", config=config))
        self._sts = _asked("a client of STS", lambda: session.client("sts", config=config))
        self.region = str(self._ecs.meta.region_name)

    def account(self) -> str:
        """The account that the credentials belong to."""
        return str(_asked("who we are", self._sts.get_caller_identity)["Account"])

    def services(self, cluster: str, names: Iterable[str]) -> dict[str, Running]:
        """Those of these services that there are, by name."""
        found: dict[str, Running] = {}
        wanted = list(names)
        for start in range(0, len(wanted), 10):  # the API takes ten at a time
            some = wanted[start : start + 10]
            answer = _asked(cluster, lambda some=some: self._ecs.describe_services(cluster=cluster, services=some))  # type: ignore[misc]
            for item in answer["services"]:
                if item["status"] == "ACTIVE":
                    found[item["serviceName"]] = _running(item)
        return found

    def definition(self, arn: str) -> dict[str, Any]:
        """A revision, as it would be registered again."""
        answer = _asked(arn, lambda: self._ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]))
        kept = {key: value for key, value in answer["taskDefinition"].items() if key not in _GIVEN_BY_ECS}
        return {**kept, **({"tags": answer["tags"]} if answer.get("tags") else {})}

    def register(self, definition: dict[str, Any]) -> str:
        """A revision that says this: a recent one if there is one, so that to register twice is to register once."""
        family = str(definition["family"])
        recent = _asked(
            family,
            lambda: self._ecs.list_task_definitions(
                familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=_RECENT
            ),
        )
        wanted = digest(definition)
        for arn in recent["taskDefinitionArns"]:
            if digest(self.definition(arn)) == wanted:
                return str(arn)
        answer = _asked(family, lambda: self._ecs.register_task_definition(**definition))
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def update(self, cluster: str, service: str, definition: str) -> None:
        """Let a service run a revision; how many tasks there are stays as it is."""
        _asked(
            service,
            lambda: self._ecs.update_service(cluster=cluster, service=service, taskDefinition=definition),
        )


def _running(item: dict[str, Any]) -> Running:
    deployments = item.get("deployments") or []
    primary: dict[str, Any] = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
    return Running(
        name=item["serviceName"],
        definition=item["taskDefinition"],
        primary=primary.get("taskDefinition", ""),
        state=primary.get("rolloutState", ""),
        reason=" ".join(str(primary.get("rolloutStateReason", "")).split())[:500],
        desired=item.get("desiredCount", 0),
        running=item.get("runningCount", 0),
        deployments=len(deployments),
    )


def _asked(about: str, call: Callable[[], T]) -> T:
    """What AWS answers. Raises HttpError: a refusal and a silence alike, in AWS's words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise HttpError(
            f"AWS refused {error.operation_name}: {said.get('Code', '')}: {str(said.get('Message', ''))[:500]}",
            status=int(status),
            where=about[:200],
        ) from error
    except BotoCoreError as error:
        raise HttpError(f"AWS could not be asked: {str(error)[:500]}", where=about[:200]) from error
