"""Jenkins' pipelines: judged by our structural check, their shell by shellcheck and by running it, their text as data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.process import Completed, find, run
from hug_agents.render.pipelines import jenkins
from hug_agents.render.pipelines.jenkins_syntax import groovy, shell
from hug_agents.spec import DeploymentSpec
from hug_agents.validate import run_gates
from hug_agents.validate.groovy import Statement, statements
from tests.examples import HOSTILE, ecs_canary, kubernetes_rolling, minimal
from tests.render.pipelines.test_github_actions import SPECS, VARIANTS, toolchain

SPECS = {name: toolchain(spec, ci="jenkins") for name, spec in SPECS.items()}
TYPICAL = ("ecs_canary", "kubernetes_rolling", "kubernetes_canary_eks", "hostile", "four environments")


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    return {item.path: item for item in jenkins.render(plan(spec))}


def every(spec: DeploymentSpec, path: str) -> list[Statement]:
    return [inner for item in statements(rendered(spec)[path].content) for inner in item.walk()]


def scripts(spec: DeploymentSpec, path: str) -> dict[str, str]:
    """The lines of each `sh` step by its label; the last of one label."""
    found = {}
    for item in every(spec, path):
        script = item.named("script") if item.name == "sh" else None
        label = item.named("label")
        if script is not None and label is not None:
            found[label.text] = script.text
    return found


def stage(spec: DeploymentSpec, path: str, name: str) -> Statement:
    return next(
        item for item in every(spec, path) if item.name == "stage" and (item.first() or item.tokens[0]).text == name
    )


def in_stage(found: Statement, label: str) -> str:
    texts = [(item.named("label"), item.named("script")) for item in found.walk() if item.name == "sh"]
    return next(script.text for name, script in texts if script and name and name.text == label)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_checks_have_nothing_to_say(name: str) -> None:
    blueprint = plan(SPECS[name])
    bundle = Bundle(SPECS[name].digest(), list(jenkins.render(blueprint)))
    results = run_gates(bundle, blueprint, only=["jenkins pipeline", *(["hadolint"] if name in TYPICAL else [])])
    assert [item for result in results for item in result.findings] == []
    assert {result.name for result in results if result.status == "passed"} >= {"jenkins pipeline"}


@pytest.mark.parametrize("name", TYPICAL)
def test_shellcheck_has_nothing_against_any_script(name: str, tmp_path: Path) -> None:
    if find("shellcheck") is None:
        pytest.skip("shellcheck is not installed: install with pip install 'hug-agents[gates]'")
    number = 0
    for path in rendered(SPECS[name]):
        if path.endswith("Jenkinsfile"):
            for script in scripts(SPECS[name], path).values():
                number += 1
                text = script if script.startswith("#!") else f"#!/bin/sh\n{script}"
                (tmp_path / f"{number}.sh").write_text(text + "\n")
    # SC2154: CORRELATION and the like come from the build's parameters.
    argv = [
        "shellcheck",
        "--severity=warning",
        "--exclude=SC2154",
        *(str(item) for item in sorted(tmp_path.glob("*.sh"))),
    ]
    done = run(argv, cwd=tmp_path, timeout=60)
    assert number > 10
    assert done.code == 0, done.output[-3000:]


def test_a_groovy_string_says_what_it_was_given() -> None:
    for text in (HOSTILE, "it's", "\\u0041 \\", "$x ${y} \U0001f600 é", "a\n'''b\t", ""):
        (token,) = (item for item in statements(f"echo {groovy(text)}")[0].tokens if item.kind == "string")
        assert (token.text, token.interpolates) == (text, False)
        (_, step) = (item for item in statements(shell("x", f"echo {text!a}"))[0].tokens if item.kind == "string")
        assert f"echo {text!a}" in step.text


def test_hostile_text_is_data(tmp_path: Path) -> None:
    spec = SPECS["hostile"]
    build = spec.services[0].build
    assert build is not None
    assert build.stack is not None
    assert build.stack.test_command is not None
    test = scripts(spec, "jenkins/verify.Jenkinsfile")["Test"]
    folder = tmp_path / build.context
    folder.mkdir()
    seen = tmp_path / "seen"
    programs = {"uv": f'shift; printf "%s" "$PWD" >"{seen}.folder"; printf "%s" "$5" >"{seen}"'}
    assert bash(test, tmp_path, programs).code == 0
    assert seen.read_text() == build.stack.test_command
    assert Path(f"{seen}.folder").read_text() == str(folder)


def bash(script: str, root: Path, programs: dict[str, str], **env: str) -> Completed:
    """Run a step's lines with programs of ours before the real ones."""
    folder = root / "bin"
    folder.mkdir(exist_ok=True)
    for name, body in programs.items():
        target = root / name if "/" in name else folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("#!/usr/bin/env bash\n" + body)
        target.chmod(0o755)
    given = {"WORKSPACE_TMP": str(root), "BUILD_NUMBER": "7", **env, "PATH": f"{folder}:/usr/bin:/bin"}
    return run(["bash", "-c", script], cwd=root, timeout=60, env=given)


AWS = """case "$1 $2" in
  "sts assume-role-with-web-identity") echo "$*" >called; printf 'ID\\tSECRET\\tTOKEN\\n' ;;
  *) exit 1 ;;
esac
"""


@pytest.mark.parametrize(("account", "code"), [("222222222222", 0), ("333333333333", 1)])
def test_only_a_role_of_the_right_account_is_assumed(account: str, code: int, tmp_path: Path) -> None:
    script = in_stage(stage(SPECS["ecs_canary"], "Jenkinsfile", "Deploy to production"), "Assume the deployment role")
    role = f"arn:aws:iam::{account}:role/deploy"
    done = bash(script, tmp_path, {"aws": AWS}, PRODUCTION_AWS_ROLE_ARN=role, ID_TOKEN_FILE="/run/token")
    assert done.code == code, done.output
    if code == 0:
        assert "aws_session_token = TOKEN" in (tmp_path / "aws").read_text()
        assert (tmp_path / "aws").stat().st_mode & 0o077 == 0, "nobody else reads it"
        assert "--web-identity-token file:///run/token" in (tmp_path / "called").read_text()
    missing = bash(script, tmp_path, {"aws": AWS}, ID_TOKEN_FILE="/run/token")
    assert "PRODUCTION_AWS_ROLE_ARN: a property of the folder" in missing.output


@pytest.mark.parametrize(("commit", "code"), [("", 0), ("abc", 0), ("def", 1)])
def test_another_commit_than_ordered_is_refused(commit: str, code: int, tmp_path: Path) -> None:
    script = scripts(SPECS["ecs_canary"], "Jenkinsfile")["Is it the commit that was ordered?"]
    assert bash(script, tmp_path, {}, REVISION="abc", COMMIT=commit).code == code


@pytest.mark.parametrize(("changed", "rolled_back"), [(True, True), (False, False)])
def test_ecs_undoes_only_what_was_begun(changed: bool, rolled_back: bool, tmp_path: Path) -> None:
    deploy = (
        'case "$1" in\n  status) cat state ;;\n'
        f"  rollout) {'echo release two moving >state;' if changed else ''} exit 1 ;;\n"
        "  rollback) touch rolled-back ;;\nesac\n"
    )
    (tmp_path / "state").write_text("release one (done)\n")
    found = stage(SPECS["ecs_canary"], "Jenkinsfile", "Deploy to production")
    programs = {"deploy/deploy.sh": deploy}
    assert bash(in_stage(found, "Roll back"), tmp_path, programs).code == 0, "nothing was begun"
    assert not (tmp_path / "rolled-back").exists()
    assert bash(in_stage(found, "Mark that the rollout begins"), tmp_path, programs).code == 0
    assert bash(in_stage(found, "Roll out (canary)"), tmp_path, programs).code == 1
    assert bash(in_stage(found, "Roll back"), tmp_path, programs).code == 0
    assert (tmp_path / "rolled-back").exists() is rolled_back


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (
            "ecs_canary",
            "release   r1 (done)\nblue\tlive\t100 %\tapi\tr/x@sha256:1\ngreen\tprevious\t0 %\tapi\tr/x@sha256:0\n",
        ),
        ("kubernetes_rolling", "08:00:00Z  ledger in staging (x): done\n  api  r/x@sha256:1\n"),
    ],
)
def test_the_drill_returns_to_what_ran(name: str, status: str, tmp_path: Path) -> None:
    if find("jq") is None:
        pytest.skip("jq is not installed: install with apt-get install jq")
    (tmp_path / "given").write_text(status)
    script = scripts(SPECS[name], "jenkins/drill.Jenkinsfile")["Note what runs now"]
    assert bash(script, tmp_path, {"deploy/deploy.sh": "cat given\n"}).code == 0
    assert (tmp_path / "images.json").read_text().split() == ["{", '"api":', '"r/x@sha256:1"', "}"]


def test_production_is_asked_for_and_comes_last() -> None:
    spec = SPECS["four environments"]
    names = [(item.first() or item.tokens[0]).text for item in every(spec, "Jenkinsfile") if item.name == "stage"]
    assert [name for name in names if name.startswith(("Deploy", "Approve"))] == [
        "Deploy to dev", "Deploy to qa", "Approve prod-eu", "Deploy to prod-eu", "Approve prod-us", "Deploy to prod-us",
    ]  # fmt: skip
    asked = stage(spec, "Jenkinsfile", "Approve prod-eu")
    words = {item.name: item for item in asked.walk()}
    assert words["submitter"].tokens[1].text == "payments-api-prod-eu-approvers"
    assert words["timeout"].named("unit").text == "DAYS"  # type: ignore[union-attr]
    assert "lock" not in words, "who waits for an approval holds no lock"
    assert "agent" not in words, "and no agent"


def test_a_rollback_is_never_held_up() -> None:
    text = rendered(SPECS["four environments"])["jenkins/rollback.Jenkinsfile"].content
    assert "input {" not in text
    assert "WINDOWS" not in text
    locks = set(re.findall(r"lock\(resource: '([^']+)'", text))
    assert locks.isdisjoint(
        re.findall(r"lock\(resource: '([^']+)'", rendered(SPECS["four environments"])["Jenkinsfile"].content)
    )


def test_no_credential_is_bound_in_verify_and_every_other_by_its_id() -> None:
    for name, spec in SPECS.items():
        files = rendered(spec)
        assert "credentials" not in files["jenkins/verify.Jenkinsfile"].content.replace("holds a credential", ""), name
        for path, item in files.items():
            if path.endswith("Jenkinsfile"):
                for found in re.findall(r"credentialsId: '([^']*)'", item.content):
                    assert f"`{found}`" in files["jenkins/DEPLOYMENT.md"].content, (path, found)


def test_the_drill_runs_beside_production_or_not_at_all() -> None:
    assert "jenkins/drill.Jenkinsfile" not in rendered(SPECS["production alone"])
    drill = rendered(SPECS["four environments"])["jenkins/drill.Jenkinsfile"].content
    assert "payments-api-qa" in drill
    assert "prod" not in drill


def test_images_are_pinned() -> None:
    for name, spec in SPECS.items():
        for path, item in rendered(spec).items():
            for image in re.findall(r"(?:docker\.image\('|^FROM )([^'\n]+)", item.content, re.MULTILINE):
                assert "@sha256:" in image, (name, path, image)


def test_the_same_spec_gives_the_same_bytes() -> None:
    for make in (minimal, ecs_canary, kubernetes_rolling):
        spec = toolchain(make(), ci="jenkins")
        again = DeploymentSpec.model_validate_json(spec.model_dump_json())
        assert {path: item.sha256 for path, item in rendered(spec).items()} == {
            path: item.sha256 for path, item in rendered(again).items()
        }


def test_holds_that_are_too_long_are_said() -> None:
    long = toolchain(VARIANTS["holds of a day"], ci="jenkins")
    assert "The plan's holds take longer" in rendered(long)["jenkins/DEPLOYMENT.md"].content
    assert "The plan's holds take longer" not in rendered(SPECS["ecs_canary"])["jenkins/DEPLOYMENT.md"].content
