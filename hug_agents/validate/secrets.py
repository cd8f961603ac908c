"""Secret scan: detect-secrets over every file, with nothing allowed from inside a file.

What it takes for a secret and is none is known by what it is, never by a comment beside it: the digest of an image, the
commit of an action, the *name* of a secret (the spec says which), a reference that another system resolves.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from hug_agents.bundle import Bundle
from hug_agents.errors import ProcessError
from hug_agents.plans import Blueprint
from hug_agents.render.naming import DATADOG_SECRET
from hug_agents.validate.gate import Finding, Workspace
from hug_agents.validate.program import ProgramGate, parsed

_PIN = re.compile(r"(?:sha256:|@)([0-9a-f]{64}|[0-9a-f]{40})\b")
"""A digest or a commit, said to be one by what stands before it."""
_HASH_FIELD = re.compile(r'"(?:content|sha256|digest|sha)"\s*:\s*"((?:sha256:)?[0-9a-f]{64})"')
_REFERENCE = re.compile(
    r"""(?x)
      arn:aws[a-z-]*:[a-z0-9-]+:[^\s"']*          # a resource by name
    | \$\{\{?[^"']*\}                             # an expression that a pipeline or Terraform resolves
    | \$[A-Za-z_][A-Za-z0-9_]*                    # a variable of a shell
    | (?:var|local|module|data|each|aws_\w+)\.[\w.\[\]"*-]+   # a reference of Terraform
    | (?<=secretsmanager:)[A-Za-z*]+              # a call of AWS
    | true | false                                # of a switch whose name speaks of a password
    | /run/secrets/[\w.-]+ | /etc/[\w./-]+        # a file that holds it
    """
)
_REFERRING = re.compile(
    r"""(?xi)
      \b(?:secretName|secret_name|secretKeyRef|secret_arn|existingSecret|secretRef|SecretArn\w*
      | passwordVariable)\b["']?\s*[:=]\s*["']?([\w.-]+)
    """
)
"""A field that holds the name of a secret, in Kubernetes, Terraform, CloudFormation and Jenkins."""
_TOO_EAGER = ("IPPublicDetector",)
"""A public address is not a secret."""


class SecretScan(ProgramGate):
    """Every hit fails: what is secret belongs into the secret store and is named in the spec."""

    name = "secret scan"
    tool = "detect-secrets"

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        argv = [self.tool, "scan", "--all-files", "--no-verify"]
        argv += ["--disable-filter", "detect_secrets.filters.allowlist.is_line_allowlisted"]
        for plugin in _TOO_EAGER:
            argv += ["--disable-plugin", plugin]
        report = parsed(workspace.run([*argv, "."], env={"PYTHONUTF8": "1"}), codes=(0,), kind=dict)
        results = report.get("results")
        if not isinstance(results, dict):
            raise ProcessError("detect-secrets printed no results")
        known = frozenset(_hash(name) for name in _names(workspace.blueprint))
        return tuple(
            finding
            for path, rows in results.items()
            for finding in self._read(path.replace("\\", "/").removeprefix("./"), rows, workspace.bundle, known)
        )

    def _read(
        self, path: str, rows: list[dict[str, object]], bundle: Bundle, known: frozenset[str]
    ) -> Iterator[Finding]:
        lines = bundle[path].content.splitlines() if path in bundle else []
        by_line: dict[int, list[str]] = {}
        # a test says what a mocked provider answers: there a name that sounds secret is no sign, a token still is
        for row in rows:
            number = int(str(row["line_number"]))
            text = lines[number - 1] if 0 < number <= len(lines) else ""
            mocked = row["type"] == "Secret Keyword" and path.endswith(".tftest.hcl")
            if not mocked and row["hashed_secret"] not in known | _harmless(text):
                by_line.setdefault(number, []).append(str(row["type"]))
        for number, kinds in by_line.items():
            yield self.finding(
                f"detect-secrets/{sorted(kinds)[0]}",
                f"this looks like a secret ({', '.join(sorted(set(kinds)))})",
                file=path,
                line=number,
                remedy="keep the value in the secret store and refer to it by name (services.NAME.secrets)",
            )


def _harmless(line: str) -> frozenset[str]:
    """The hashes of all that stands in a line and only names or refers to something."""
    found = set(_PIN.findall(line)) | set(_HASH_FIELD.findall(line))
    found |= {f"sha256:{item}" for item in found if len(item) == 64}
    found |= set(_REFERRING.findall(line))
    for match in _REFERENCE.finditer(line):
        found.add(match.group())
        found.add(match.group().rstrip('",;'))
    for word in re.findall(r"[\"']([^\"']*)[\"']|(?<=[:=])\s*([^\s\"',;]+)", line):
        text = word[0] or word[1]
        if _REFERENCE.fullmatch(text):
            found.add(text)
    return frozenset(_hash(item) for item in found)


def _names(blueprint: Blueprint) -> Iterator[str]:
    """The names of the spec: what a secret is called is not a secret."""
    spec = blueprint.spec
    yield spec.application
    yield DATADOG_SECRET
    for service in spec.services:
        yield service.name
        for secret in service.secrets:
            yield from (secret.key, secret.name, secret.name.lower(), secret.key.replace("/", "-"))
    for group in (spec.dependencies, spec.environments):
        for item in group:
            yield item.name


def _hash(secret: str) -> str:
    """How detect-secrets names what it found."""
    return hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()
