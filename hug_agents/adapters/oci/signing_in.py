"""Signing in at a registry: a password, or a token that the registry's own token server gives for it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from hug_agents.errors import HttpError, UsageError
from hug_agents.http import Http
from hug_agents.spec import Line, Model

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Account(Model):
    """A user and a password; both empty: nobody."""

    user: Line = ""
    password: Line = ""

    def basic(self) -> str:
        """As the header Authorization takes it."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return (self.password, self.basic()) if self.user else ()


def account(file: Path | None, host: str) -> Account:
    """Who signs in at a host, from a file as `docker login` and `skopeo login` write it. Raises UsageError."""
    if file is None:
        return Account()
    try:
        rows = json.loads(file.read_text(encoding="utf-8")).get("auths", {})
        row = rows.get(host) or rows.get(f"https://{host}") or {}
        user, _, password = base64.b64decode(row.get("auth", ""), validate=True).decode().partition(":")
    except (OSError, ValueError, AttributeError, binascii.Error) as error:
        raise UsageError(
            f"cannot be read: {type(error).__name__}", where=str(file), hint='{"auths": {"HOST": {"auth": BASE64}}}'
        ) from error
    return Account(user=user, password=password)


def authorization(challenge: str, who: Account, scope: str) -> str:
    """The header that answers a challenge `WWW-Authenticate`. Raises HttpError when the token server refuses.

    A password goes to a token server over https alone, or inside this machine.
    """
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic":
        return who.basic() if who.user else ""
    values = dict(_CHALLENGE.findall(rest))
    realm = values.get("realm", "")
    parts = urlsplit(realm)
    if kind.lower() != "bearer" or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    ):
        raise HttpError(f"the registry asks to sign in in a way that is not taken: {challenge[:200]}", status=401)
    asked = {"service": values.get("service", ""), "scope": values.get("scope") or scope}
    headers = {"Authorization": who.basic()} if who.user else {}
    with Http(f"{parts.scheme}://{parts.netloc}", headers=headers, secrets=who.secrets) as http:
        given = http.get(parts.path or "/", params={key: value for key, value in asked.items() if value}).json()
    token = given.get("token") or given.get("access_token") if isinstance(given, dict) else None
    if not isinstance(token, str) or not token:
        raise HttpError("the token server gave no token", where=realm[:200])
    return f"Bearer {token}"
