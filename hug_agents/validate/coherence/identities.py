"""By whose token a pipeline gets a role of AWS, and whose tokens the role trusts: audience and subject, one row a place.

What a person tells the infrastructure (a host, an id) stands as `{setting}`, however a file spells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hug_agents.render.infrastructure.pulumi_program import REGISTRY_STACK
from hug_agents.render.naming import CLOUDFORMATION, PULUMI, TERRAFORM
from hug_agents.validate.cfn_lint import template_files
from hug_agents.validate.cfn_template import read
from hug_agents.validate.coherence.fact import Fact, Kind, Role
from hug_agents.validate.located import Located, Malformed, documents
from hug_agents.validate.policy.facts import Facts

_BUILD = "build"
_ACTION = "aws-actions/configure-aws-credentials@"
_ANY_USER = "-".join("?" * count for count in (8, 4, 4, 4, 12))
_BOUND = re.compile(r"credentialsId: '([^']+)', variable: 'ID_TOKEN_FILE'")
_ROLE = re.compile(r'role="\$\{(?:([A-Z0-9_]+)_)?AWS_(BUILD_)?ROLE_ARN\b')
_JOB = re.compile(r"^\s*(\w+): \['([^']+)',")
_STACK = re.compile(r'^\s*"([a-z0-9_-]+)": Identity\(')
_FIELD = re.compile(r"^\s*(?:(audience)=|subjects=\[|(?=f?\"))(.*?)[,\]]*$")
_OUTPUT = re.compile(r"\boutput `(\w*[Rr]ole\w*)`")
_OUTPUTS = (
    (TERRAFORM, re.compile(r'^output "(\w*role\w*)"')),
    (CLOUDFORMATION, re.compile(r"^  (\w*Role\w*):$")),
    (PULUMI, re.compile(r'^\s*pulumi\.export\("(\w*role\w*)"')),
)


def facts(files: Facts) -> Iterator[Fact]:
    """What tokens say is defined by the pipelines; each role refers to that, and all roles together leave none out."""
    trusted = [*_terraform(files), *_cloudformation(files), *_pulumi(files)]
    if not trusted:
        return  # the roles are the owner's
    for read_pipeline in (_github, _gitlab, _circleci, _jenkins):
        yield from read_pipeline(files)
    for kind, value, file, line in trusted:
        roles: tuple[Role, ...] = ("refers", "lists")
        for role in roles:
            yield Fact(kind, value, role, file, line, group=f"the roles of {file.split('/')[1]}")
    yield from _outputs(files)


def _defined(place: str, audience: str, subject: str, file: str, line: int) -> Iterator[Fact]:
    yield Fact("audience", f"{place}: {audience}", "defines", file, line)
    yield Fact("subject", f"{place}: {subject}", "defines", file, line)


def _github(files: Facts) -> Iterator[Fact]:
    for path, document in _yaml(files, ".github/workflows/"):
        jobs = document.data.get("jobs")
        for name, job in jobs.items() if isinstance(jobs, dict) else ():
            for index, step in enumerate(job.get("steps") or ()):
                if not str(step.get("uses", "")).startswith(_ACTION):
                    continue
                line = document.line("jobs", name, "steps", index, "uses")
                environment = job.get("environment")
                place = str(environment.get("name") if isinstance(environment, dict) else environment or "")
                branch = re.search(r"refs/heads/([\w./-]+)", str(job.get("if", "")))
                audience = str((step.get("with") or {}).get("audience", "sts.amazonaws.com"))
                if place and "$" not in place:
                    yield from _defined(place, audience, f"repo:{{repository}}:environment:{place}", path, line)
                elif not place and branch:
                    yield from _defined(_BUILD, audience, f"repo:{{repository}}:ref:refs/heads/{branch[1]}", path, line)


def _gitlab(files: Facts) -> Iterator[Fact]:
    branch = re.search(r'\$CI_COMMIT_BRANCH == "([^"]+)"', files.text(".gitlab-ci.yml"))
    subject = f"project_path:{{repository}}:ref_type:branch:ref:{branch[1] if branch else ''}"
    for path, document in _yaml(files, ".gitlab/ci/"):
        for name, job in document.data.items():
            token = ((job.get("id_tokens") or {}).get("AWS_ID_TOKEN") or {}) if isinstance(job, dict) else {}
            if not token:
                continue
            environment = job.get("environment")
            place = str(environment.get("name") if isinstance(environment, dict) else environment or _BUILD)
            audience = str(token.get("aud")).replace("$CI_SERVER_URL", "https://{gitlab_host}")
            line = document.line(name, "id_tokens", "AWS_ID_TOKEN", "aud")
            if "$" not in place:
                yield from _defined(place, audience, subject, path, line)


def _circleci(files: Facts) -> Iterator[Fact]:
    for path, document in _yaml(files, ".circleci/config.yml"):
        text = files.text(path)
        branch = re.search(r'equal: \["([^"]+)", << pipeline\.git\.branch >>\]', text)
        jobs = document.data.get("jobs")
        for name, job in jobs.items() if isinstance(jobs, dict) else ():
            for index, step in enumerate(job.get("steps") or ()):
                command = str((step.get("run") or {}).get("command", "")) if isinstance(step, dict) else ""
                token = re.search(r"--web-identity-token \"?\$\{?(CIRCLE_OIDC_TOKEN(?:_V2)?)\b", command)
                if token is None:
                    continue
                place = str((job.get("environment") or {}).get("ENVIRONMENT", _BUILD))
                subject = f"org/{{circleci_organization_id}}/project/{{circleci_project_id}}/user/{_ANY_USER}"
                if token[1].endswith("_V2"):
                    subject += f"/vcs-origin/{{repository}}/vcs-ref/refs/heads/{branch[1] if branch else ''}"
                line = document.line("jobs", name, "steps", index)
                yield from _defined(place, "{circleci_organization_id}", subject, path, line)


def _jenkins(files: Facts) -> Iterator[Fact]:
    jobs = files.text("jenkins/jobs.groovy")
    folder = re.search(r"^def folder = '([^']+)'", jobs, re.MULTILINE)
    named = {match[2]: match[1] for row in jobs.splitlines() if (match := _JOB.match(row))}
    places = {item.name.upper().replace("-", "_"): item.name for item in files.spec.environments}
    for path, job in named.items():
        audience, line = "", 0
        for number, row in enumerate(files.text(path).splitlines(), 1):
            if bound := _BOUND.search(row):
                audience, line = bound[1], number
            elif audience and (role := _ROLE.search(row)):
                place = _BUILD if role[2] else places.get(role[1] or "", role[1] or "")
                subject = f"https://{{jenkins_host}}/job/{folder[1] if folder else ''}/job/{job}/"
                yield from _defined(place, audience, subject, path, line)
                audience = ""


Trusted = tuple[Kind, str, str, int]


def _rows(place: str, audience: str, subjects: Iterable[tuple[str, int]], file: str, line: int) -> Iterator[Trusted]:
    yield "audience", f"{place}: {audience}", file, line
    for subject, number in subjects:
        yield "subject", f"{place}: {subject}", file, number


def _terraform(files: Facts) -> Iterator[Trusted]:
    for path, root in files.terraform.items():
        if not (match := re.match(rf"{TERRAFORM}/(?:environments/([^/]+)|registry)/", path)):
            continue
        for block in root.of("module"):
            if not block.text("source").strip('"').endswith("modules/deploy_role"):
                continue
            audience, subjects = block.attributes.get("audience"), block.attributes.get("subjects")
            if audience and subjects:
                said = [(_plain(item), subjects.line) for item in re.findall(r'"(?:[^"\\]|\\.)*"', subjects.text)]
                yield from _rows(match[1] or _BUILD, _plain(audience.text), said, path, audience.line)


def _plain(text: str) -> str:
    """An expression of Terraform with its variables as settings."""
    text = re.sub(r"\$\{var\.(\w+)\}", r"{\1}", text.strip())
    return re.sub(r"^var\.(\w+)$", r"{\1}", text).strip('"')


def _cloudformation(files: Facts) -> Iterator[Trusted]:
    for path in template_files(files.bundle):
        match = re.match(rf"{CLOUDFORMATION}/(?:environments/([^/]+)|registry)/", path)
        try:
            resources, whole = read(path, files.text(path))
        except Malformed:
            continue
        parameters = whole.get("Parameters")
        known = {name: _snake(name) for name in (parameters.value if parameters else ())}
        for resource in resources:
            trust = resource.get("AssumeRolePolicyDocument") if match and resource.type == "AWS::IAM::Role" else None
            statement = trust.document().get("Statement", 0) if trust else None
            if statement is None or not (action := statement.get("Action")) or not action.text.endswith("WebIdentity"):
                continue
            conditions = statement.get("Condition")
            audience, line, subjects = "", statement.line, []
            for test in conditions.value.values() if conditions else ():
                for key, value in test.value.items():
                    said = [(_settled(item.text, known), item.line) for item in value.rows()]
                    if key.endswith(":aud"):
                        [(audience, line)] = said
                    elif key.endswith(":sub"):
                        subjects += said
            yield from _rows(match[1] or _BUILD if match else "", audience, subjects, path, line)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _settled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: f"{{{known.get(found[1], found[1])}}}", text)


def _pulumi(files: Facts) -> Iterator[Trusted]:
    path = f"{PULUMI}/identities.py"
    place, audience, line, subjects = "", "", 0, list[tuple[str, int]]()
    for number, row in enumerate(files.text(path).splitlines(), 1):
        if match := _STACK.match(row):
            if place:
                yield from _rows(place, audience, subjects, path, line)
            place, subjects = (_BUILD if match[1] == REGISTRY_STACK else match[1]), []
        elif place and (field := _FIELD.match(row)):
            said = re.findall(r'f?"([^"]*)"', field[2]) or [f"{{{field[2]}}}"]
            if field[1]:
                audience, line = said[0], number
            elif field[2]:
                subjects += [(item, number) for item in said]
    if place:
        yield from _rows(place, audience, subjects, path, line)


def _outputs(files: Facts) -> Iterator[Fact]:
    """The outputs that the pages of the pipelines send people to."""
    for artifact in files.bundle:
        rows = list(enumerate(artifact.content.splitlines(), 1))
        for folder, pattern in _OUTPUTS:
            if artifact.path.startswith(f"{folder}/"):
                for number, row in rows:
                    if match := pattern.match(row):
                        yield Fact("output", match[1], "defines", artifact.path, number)
        if artifact.path.endswith("/DEPLOYMENT.md"):
            for number, row in rows:
                for name in _OUTPUT.findall(row):
                    yield Fact("output", name, "refers", artifact.path, number)


def _yaml(files: Facts, under: str) -> Iterator[tuple[str, Located]]:
    for artifact in files.bundle:
        if artifact.path.startswith(under) and artifact.path.endswith((".yml", ".yaml")):
            try:
                yield from (
                    (artifact.path, item) for item in documents(artifact.content) if isinstance(item.data, dict)
                )
            except Malformed:
                continue
