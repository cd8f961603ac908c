"""A Terraform file, judged as IaC-Eval does: parsed, validated, planned; then its plan against the intent, and security.

The provider is real, the account is not: the plan runs with made-up credentials. A data source that would ask AWS leaves
the plan untold, and so is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from hug_agents.bundle import Artifact, Bundle
from hug_agents.errors import ProcessError
from hug_agents.evaluate import checkov, rego
from hug_agents.evaluate.published import InfrastructureTask
from hug_agents.evaluate.stage import Stage, not_reached, passed, skipped
from hug_agents.process import Completed, run
from hug_agents.validate import tools
from hug_agents.validate.terraform_files import dangers
from hug_agents.validate.terraform_setup import diagnostics, environment

_SECONDS = 300
_SETTINGS = """  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  max_retries                 = 1
"""
_NEEDS_ACCOUNT = re.compile(
    r"InvalidClientTokenId|UnrecognizedClientException|AuthFailure|no valid credential|StatusCode: 40[13]|SignatureDoesNotMatch"
    r"|no such host|dial tcp|request send failed|exceeded maximum number of attempts|InvalidAccessKeyId|security token"
)


def judge(task: InfrastructureTask, content: str, folder: Path) -> Iterator[Stage]:
    """Each stage in turn. What would run or fetch foreign code is refused before Terraform is started."""
    program = tools.program_of("terraform")
    if not program:
        yield from (skipped(name, tools.missing("terraform")) for name in ("parses", "validates", "plans", "intent"))
        return
    work = folder / "work"
    work.mkdir()
    (work / "main.tf").write_text(content, encoding="utf-8")
    terraform = _Terraform(program, work, folder)
    formatted = terraform.run("fmt", "-write=false", "-list=false", "-no-color", "main.tf")
    yield passed("parses", [formatted.output] if formatted.code else [])
    if formatted.code:
        yield from not_reached("validates", "plans", "intent", "security")
        return
    bundle = Bundle("", [Artifact(path="main.tf", content=content, system="terraform", owner="deployment")])
    if foreign := [f"{file}:{line}: {what}" for file, line, what in dangers(bundle)]:
        yield passed("validates", foreign)
        yield from not_reached("plans", "intent")
    else:
        yield from _with_providers(task, content, work, terraform)
    yield checkov.security(work / "main.tf", "terraform")


def _with_providers(task: InfrastructureTask, content: str, work: Path, terraform: _Terraform) -> Iterator[Stage]:
    (work / _settings_name(content)).write_text(_settings(content), encoding="utf-8")
    begun = terraform.run("init", "-backend=false", "-input=false", "-json", "-no-color")
    if begun.code:
        found = _errors(begun)
        if any(re.search(r"Failed to (query available|install) provider", item) for item in found):
            yield from (
                skipped(name, f"a provider cannot be had here: {found[0]}") for name in ("validates", "plans", "intent")
            )
            return
        yield passed("validates", found or [begun.output])
        yield from not_reached("plans", "intent")
        return
    valid = terraform.run("validate", "-json", "-no-color")
    found = _errors(valid)
    yield passed("validates", found or ([valid.output] if valid.code else []))
    if found or valid.code:
        yield from not_reached("plans", "intent")
        return
    planned = terraform.run("plan", "-input=false", "-lock=false", "-refresh=false", "-no-color", "-out=plan.bin")
    if planned.code and _NEEDS_ACCOUNT.search(planned.output):
        yield from (skipped(name, "the plan asks AWS, which needs an account") for name in ("plans", "intent"))
        return
    yield passed("plans", [planned.output[-1_500:]] if planned.code else [])
    if planned.code:
        yield from not_reached("intent")
        return
    shown = terraform.run("show", "-json", "-no-color", "plan.bin")
    yield (
        rego.intent(json.loads(shown.stdout), task.intent, work) if shown.code == 0 else skipped("intent", shown.output)
    )


class _Terraform:
    """Terraform in one folder, with the providers that the gates use."""

    def __init__(self, program: str, work: Path, common: Path) -> None:
        self.program, self.work = program, work
        self.environment = {
            **environment(common),
            "TF_DATA_DIR": str(common / "data"),
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def run(self, *arguments: str) -> Completed:
        """One command. One that does not end in time has failed."""
        argv = [self.program, *arguments]
        try:
            return run(argv, cwd=self.work, timeout=_SECONDS, env=self.environment)
        except ProcessError as error:
            return Completed(argv=tuple(argv), code=1, stdout="", stderr=str(error), seconds=_SECONDS)


def _errors(done: Completed) -> list[str]:
    return [
        f"{row.get('summary', '')}: {row.get('detail', '')} ({_place(row)})"
        for row in diagnostics(done)
        if row.get("severity") == "error"
    ]


def _place(row: dict[str, object]) -> str:
    where = row.get("range")
    if not isinstance(where, dict):
        return "main.tf"
    start = where.get("start")
    return f"{where.get('filename', '')}:{start.get('line', 1) if isinstance(start, dict) else 1}"


def _aliases(content: str) -> list[str]:
    """The aliases of the AWS providers that a file configures; empty text: the one without."""
    found = []
    for block in re.finditer(r'^\s*provider\s+"aws"\s*\{(.*?)^\s*\}', content, re.MULTILINE | re.DOTALL):
        alias = re.search(r'^\s*alias\s*=\s*"([^"]+)"', block.group(1), re.MULTILINE)
        found.append(alias.group(1) if alias else "")
    return found


def _settings_name(content: str) -> str:
    """A provider that is configured is overridden, as Terraform has it; else one is added."""
    return "hug_eval_override.tf" if _aliases(content) else "hug_eval.tf"


def _settings(content: str) -> str:
    aliases = _aliases(content)
    if not aliases:
        return f'provider "aws" {{\n  region = "us-east-1"\n{_SETTINGS}}}\n' if '"aws_' in content else ""
    return "".join(
        f'provider "aws" {{\n{f"  alias = {json.dumps(alias)}" if alias else ""}\n{_SETTINGS}}}\n'
        for alias in dict.fromkeys(aliases)
    )
