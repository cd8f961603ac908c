"""AWS through boto3: time limits, retries, and one clear error for each way to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import Any

from hug_agents.errors import HttpError, MissingExtra, UsageError
from hug_agents.spec import CONTROL

ATTEMPTS = 6
"""botocore's standard mode: throttling and 5xx are tried again with growing pauses; nothing that changes is sent twice by us."""


class Refused(HttpError):
    """AWS said no; `code` is AWS's own word for it."""

    def __init__(self, code: str, said: str, *, where: str) -> None:
        super().__init__(f"AWS says {code}: {said}", where=where)
        self.code = code


class Aws:
    """Clients of one region, made when they are needed."""

    def __init__(self, region: str) -> None:
        self._wanted = region

    @cached_property
    def _session(self) -> Any:
        try:
            boto3 = import_module("boto3")
        except ImportError:
            raise MissingExtra("the target cloudformation", "aws") from None
        with told("AWS's own configuration"):
            session = boto3.session.Session(region_name=self._wanted or None)
            region = session.region_name
        if not region:
            raise UsageError("no region is named", where="target", hint="set AWS_REGION, or region in target.toml")
        return session

    @property
    def region(self) -> str:
        """The region."""
        return str(self._session.region_name)

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call. Raises Refused, HttpError, UsageError (no credentials)."""
        client = self._client(service)
        with told(f"{service} {operation} in {self.region}"):
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        return answer

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
        """Every row of a call that answers in pages."""
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            answer = self.call(service, operation, **arguments, **token)
            found += answer.get(key) or []
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    @cached_property
    def account(self) -> str:
        """The account that the credentials are of."""
        return str(self.call("sts", "get_caller_identity")["Account"])

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            config = import_module("botocore.config").Config(
                connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": ATTEMPTS}
            )
            with told(f"a client of {service}"):
                self._clients[service] = self._session.client(service, config=config)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what boto3 raises into an error of ours. Requests are never in it: they may hold what nobody should read."""
    exceptions = import_module("botocore.exceptions")
    try:
        yield
    except exceptions.ClientError as error:
        row = error.response.get("Error", {})
        raise Refused(str(row.get("Code", "")), _clean(row.get("Message")), where=where) from None
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as error:
        raise UsageError(_clean(error), where=where, hint="as for the AWS CLI: a profile, SSO, or a role") from None
    except exceptions.BotoCoreError as error:
        raise HttpError(_clean(error), where=where) from None
    except import_module("botocore.parsers").ResponseParserError:
        raise HttpError("the answer cannot be read: it is not AWS's, or half of it", where=where) from None


def _clean(text: object) -> str:
    return CONTROL.sub(" ", str(text or "")).replace("\n", " ")[:2_000]
