"""Every pipeline sets up what the deploy script beside it needs, in every job that calls it, and nothing of another tool's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.spec import DeploymentSpec
from hug_agents.validate.groovy import statements
from tests.examples import ALL, ecs_canary, minimal
from tests.render.pipelines.test_github_actions import toolchain

CI = ("gitlab_ci", "jenkins", "circleci")
SPECS: dict[str, DeploymentSpec] = {
    **{name: make() for name, make in ALL.items()},
    "cloudformation": toolchain(ecs_canary(), iac="cloudformation"),
    "cloudformation, nothing built": toolchain(minimal(), iac="cloudformation"),
    "cloudformation, no repository": toolchain(ecs_canary(), iac="cloudformation").model_copy(
        update={"repository": None}
    ),
}
SCRIPT = "deploy/deploy.sh"
DEBIAN = {"bash", "gzip"}
MACHINE = {"bash", "gzip", "jq", "curl", "git", "aws", "python3"}
"""CircleCI's Ubuntu machine has these: circleci.com/developer/machine/image/ubuntu-2404."""
DOWNLOADED = {"terraform", "nomad", "pulumi", "kubectl", "kubectl-argo-rollouts"}
"""No image has them and no package of Debian."""

Files = dict[str, str]


@cache
def files(name: str, ci: str) -> Files:
    spec = toolchain(SPECS[name], ci=ci)
    return {item.path: item.content for item in render(plan(spec))}


def needed(found: Files) -> set[str]:
    """The programs that the script says it needs."""
    (said,) = re.findall(r"Needs:? ([a-z].*?[a-z])\.(?: |$)", found[SCRIPT], re.MULTILINE)
    programs = {item.split()[0] for item in said.split(", ")}
    return programs | ({"kubectl-argo-rollouts"} if "plugin argo-rollouts" in said else set())


def demanded(found: Files) -> set[str]:
    """The variables without which the script stops, or that name what it keeps its state in."""
    script = found[SCRIPT]
    names = set(re.findall(r'die "set ([A-Z_]+)', script))
    names |= set(re.findall(r"\b(?:TF_STATE|PULUMI_STATE|TEMPLATE)_BUCKET\b", script))
    if "aws" in needed(found):
        names.add("AWS_ROLE_ARN")
    return names | ({"NOMAD_TOKEN"} if "NOMAD_ADDR" in names else set()) | ({"GATE_TOKEN"} & set(script.split()))


def of_ci(found: Files, ci: str) -> Files:
    starts = {"gitlab_ci": (".gitlab",), "jenkins": ("Jenkinsfile", "jenkins/"), "circleci": (".circleci/",)}[ci]
    return {path: text for path, text in found.items() if path.startswith(starts)}


def callers(found: Files, ci: str) -> Iterator[tuple[str, set[str]]]:
    """Each job that calls the script, with the programs that it has."""
    mine = of_ci(found, ci)
    if ci == "gitlab_ci":
        steps = mine[".gitlab/ci/steps.sh"]
        known = {item for item in DOWNLOADED if re.search(rf"^ +{re.escape(item)}\) ", steps, re.MULTILINE)}
        for path, text in mine.items():
            if path.startswith(".gitlab/ci/") and path.endswith(".yml"):
                for name, job in list(yaml.load_all(text, yaml.CSafeLoader))[-1].items():
                    for part in ("script", "after_script"):
                        lines = "\n".join(job.get(part, ()))
                        if SCRIPT + " " in lines:
                            asked = set(" ".join(re.findall(r"^ *need (.+)$", lines, re.MULTILINE)).split())
                            yield f"{name} {part}", DEBIAN | (asked - DOWNLOADED) | (asked & known)
    elif ci == "jenkins":
        image = mine["jenkins/agent/Dockerfile"]
        (packages,) = re.findall(r"--no-install-recommends (.+?) \\", image)
        has = DEBIAN | {"aws" if item == "awscli" else item for item in packages.split()}
        has |= {item for item in DOWNLOADED if re.search(rf"(?:/|\.zip ){item}(?:\.tar\.gz)? ", image)}
        has |= {"python3"} if "FROM python:" in image else set()
        for path, text in mine.items():
            if path.endswith("Jenkinsfile"):
                for outer in statements(text):
                    for stage in outer.walk():
                        inner = list(stage.walk())
                        if stage.name != "stage" or sum(item.name == "stage" for item in inner) > 1:
                            continue
                        shells = [item.named("script") for item in inner if item.name == "sh"]
                        if any(item and f"{SCRIPT} " in item.text for item in shells):
                            boxed = any(item.name == "dockerfile" for item in inner)
                            yield f"{path} {(stage.first() or stage.tokens[0]).text}", has if boxed else set()
    else:
        config = yaml.load(mine[".circleci/config.yml"], yaml.CSafeLoader)
        install = config["commands"]["tools"]["steps"][0]["run"]["command"]
        has = {item for item in DOWNLOADED if re.search(rf"(?:/|\.zip ){item}(?:\.tar\.gz)? ", install)}
        for name, job in config["jobs"].items():
            before = True
            there: set[str] = MACHINE if job.get("executor") == "machine" else set()
            for step in job["steps"]:
                there = there | has if step == "tools" else there
                if before and isinstance(step, dict) and f"{SCRIPT} " in str(step.get("run", "")):
                    before = False
                    yield name, there


def wrong(found: Files, ci: str) -> list[str]:
    """What a pipeline lacks for its script, or sets up for another tool."""
    mine = of_ci(found, ci)
    text = "\n".join(mine.values())
    jobs = list(callers(found, ci))
    says = [f"{job} has no {item}" for job, has in jobs for item in sorted(needed(found) - has)]
    says += [f"nothing says {name}" for name in sorted(demanded(found)) if not re.search(rf"(?<![A-Z]){name}\b", text)]
    says += [] if len(jobs) >= 3 else ["hardly a job calls the script"]
    if not any(path.startswith("infrastructure/terraform/") for path in found):
        says += [f"{path} speaks of Terraform" for path, body in mine.items() if re.search("terraform|TF_", body, re.I)]
    drift = "\n".join(body for path, body in mine.items() if "drift" in path or path.endswith("config.yml"))
    if f"{SCRIPT} drift ENV" in found[SCRIPT] and f"{SCRIPT} drift " not in drift:
        says.append("nobody asks CloudFormation for drift")
    return says


@pytest.mark.parametrize("ci", CI)
@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_job_that_calls_the_script_has_what_it_needs(name: str, ci: str) -> None:
    assert wrong(files(name, ci), ci) == []


MUTATIONS = [
    ("nomad_canary", "gitlab_ci", ".gitlab/ci/rollback.yml", "need nomad ", "need ", "has no nomad"),
    ("nomad_canary", "gitlab_ci", ".gitlab/ci/steps.sh", " nomad) ", " nomads) ", "has no nomad"),
    ("nomad_canary", "gitlab_ci", ".gitlab/ci/steps.sh", "NOMAD_TOKEN", "TOKEN", "nothing says NOMAD_TOKEN"),
    ("nomad_canary", "jenkins", "jenkins/agent/Dockerfile", "/tmp/nomad.zip nomad ", "/tmp/n.zip ", "has no nomad"),
    ("nomad_canary", "circleci", ".circleci/config.yml", "      - tools\n", "", "has no nomad"),
    ("pulumi_blue_green", "jenkins", "jenkins/agent/Dockerfile", "FROM python:", "FROM debian:", "has no python3"),
    ("pulumi_blue_green", "circleci", ".circleci/config.yml", "pulumi.tar.gz ", "p.tar.gz ", "has no pulumi"),
    ("pulumi_blue_green", "gitlab_ci", ".gitlab/DEPLOYMENT.md", "PULUMI_STATE", "STATE", "PULUMI_STATE_BUCKET"),
    ("cloudformation", "gitlab_ci", ".gitlab/ci/drift.yml", "deploy.sh drift", "deploy.sh status", "for drift"),
    ("cloudformation", "jenkins", "jenkins/agent/Dockerfile", "# Jenkins", "# terraform", "speaks of Terraform"),
    ("argo_canary", "circleci", ".circleci/config.yml", "/kubectl-argo-rollouts", "/x", "has no kubectl-argo-rollouts"),
    ("kubernetes_spinnaker", "jenkins", "jenkins/agent/Dockerfile", " git ", " ", "has no git"),
]


@pytest.mark.parametrize(("name", "ci", "path", "old", "new", "said"), MUTATIONS)
def test_what_is_taken_away_is_missed(name: str, ci: str, path: str, old: str, new: str, said: str) -> None:
    found = files(name, ci)
    assert old in found[path]
    assert said in "\n".join(wrong({**found, path: found[path].replace(old, new)}, ci))
