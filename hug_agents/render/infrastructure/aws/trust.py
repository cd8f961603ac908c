"""How AWS knows a job of the pipeline: by whose token it comes, and by what that token's subject says. One row a CI system."""

from __future__ import annotations

from hug_agents.render.infrastructure.hcl import expression
from hug_agents.render.templating import Safe, hcl
from hug_agents.spec import DeploymentSpec, Environment, Line, Model


class Trust(Model):
    """Tokens of one CI system."""

    system: Line
    url: Line
    """Of the identity provider."""
    audience: Line
    repository: Line
    """What a repository looks like, as a regular expression; no wildcard matches it."""
    form: Line
    """The same for people."""
    place: Line
    """The subject of a job that runs in an environment, after the repository."""
    branch: Line
    """The subject of a job of the default branch."""
    said: Line
    """Which jobs get an environment's role, for a comment."""
    approvals: Line
    """What stands before those jobs."""
    settings: tuple[tuple[Line, Line], ...] = ()
    """Of the module `deploy_role`, where its defaults are another system's: name and expression."""
    host: Line = ""
    """The variable for a server of one's own, if there may be one."""


TRUSTS: dict[str, Trust] = {
    "github_actions": Trust(
        system="GitHub",
        url="https://token.actions.githubusercontent.com",
        audience="sts.amazonaws.com",
        repository="^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$",
        form="owner/name",
        place="environment:{environment}",
        branch="ref:refs/heads/{branch}",
        said="Only jobs of this repository that run in its environment {environment} get it",
        approvals="the approvals of that environment on GitHub stand before them.",
    ),
    # GitLab's subject does not name the environment: its role is for the protected branch, and the role's ARN is a variable
    # of the environment alone.
    "gitlab_ci": Trust(
        system="GitLab",
        url="https://gitlab.com",
        audience="https://gitlab.com",
        repository="^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$",
        form="group/project",
        place="ref_type:branch:ref:{branch}",
        branch="ref_type:branch:ref:{branch}",
        said="Only jobs of this project's branch {branch} get it",
        approvals="its ARN is a variable of one protected environment on GitLab, whose approvals stand before those jobs.",
        settings=(
            ("issuer", "var.gitlab_host"),
            ("audience", '"https://${var.gitlab_host}"'),
            ("subject_start", '"project_path"'),
        ),
        host="gitlab_host",
    ),
}


def trust(spec: DeploymentSpec) -> Trust | None:
    """The tokens of the spec's CI system; None where no role is written for it."""
    return TRUSTS.get(spec.toolchain.ci or "")


def trusted(spec: DeploymentSpec, environment: str = "") -> tuple[tuple[str, Safe], ...]:
    """The arguments of the module `deploy_role` for an environment, or for the build, that say whose jobs get it."""
    found = trust(spec)
    if found is None:
        return ()
    subject = (found.place if environment else found.branch).format(environment=environment, branch=spec.default_branch)
    return (
        ("repository", expression("var.repository")),
        ("subject", hcl(subject)),
        *((name, expression(value)) for name, value in found.settings),
    )


def said(spec: DeploymentSpec, environment: Environment) -> Safe:
    """Which jobs get an environment's role, for a comment; made of validated names."""
    found = trust(spec)
    names = {"environment": f'"{environment.name}"', "branch": f'"{spec.default_branch}"'}
    return Safe(found.said.format(**names)) if found else Safe("")
