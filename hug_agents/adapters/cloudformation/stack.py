"""One stack: what it is now, change sets for it, and waiting until it is at rest."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hug_agents.adapters.cloudformation.client import Aws, Refused
from hug_agents.adapters.cloudformation.wanted import INLINE, Wanted, content
from hug_agents.canonical import digest, sha256
from hug_agents.errors import EnvironmentBusy, HttpError, UsageError

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
_NO_CHANGE = re.compile(r"didn.t contain changes|No updates are to be performed", re.IGNORECASE)
_ABSENT = "absent"


@dataclass(frozen=True)
class Now:
    """What a stack is. An empty `status`: there is none, or one that was never made."""

    id: str = ""
    status: str = ""
    reason: str = ""
    parameters: Mapping[str, str] | None = None
    outputs: Mapping[str, str] | None = None
    template: str = ""
    protected: bool = False

    @property
    def exists(self) -> bool:
        """It has resources, or had some that could not be removed."""
        return bool(self.status)

    @property
    def busy(self) -> bool:
        """CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS")

    @property
    def content(self) -> str:
        """The name of its template with its parameters; empty where there is no stack."""
        return content(self.template, self.parameters or {}) if self.exists else ""

    @property
    def base(self) -> str:
        """The state that a plan is made on."""
        return f"{self.id} {self.content}" if self.exists else _ABSENT

    def same(self, wanted: Wanted) -> bool:
        """It is what a bundle wants. Parameters that the bundle leaves to their default are not compared."""
        mine = {key: value for key, value in (self.parameters or {}).items() if key in wanted.parameters}
        return self.exists and content(self.template, mine) == wanted.name


@dataclass(frozen=True)
class Made:
    """A change set. `id` is empty where nothing would change."""

    id: str
    rows: tuple[dict[str, Any], ...]
    status: str = ""

    @property
    def content(self) -> str:
        """The name of all that it would do."""
        return digest([dict(row) for row in self.rows])


class Stack:
    """One stack of one region."""

    def __init__(self, aws: Aws, name: str, *, poll: float, bucket: str) -> None:
        self.aws = aws
        self.name = name
        self._poll = poll
        self._bucket = bucket

    def now(self) -> Now:
        """Look."""
        try:
            row = self._call("describe_stacks")["Stacks"][0]
        except Refused as error:
            if "does not exist" in str(error):
                return Now()
            raise
        status = str(row["StackStatus"])
        if status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            return Now(id=str(row.get("StackId", "")))
        return Now(
            id=str(row["StackId"]),
            status=status,
            reason=str(row.get("StackStatusReason") or ""),
            parameters={
                item["ParameterKey"]: str(item.get("ParameterValue", "")) for item in row.get("Parameters") or ()
            },
            outputs={item["OutputKey"]: str(item.get("OutputValue", "")) for item in row.get("Outputs") or ()},
            template=self._template(),
            protected=bool(row.get("EnableTerminationProtection")),
        )

    def propose(self, wanted: Wanted, now: Now, seconds: float) -> Made:
        """A change set for what is wanted; the one that is there already, where nothing has changed since.

        Raises HttpError where CloudFormation refuses the template or the parameters.
        """
        name = f"hug-{sha256((now.base + wanted.name + digest(wanted.tags)).encode())[7:47]}"
        if (found := self.change_set(name)) and found.status == "AVAILABLE":
            return found
        if found:
            self._call("delete_change_set", ChangeSetName=name)
        self._call(
            "create_change_set",
            ChangeSetName=name,
            ChangeSetType="UPDATE" if now.exists else "CREATE",
            Capabilities=CAPABILITIES,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(wanted.parameters.items())
            ],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
            **self._body(wanted.template),
        )
        until = time.monotonic() + seconds
        while True:
            row = self._call("describe_change_set", ChangeSetName=name)
            status, reason = str(row["Status"]), str(row.get("StatusReason") or "")
            if status == "CREATE_COMPLETE":
                return self._made(name)
            if status == "FAILED":
                self._call("delete_change_set", ChangeSetName=name)
                if _NO_CHANGE.search(reason):
                    return Made(id="", rows=())
                raise HttpError(
                    f"the change set failed: {reason or 'CloudFormation does not say why'}", where=self.name
                )
            if time.monotonic() >= until:
                raise HttpError(f"the change set is still {status} after {seconds:g} s", where=self.name)
            time.sleep(self._poll)

    def change_set(self, name: str) -> Made | None:
        """A change set by its name or id; None where there is none."""
        try:
            return self._made(name)
        except Refused as error:
            if error.code in ("ChangeSetNotFound", "ChangeSetNotFoundException", "ValidationError"):
                return None
            raise

    def execute(self, made: Made, token: str) -> None:
        """Carry out a change set. Raises Refused."""
        self._call("execute_change_set", ChangeSetName=made.id, ClientRequestToken=token)

    def delete(self, token: str) -> None:
        """Delete the stack. Raises Refused."""
        self._call("delete_stack", ClientRequestToken=token)

    def protect(self, policy: str) -> None:
        """Lay the stack policy over it: what no update may replace or delete."""
        if policy:
            self._call("set_stack_policy", StackPolicyBody=policy)

    def settle(self, seconds: float) -> Now:
        """Wait until it is at rest. Raises EnvironmentBusy past the time."""
        until = time.monotonic() + seconds
        while (now := self.now()).busy:
            if time.monotonic() >= until:
                raise EnvironmentBusy(
                    f"the stack is still {now.status} after {seconds:g} s",
                    where=self.name,
                    hint="wait until CloudFormation is done, then resume",
                )
            time.sleep(self._poll)
        return now

    def resources(self) -> list[dict[str, Any]]:
        """What it holds."""
        rows = self.aws.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=self.name)
        return [row for row in rows if row.get("ResourceStatus") != "DELETE_COMPLETE"]

    def policies(self) -> dict[str, str]:
        """The DeletionPolicy of each resource that has one."""
        try:
            document = yaml.load(self._template(), Loader=_Plain)  # noqa: S506 - a safe loader that knows CloudFormation's tags
        except yaml.YAMLError:
            return {}
        resources = document.get("Resources") if isinstance(document, dict) else None
        return {
            str(name): str(item["DeletionPolicy"])
            for name, item in (resources or {}).items()
            if isinstance(item, dict) and "DeletionPolicy" in item
        }

    def events(self, token: str = "", most: int = 100) -> list[dict[str, Any]]:
        """What happened to it, the newest first; of one operation, where its token is given."""
        rows: list[dict[str, Any]] = self._call("describe_stack_events").get("StackEvents") or []
        return [row for row in rows if not token or row.get("ClientRequestToken") == token][:most]

    def why(self, token: str) -> str:
        """Why an operation failed: the first words of each resource that did."""
        rows = [row for row in self.events(token) if "FAILED" in str(row.get("ResourceStatus"))]
        said = [
            f"{row['LogicalResourceId']}: {row.get('ResourceStatusReason') or row['ResourceStatus']}" for row in rows
        ]
        return "; ".join(reversed(said))[:4_000]

    def _made(self, name: str) -> Made:
        rows: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            row = self._call("describe_change_set", ChangeSetName=name, **token)
            rows += row.get("Changes") or []
            if not row.get("NextToken"):
                return Made(id=str(row["ChangeSetId"]), rows=tuple(rows), status=str(row.get("ExecutionStatus", "")))
            token = {"NextToken": str(row["NextToken"])}

    def _template(self) -> str:
        body = self._call("get_template", TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else digest(body)

    def _body(self, template: str) -> dict[str, str]:
        data = template.encode()
        if len(data) <= INLINE:
            return {"TemplateBody": template}
        bucket = self._bucket.replace("ACCOUNT", self.aws.account)
        key = f"{self.name}/{sha256(data).removeprefix('sha256:')}.yaml"
        try:
            self.aws.call("s3", "put_object", Bucket=bucket, Key=key, Body=data)
        except Refused as error:
            raise UsageError(
                f"the template could not be put into the bucket {bucket}: {error.what}",
                where=self.name,
                hint="make the bucket as infrastructure/cloudformation/README.md says, or name another in target.toml",
            ) from error
        return {"TemplateURL": f"https://{bucket}.s3.{self.aws.region}.amazonaws.com/{key}"}

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self.aws.call("cloudformation", operation, StackName=self.name, **arguments)


class _Plain(yaml.SafeLoader):
    """Reads a template's functions as their plain values."""


def _value(loader: Any, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Plain.add_multi_constructor("!", _value)
