"""Whose jobs get the pipeline's roles: by whose token AWS knows them, and by what that token says. One function a CI system.

Texts hold what only the owner of an account knows as `{setting}`; Terraform, CloudFormation and Pulumi each spell it their way.
Everything else in them is a validated name of the spec, in which nothing has to be escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hug_agents.render.naming import aws_credential
from hug_agents.render.templating import Safe
from hug_agents.spec import DeploymentSpec, Environment, Line, Model

BUILD = ""
"""The place that is no environment, where images are built and pushed; no environment is called so."""
_NAME = "[A-Za-z0-9_.-]+"
_HOST = "[a-z0-9.-]+(/[A-Za-z0-9_.-]+)*"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SOME_UUID = "-".join("?" * count for count in (8, 4, 4, 4, 12))
"""Any id of its length. `*` would also match a branch that was named to look like the rest of the subject."""


class Setting(Model):
    """What a person tells the infrastructure about the CI system."""

    name: Line
    description: Line
    pattern: Line
    """Of the whole value, as a regular expression; no wildcard matches it."""
    form: Line
    """The same for people."""
    default: Line = ""
    example: Line

    @property
    def camel(self) -> str:
        """`gitlab_host` as `gitlabHost`."""
        first, *others = self.name.split("_")
        return first + "".join(word.title() for word in others)

    @property
    def pascal(self) -> str:
        """`gitlab_host` as `GitlabHost`."""
        return self.camel[0].upper() + self.camel[1:]


class Token(Model):
    """What a token must say."""

    issuer: Line
    """The address of the identity provider without `https://`."""
    audience: Line
    subjects: tuple[Line, ...]
    """Any of them."""
    like: bool = False
    """`?` in a subject stands for one character."""
    claims: tuple[tuple[Line, Line], ...] = ()
    """What must be so where AWS knows the claim of this issuer."""


class Trust(Model):
    """Tokens of one CI system."""

    system: Line
    settings: tuple[Setting, ...]
    tokens: Mapping[str, Token]
    """By the name of an environment, and of `BUILD`."""
    said: Mapping[str, Line]
    """Which jobs get an environment's role, for a comment."""
    approvals: Line
    """What stands before those jobs."""
    role_variable: Line = "The variable AWS_ROLE_ARN of the environment."
    """Where an environment's role is told to the pipeline."""

    def provider(self) -> tuple[str, tuple[str, ...]]:
        """The address of the identity provider and the audiences it has to accept, for people: `CIRCLECI_PROJECT_ID`."""
        known = {item.name: item.default or item.name.upper() for item in self.settings}
        url = spelled(f"https://{self.tokens[BUILD].issuer}", known)
        return url, tuple(dict.fromkeys(spelled(item.audience, known) for item in self.tokens.values()))


def trust(spec: DeploymentSpec) -> Trust | None:
    """The tokens of the spec's CI system; None where no role is written for it."""
    made = TRUSTS.get(spec.toolchain.ci or "")
    return made(spec) if made else None


def deploying(spec: DeploymentSpec) -> Trust | None:
    """The same for who deploys to an environment: Spinnaker does it with an account of its own."""
    return None if spec.toolchain.rollout == "spinnaker" else trust(spec)


def said(spec: DeploymentSpec, environment: Environment) -> Safe:
    """Which jobs get an environment's role, for a comment; made of validated names."""
    found = trust(spec)
    return Safe(found.said[environment.name]) if found else Safe("")


def spelled(text: str, settings: Mapping[str, str]) -> str:
    """A text of a token with its settings as a language spells them."""
    for name, value in settings.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _places(spec: DeploymentSpec) -> tuple[str, ...]:
    return (*(item.name for item in spec.environments), BUILD)


def _github(spec: DeploymentSpec) -> Trust:
    def token(place: str) -> Token:
        where = f"ref:refs/heads/{spec.default_branch}" if place == BUILD else f"environment:{place}"
        issuer = "token.actions.githubusercontent.com"
        return Token(issuer=issuer, audience="sts.amazonaws.com", subjects=(f"repo:{{repository}}:{where}",))

    return Trust(
        system="GitHub",
        settings=(
            Setting(
                name="repository",
                description="The repository on GitHub, owner/name, whose pipeline may deploy here.",
                pattern=f"{_NAME}/{_NAME}",
                form="owner/name",
                default=spec.repository or "",
                example="example/application",
            ),
        ),
        tokens={place: token(place) for place in _places(spec)},
        said={
            place: f'Only jobs of this repository that run in its environment "{place}" get it'
            for place in _places(spec)
        },
        approvals="the approvals of that environment on GitHub stand before them.",
        role_variable="The variable AWS_ROLE_ARN of the GitHub environment.",
    )


def _gitlab(spec: DeploymentSpec) -> Trust:
    # GitLab's subject does not name the environment: its role is for the protected branch, and the role's ARN is a variable
    # of the environment alone. The claim is known to AWS for gitlab.com.
    token = Token(
        issuer="{gitlab_host}",
        audience="https://{gitlab_host}",
        subjects=(f"project_path:{{repository}}:ref_type:branch:ref:{spec.default_branch}",),
        claims=(("ref_protected", "true"),),
    )
    return Trust(
        system="GitLab",
        settings=(
            Setting(
                name="repository",
                description="The project on GitLab, group/project, whose pipeline may deploy here.",
                pattern=f"{_NAME}(/{_NAME})+",
                form="group/project",
                default=spec.repository or "",
                example="example/application",
            ),
            Setting(
                name="gitlab_host",
                description="The host of GitLab; its https:// address is the identity provider's, and the audience.",
                pattern=_HOST,
                form="a host, without https:// and without a port",
                default="gitlab.com",
                example="gitlab.com",
            ),
        ),
        tokens=dict.fromkeys(_places(spec), token),
        said=dict.fromkeys(_places(spec), f'Only jobs of this project\'s branch "{spec.default_branch}" get it'),
        approvals="its ARN is a variable of one protected environment on GitLab, whose approvals stand before those jobs.",
        role_variable="The variable AWS_ROLE_ARN of the GitLab environment.",
    )


def _circleci(spec: DeploymentSpec) -> Trust:
    # AWS cannot see the context of a job, so the role is for the branch, and its ARN is a variable of one restricted context.
    who = f"org/{{circleci_organization_id}}/project/{{circleci_project_id}}/user/{_SOME_UUID}"
    token = Token(
        issuer="oidc.circleci.com/org/{circleci_organization_id}",
        audience="{circleci_organization_id}",
        subjects=(f"{who}/vcs-origin/{{repository}}/vcs-ref/refs/heads/{spec.default_branch}",),
        like=True,
    )
    return Trust(
        system="CircleCI",
        settings=(
            Setting(
                name="circleci_organization_id",
                description="The organization on CircleCI (Organization Settings, Overview): its issuer and its audience.",
                pattern=_UUID,
                form="the id of an organization, a UUID",
                example="00000000-0000-4000-8000-000000000001",
            ),
            Setting(
                name="circleci_project_id",
                description="The project on CircleCI (Project Settings, Overview) whose pipeline may deploy here.",
                pattern=_UUID,
                form="the id of a project, a UUID",
                example="00000000-0000-4000-8000-000000000002",
            ),
            Setting(
                name="repository",
                description="The repository as CircleCI's claim vcs-origin names it: github.com/owner/name.",
                pattern=f"[a-z0-9.-]+(/{_NAME}){{2,}}",
                form="host/owner/name",
                default=f"github.com/{spec.repository}" if spec.repository else "",
                example="github.com/example/application",
            ),
        ),
        tokens=dict.fromkeys(_places(spec), token),
        said=dict.fromkeys(_places(spec), f'Only jobs of this project on its branch "{spec.default_branch}" get it'),
        approvals="its ARN is a variable of one context on CircleCI, which is restricted to those who may deploy there.",
        role_variable="The variable AWS_ROLE_ARN of the environment's context on CircleCI.",
    )


def _jenkins(spec: DeploymentSpec) -> Trust:
    # A folder signs the tokens of the credentials that lie in it; a subject is the address of a job.
    before = [item.name for item in spec.environments if item.role != "production"]

    def jobs(place: str) -> tuple[str, ...]:
        if place == BUILD:
            return ("deploy",)
        return ("deploy", "rollback", "drift", *(["drill"] if before and place == before[-1] else []))

    def token(place: str) -> Token:
        return Token(
            issuer=f"{{jenkins_host}}/oidc/job/{spec.application}",
            audience=aws_credential(spec, place or "build"),
            subjects=tuple(f"https://{{jenkins_host}}/job/{spec.application}/job/{job}/" for job in jobs(place)),
        )

    return Trust(
        system="Jenkins",
        settings=(
            Setting(
                name="jenkins_host",
                description="The address of Jenkins without https:// and without the last slash; AWS must reach it.",
                pattern=_HOST,
                form="a host and perhaps a path, without https:// and without a port",
                example="jenkins.example.com",
            ),
        ),
        tokens={place: token(place) for place in _places(spec)},
        said={
            place: f'Only the jobs {", ".join(jobs(place))} of the folder "{spec.application}" get it'
            for place in _places(spec)
        },
        approvals="they use the credential of this environment alone; who may configure jobs there decides what they do.",
        role_variable="The property ENVIRONMENT_AWS_ROLE_ARN of the folder on Jenkins.",
    )


TRUSTS: dict[str, Callable[[DeploymentSpec], Trust]] = {
    "github_actions": _github,
    "gitlab_ci": _gitlab,
    "circleci": _circleci,
    "jenkins": _jenkins,
}
