"""Which repository, branch and reviewers: what the name of the target says, and nothing from anywhere else."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import parse_qsl

from pydantic import ValidationError, field_validator

from hug_agents.adapters.forge import is_branch
from hug_agents.errors import UsageError
from hug_agents.http import token_address
from hug_agents.spec import Line, Model

API = "https://api.github.com"
_REPOSITORY = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))/([A-Za-z0-9._-]{1,100})")
_REVIEWER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")


class Place(Model):
    """A repository on GitHub, from `OWNER/NAME?branch=…&reviewers=…&api=…`."""

    owner: Line
    name: Line
    branch: Line = ""
    """The branch that is deployed from; empty: the repository's default branch."""
    reviewers: tuple[Line, ...] = ()
    """Who must approve in production's environment, by GitHub's own means: `login` or `organisation/team`."""
    api: Line = API

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what stands after `github_actions:`. Raises UsageError."""
        repository, _, query = text.partition("?")
        found = _REPOSITORY.fullmatch(repository)
        if not found or found[2] in (".", ".."):
            raise UsageError(
                f"{repository[:80]!r} is not a repository on GitHub" if repository else "no repository was named",
                where="target",
                hint="github_actions:OWNER/NAME, with ?branch=BRANCH&reviewers=LOGIN,ORG/TEAM&api=URL where needed",
            )
        pairs = parse_qsl(query, keep_blank_values=True)
        options = dict(pairs)
        if unknown := sorted(options.keys() - {"branch", "reviewers", "api"}) or len(pairs) != len(options):
            shown = ", ".join(unknown) if isinstance(unknown, list) else "one is given twice"
            raise UsageError(f"options of the target github_actions: {shown}"[:200], where="target")
        values = {**options, "reviewers": tuple(filter(None, options.get("reviewers", "").split(",")))}
        try:
            return cls.model_validate({"owner": found[1], "name": found[2], **values})
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"{first['loc'][0]}: {first['msg']}"[:300], where="target") from None

    @field_validator("branch")
    @classmethod
    def _a_branch(cls, value: str) -> str:
        if value and not is_branch(value):
            raise ValueError("is not the name of a branch")
        return value

    @field_validator("reviewers")
    @classmethod
    def _people(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > 6 or not all(_REVIEWER.fullmatch(item) for item in value):
            raise ValueError("up to six, each a login or organisation/team")
        return value

    @field_validator("api")
    @classmethod
    def _an_api(cls, value: str) -> str:
        return token_address(value, "is not the address of an API, such as https://github.example.com/api/v3")

    @property
    def path(self) -> str:
        """Of the repository in the API."""
        return f"/repos/{self.owner}/{self.name}"

    @property
    def text(self) -> str:
        """The name that parses to this place again."""
        options = [f"branch={self.branch}"] if self.branch else []
        options += [f"reviewers={','.join(self.reviewers)}"] if self.reviewers else []
        options += [f"api={self.api}"] if self.api != API else []
        return f"{self.owner}/{self.name}" + (f"?{'&'.join(options)}" if options else "")
