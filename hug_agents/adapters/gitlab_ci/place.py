"""Which project and branch: what the name of the target says, and nothing from anywhere else."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import parse_qsl, quote

from pydantic import ValidationError, field_validator

from hug_agents.adapters.forge import is_branch
from hug_agents.errors import UsageError
from hug_agents.http import token_address
from hug_agents.spec import Line, Model

API = "https://gitlab.com/api/v4"
_PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}){1,20}")


class Place(Model):
    """A project on GitLab, from `GROUP/PROJECT?branch=…&api=…`."""

    project: Line
    branch: Line = ""
    """The branch that is deployed from; empty: the project's default branch."""
    api: Line = API

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what stands after `gitlab_ci:`. Raises UsageError."""
        project, _, query = text.partition("?")
        if not _PROJECT.fullmatch(project):
            raise UsageError(
                f"{project[:80]!r} is not a project on GitLab" if project else "no project was named",
                where="target",
                hint="gitlab_ci:GROUP/PROJECT, with ?branch=BRANCH&api=URL where needed",
            )
        pairs = parse_qsl(query, keep_blank_values=True)
        options = dict(pairs)
        if unknown := sorted(options.keys() - {"branch", "api"}) or len(pairs) != len(options):
            shown = ", ".join(unknown) if isinstance(unknown, list) else "one is given twice"
            raise UsageError(f"options of the target gitlab_ci: {shown}"[:200], where="target")
        try:
            return cls.model_validate({"project": project, **options})
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"{first['loc'][0]}: {first['msg']}"[:300], where="target") from None

    @field_validator("branch")
    @classmethod
    def _a_branch(cls, value: str) -> str:
        if value and not is_branch(value):
            raise ValueError("is not the name of a branch")
        return value

    @field_validator("api")
    @classmethod
    def _an_api(cls, value: str) -> str:
        return token_address(value, "is not the address of an API, such as https://gitlab.example.com/api/v4")

    @property
    def path(self) -> str:
        """Of the project in the API."""
        return f"/projects/{quote(self.project, safe='')}"

    @property
    def text(self) -> str:
        """The name that parses to this place again."""
        options = [f"branch={self.branch}"] if self.branch else []
        options += [f"api={self.api}"] if self.api != API else []
        return self.project + (f"?{'&'.join(options)}" if options else "")
