"""What every root has alike: name, region, account, tags, variables, the version lock."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hug_agents.facts import tool
from hug_agents.render.infrastructure.aws import agent
from hug_agents.render.infrastructure.aws.dependencies import label
from hug_agents.render.infrastructure.aws.dependencies import variables as dependency_variables
from hug_agents.render.infrastructure.aws.programs import private_registry
from hug_agents.render.infrastructure.aws.trust import deploying, spelled, trust
from hug_agents.render.infrastructure.aws.variables import Variable
from hug_agents.render.infrastructure.hcl import expression, format_hcl, list_of, object_of
from hug_agents.render.naming import stack_name, uses_ecr
from hug_agents.render.templating import Safe, fill, hcl
from hug_agents.spec import DeploymentSpec, Environment

TEMPLATES = "infrastructure/templates/terraform"

LOCK_HASHES = (
    "h1:Ijt7pOlB7Tr7maGQIqtsLFbl7pSMIj06TVdkoSBcYOw=",
    "h1:edXOJWE4ORX8Fm+dpVpICzMZJat4AX0VRCAy/xkcOc0=",
    "zh:054b8dd49f0549c9a7cc27d159e45327b7b65cf404da5e5a20da154b90b8a644",
    "zh:0b97bf8d5e03d15d83cc40b0530a1f84b459354939ba6f135a0086c20ebbe6b2",
    "zh:1589a2266af699cbd5d80737a0fe02e54ec9cf2ca54e7e00ac51c7359056f274",
    "zh:6330766f1d85f01ae6ea90d1b214b8b74cc8c1badc4696b165b36ddd4cc15f7b",
    "zh:7c8c2e30d8e55291b86fcb64bdf6c25489d538688545eb48fd74ad622e5d3862",
    "zh:99b1003bd9bd32ee323544da897148f46a527f622dc3971af63ea3e251596342",
    "zh:9b12af85486a96aedd8d7984b0ff811a4b42e3d88dad1a3fb4c0b580d04fa425",
    "zh:9f8b909d3ec50ade83c8062290378b1ec553edef6a447c56dadc01a99f4eaa93",
    "zh:aaef921ff9aabaf8b1869a86d692ebd24fbd4e12c21205034bb679b9caf883a2",
    "zh:ac882313207aba00dd5a76dbd572a0ddc818bb9cbf5c9d61b28fe30efaec951e",
    "zh:bb64e8aff37becab373a1a0cc1080990785304141af42ed6aa3dd4913b000421",
    "zh:dfe495f6621df5540d9c92ad40b8067376350b005c637ea6efac5dc15028add4",
    "zh:f0ddf0eaf052766cfe09dea8200a946519f653c384ab4336e2a4a64fdd6310e9",
    "zh:f1b7e684f4c7ae1eed272b6de7d2049bb87a0275cb04dbb7cda6636f600699c9",
    "zh:ff461571e3f233699bf690db319dfe46aec75e58726636a0d97dd9ac6e32fb70",
)
"""Of the AWS provider 5.100.0: its signed release's archives (zh) and unpacked content (h1: macOS arm64, Linux amd64).

Source: lock files of public repositories, which agree; the Linux h1 was computed from the provider that the tests run.
"""

_TAG_NOT_ALLOWED = re.compile(r"[^\w\s.:/=+@-]", re.UNICODE)


def hcl_file(template: str, /, **values: object) -> str:
    """Fill a template of the roots and lay it out as `terraform fmt` does."""
    return format_hcl(fill(TEMPLATES, f"root/{template}", **values))


def lock_file() -> str:
    """The dependency lock: `terraform init` accepts exactly this provider."""
    return hcl_file("lock.hcl.j2", provider=tool("aws"), hashes=LOCK_HASHES)


def region(environment: Environment) -> Safe:
    """The region as an expression: the spec's, or a variable."""
    return hcl(environment.region) if environment.region else expression("var.region")


def state_key(spec: DeploymentSpec, name: str) -> str:
    """Where a root's state lies in its bucket."""
    return f"{spec.application}/{name}/terraform.tfstate"


def versions(spec: DeploymentSpec, name: str, environment: Environment) -> str:
    """`versions.tf`: what the root needs, where its state is, and how it signs what it makes."""
    return hcl_file(
        "versions.tf.j2",
        terraform=tool("terraform"),
        provider=tool("aws"),
        state_key=state_key(spec, name),
        region=region(environment),
        account=environment.account,
        tags=tags(spec, name, environment, "terraform"),
    )


def tags(spec: DeploymentSpec, name: str, environment: Environment, by: str) -> dict[str, str]:
    """What every resource is signed with, as AWS takes it."""
    found = {
        "Application": spec.application,
        "Environment": name,
        "Stack": stack_name(spec, environment) if name == environment.name else f"{spec.application}-{name}",
        "ManagedBy": by,
    }
    if owner := owner_tag(spec):
        found["Owner"] = owner
    return found


def dns_zone(domain: str) -> str:
    """The public zone that a domain most likely lies in: the one above it."""
    labels = domain.split(".")
    return ".".join(labels[1:]) if len(labels) > 2 else domain


def owner_tag(spec: DeploymentSpec) -> str:
    """The owner as a tag of AWS can say it; empty where there is none."""
    return " ".join(_TAG_NOT_ALLOWED.sub(" ", spec.owner or "").replace("_", " ").split())[:256].strip()


def pipeline_variables(spec: DeploymentSpec) -> Iterable[Variable]:
    """Whose pipeline may deploy; with a default where the spec says it."""
    found = trust(spec)
    for item in found.settings if found else ():
        yield Variable(
            name=item.name,
            description=item.description,
            default=hcl(item.default) if item.default else None,
            condition=expression(f'can(regex("^{item.pattern}$", var.{item.name}))'),
            error=f"{item.name} must be {item.form}.",
        )


def trusted(spec: DeploymentSpec, place: str) -> tuple[tuple[str, Safe], ...]:
    """The arguments of the module `deploy_role` that say whose jobs get the role of a place."""
    found = trust(spec)
    if found is None:
        return ()
    token = found.tokens[place]
    known = {item.name: f"${{var.{item.name}}}" for item in found.settings}

    def text(value: str) -> Safe:
        alone = re.fullmatch(r"\{(\w+)\}", value)
        return expression(f"var.{alone[1]}" if alone else f'"{spelled(value, known)}"')

    arguments = {
        "issuer": text(token.issuer),
        "audience": text(token.audience),
        "subjects": list_of(text(item) for item in token.subjects),
        "wildcards": hcl(True) if token.like else None,
        "claims": object_of(dict(token.claims)) if token.claims else None,
    }
    return tuple((name, value) for name, value in arguments.items() if value is not None)


def common_variables(spec: DeploymentSpec, environment: Environment) -> Iterable[Variable]:
    """Variables of both kinds of environment, ECS and Kubernetes."""
    production = environment.role == "production"
    if not environment.region:
        yield Variable(
            name="region",
            description="The AWS region.",
            condition=expression('can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))'),
            error="region must be an AWS region, such as eu-west-1.",
        )
    if deploying(spec):
        yield from pipeline_variables(spec)
        yield Variable(
            name="state_bucket",
            description="The bucket of the Terraform state; empty: the one that deploy/deploy.sh uses by itself.",
            default=hcl(""),
        )
    yield Variable(
        name="alert_email",
        description="Who is written to when an alarm goes off; empty: nobody, subscribe to the topic in another way.",
        default=hcl(""),
    )
    yield Variable(
        name="monthly_budget_usd",
        description="A warning, not a limit. Needs the cost allocation tag Stack to be active in the account.",
        type=expression("number"),
        default=hcl(1000 if production else 300),
        condition=expression("var.monthly_budget_usd > 0"),
        error="The budget must be above zero.",
    )
    if agent.secret_keys(spec):
        yield Variable(
            name="secret_prefix",
            description="Stands before the name of every secret, where environments share an account: staging/, say.",
            default=hcl(""),
        )
    yield from dependency_variables(spec)


def registry_variables(spec: DeploymentSpec) -> Iterable[Variable]:
    """Where images come from."""
    if private_registry(spec):
        yield Variable(
            name="registry_secret_arn",
            description="The secret with the login of the image registry (username, password); empty: it is public.",
            default=hcl(""),
        )
    if uses_ecr(spec) and any(service.image is None for service in spec.services):
        home = registry_home(spec)
        yield Variable(
            name="registry_account_id",
            description="The AWS account of the image registry; empty: this one.",
            default=hcl(home.account or ""),
        )
        yield Variable(
            name="registry_region",
            description="The region of the image registry; empty: this one.",
            default=hcl(home.region or ""),
        )


def registry_home(spec: DeploymentSpec) -> Environment:
    """The environment whose account and region keep the images: production's, which must never depend on another."""
    on_aws = [item for item in spec.environments if item.cloud in ("aws", "none")] or list(spec.environments)
    return next((item for item in on_aws if item.role == "production"), on_aws[-1])


def given(spec: DeploymentSpec, environment: Environment) -> dict[str, Safe]:
    """Values for the variables that have no default, for the tests that stand beside a root."""
    values: dict[str, Safe] = {}
    if not environment.region:
        values["region"] = hcl("eu-west-1")
    if deploying(spec):
        values |= given_trust(spec)
    if agent.anywhere(spec):
        values["datadog_agent_image"] = hcl(agent.IMAGE_EXAMPLE)
    for item in spec.dependencies:
        if not item.managed:
            values[label(item.name)] = object_of(_EXISTING[item.kind])
    return values


def given_trust(spec: DeploymentSpec) -> dict[str, Safe]:
    """Values for what nothing says about the CI system."""
    found = trust(spec)
    return {item.name: hcl(item.example) for item in found.settings if not item.default} if found else {}


_ELSEWHERE = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:existing-AbCdEf"
_EXISTING: dict[str, dict[str, object]] = {
    "postgres": {"host": "db.example.com", "port": 5432, "database_name": "app", "secret_arn": _ELSEWHERE},
    "mysql": {"host": "db.example.com", "port": 3306, "database_name": "app", "secret_arn": _ELSEWHERE},
    "redis": {"host": "cache.example.com", "port": 6379, "secret_arn": _ELSEWHERE},
    "queue": {
        "url": "https://sqs.eu-west-1.amazonaws.com/123456789012/existing",
        "arn": "arn:aws:sqs:eu-west-1:123456789012:existing",
    },
    "object_store": {"name": "existing-bucket"},
}
