"""GitHub workflows, judged by actionlint, zizmor and the schema, and by running their scripts."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from hug_agents import facts
from hug_agents.bundle import Artifact
from hug_agents.planning import plan
from hug_agents.process import Completed, find, run
from hug_agents.render.pipelines import github_actions
from hug_agents.render.pipelines.schedule import drill_cron
from hug_agents.spec import Build, DeploymentSpec, Environment, Service, Stack, Step, Strategy, Window
from tests.examples import ALL, HOSTILE, ecs_canary, kubernetes_rolling, minimal, shop_ecs_blue_green

LINE = HOSTILE.replace("\n", " ")


def rendered(spec: DeploymentSpec) -> dict[str, Artifact]:
    return {item.path: item for item in github_actions.render(plan(spec))}


def workflows(spec: DeploymentSpec) -> dict[str, dict[str, Any]]:
    """By file name; `on` is read as text, as GitHub does."""
    return {
        Path(path).stem: yaml.load(item.content.replace("\non:\n", '\n"on":\n'), yaml.CSafeLoader)
        for path, item in rendered(spec).items()
        if path.endswith(".yml")
    }


def jobs(spec: DeploymentSpec) -> list[tuple[str, str, dict[str, Any]]]:
    return [(file, name, job) for file, flow in workflows(spec).items() for name, job in flow["jobs"].items()]


def step_of(spec: DeploymentSpec, file: str, job: str, name: str) -> dict[str, Any]:
    return next(step for step in workflows(spec)[file]["jobs"][job]["steps"] if step["name"].startswith(name))


def built(stack: Stack, context: str = ".", **more: Any) -> DeploymentSpec:
    """One service, built in one way."""
    service = Service(name="api", port=8080, health_path="/", build=Build(context=context, stack=stack, **more))
    return minimal().model_copy(update={"services": (service,)})


def toolchain(spec: DeploymentSpec, **changes: Any) -> DeploymentSpec:
    return spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update=changes)})


PLACES = tuple(
    Environment.model_validate({"name": name, "role": role, "cloud": "aws"})
    for name, role in (("prod-eu", "production"), ("dev", "development"), ("prod-us", "production"), ("qa", "staging"))
)
WINDOWS = (
    Window(days=("mon", "tue"), start="09:00", end="16:00", timezone="Europe/Berlin"),
    Window(days=("sat",), start="22:00", end="02:00", timezone="UTC"),
)
VARIANTS: dict[str, DeploymentSpec] = {
    "four environments": ecs_canary().model_copy(update={"environments": PLACES, "windows": WINDOWS}),
    "production alone": ecs_canary().model_copy(update={"environments": ecs_canary().environments[1:]}),
    "no owner known": toolchain(kubernetes_rolling(), registry_host="").model_copy(update={"repository": None}),
    "a registry with a port": toolchain(kubernetes_rolling(), registry_host="registry.example.com:5000/team/a"),
    "holds of a day": ecs_canary().model_copy(
        update={"strategy": Strategy(kind="canary", steps=(Step(weight=5, hold_seconds=86_400), Step(weight=100)))}
    ),
    "uv": built(Stack(language="python", package_manager="uv", lock_file="uv.lock", test_command="pytest -q")),
    "poetry": built(Stack(language="python", package_manager="poetry", test_command="poetry run pytest")),
    "npm without a lock": built(Stack(language="node", package_manager="npm", test_command="npm test")),
    "yarn": built(Stack(language="node", package_manager="yarn", lock_file="yarn.lock", test_command="yarn test"), "w"),
    "go without a version": built(Stack(language="go", package_manager="go", test_command="go test ./..."), "cmd/a b"),
    "gradle": built(Stack(language="java", package_manager="gradle", test_command="./gradlew check")),
    "hostile": built(
        Stack(
            language="python",
            package_manager="uv",
            requirements_file=LINE,
            lock_file=LINE,
            test_command="echo '" + LINE + "'; ${{ github.token }} && true: yes # no",
        ),
        context="a ${{ secrets.X }} 'b' \"c\"",
        dockerfile="docker ${{ github.event.issue.title }}/Dockerfile #x",
    ),
    "a command that is YAML": built(Stack(language="python", package_manager="pip", test_command="true")),
}
SPECS = {**{name: make() for name, make in ALL.items()}, **VARIANTS}


def lay_out(spec: DeploymentSpec, root: Path) -> list[str]:
    names = []
    for path, item in rendered(spec).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(item.content, encoding="utf-8")
        if path.endswith(".yml"):
            names.append(path)
    return names


def tool(name: str, root: Path, *arguments: str) -> Completed:
    if find(name) is None:
        pytest.skip(f"{name} is not installed: install with pip install 'hug-agents[gates]'")
    return run([name, *arguments], cwd=root, timeout=120)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_tools_have_nothing_to_say(name: str, tmp_path: Path) -> None:
    files = lay_out(SPECS[name], tmp_path)
    shellcheck = find("shellcheck")
    checks = [
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files),
        ("actionlint", "-no-color", "-pyflakes=", f"-shellcheck={shellcheck or ''}", *files),
        ("zizmor", "--offline", "--no-config", "--no-progress", "--persona", "pedantic", *files),
    ]
    for program, *arguments in checks:
        done = tool(program, tmp_path, *arguments)
        assert done.code == 0, done.output[-4000:]


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_job_is_bounded_and_asks_for_little(name: str) -> None:
    for file, flow in workflows(SPECS[name]).items():
        assert flow["permissions"] == {}, file
        assert flow["defaults"]["run"]["shell"] == "bash", "without it a failure inside a pipe is not seen"
    for file, job_name, job in jobs(SPECS[name]):
        assert job["runs-on"] == "ubuntu-24.04"
        assert 0 < job["timeout-minutes"] <= 360, (file, job_name)
        assert set(job["permissions"]) <= {"contents", "id-token", "packages", "actions"}
        assert [key for key, value in job["permissions"].items() if value == "write" and key == "contents"] == []
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "an expression in a script is an injection"
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}
    verify = [job for file, _, job in jobs(SPECS[name]) if file == "verify"]
    assert all(job["permissions"] == {"contents": "read"} for job in verify), "a pull request holds no credential"
    assert "${{ secrets." not in json.dumps(verify).replace("${{ '${{' }}", "")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_action_is_a_pinned_fact(name: str) -> None:
    for path, item in rendered(SPECS[name]).items():
        for reference, version in re.findall(r"^ +uses: (\S+)(?: # (\S+))?$", item.content, re.MULTILINE):
            owner, _, sha = reference.partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", sha), path
            assert facts.action(owner) == (reference, version)
        assert len(re.findall(r"\buses:", item.content)) == len(re.findall(r"^ +uses: ", item.content, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(SPECS))
def test_production_comes_last_and_only_after_the_rest(name: str) -> None:
    spec = SPECS[name]
    deploy = workflows(spec)["deploy"]
    chain = [job for job in deploy["jobs"] if job.startswith("deploy-")]
    roles = {item.name: item.role for item in spec.environments}
    order = [roles[job.removeprefix("deploy-")] == "production" for job in chain]
    assert order == sorted(order)
    assert len(chain) == len(roles)
    for before, job in zip(["images", *chain], chain, strict=False):
        assert deploy["jobs"][job]["needs"] == before
        assert deploy["jobs"][job]["environment"]["name"] == job.removeprefix("deploy-")
    assert deploy["concurrency"]["cancel-in-progress"] is False
    assert deploy["on"]["push"] == {"branches": [spec.default_branch]}


def test_staging_is_before_production_in_the_order_of_the_request() -> None:
    deploy = workflows(VARIANTS["four environments"])["deploy"]
    chain = [job for job in deploy["jobs"] if job.startswith("deploy-")]
    assert chain == ["deploy-dev", "deploy-qa", "deploy-prod-eu", "deploy-prod-us"]
    windows = [job for job in chain if any("windows" in step["name"] for step in deploy["jobs"][job]["steps"])]
    assert windows == ["deploy-prod-eu", "deploy-prod-us"]


def unescaped(text: str) -> str:
    """What Actions makes of a string that holds only our expression for `${{`."""
    value = text.replace("${{ '${{' }}", "\0")
    assert "${{" not in value
    return value.replace("\0", "${{")


def test_hostile_text_is_data() -> None:
    spec = VARIANTS["hostile"]
    build = spec.services[0].build
    assert build is not None
    assert build.stack is not None
    verify = workflows(spec)["verify"]["jobs"]
    test = verify["test-api"]["steps"][-1]
    assert unescaped(test["env"]["COMMAND"]) == build.stack.test_command
    assert test["run"] == 'uv run bash -euo pipefail -c "$COMMAND"'
    for flow, job in (("verify", "image"), ("deploy", "build")):
        row = workflows(spec)[flow]["jobs"][job]["strategy"]["matrix"]["include"][0]
        assert unescaped(row["context"]) == build.context
        assert unescaped(row["dockerfile"]) == build.dockerfile
    assert unescaped(verify["test-api"]["defaults"]["run"]["working-directory"]) == build.context


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        (
            "ecs_canary",
            ["python -m pip install --requirement requirements.txt", "python -m pip install pytest", "pytest"],
        ),
        ("uv", ["uv sync --locked", "uv run pytest -q"]),
        ("poetry", ["pipx install poetry", "poetry install --no-interaction", "poetry run pytest"]),
        ("npm without a lock", ["npm install", "npm test"]),
        ("yarn", ["corepack enable", "yarn install --frozen-lockfile", "yarn test"]),
        ("gradle", ["./gradlew check"]),
        ("a command that is YAML", ["true"]),
    ],
)  # fmt: skip
def test_tests_run_as_the_stack_runs_them(name: str, commands: list[str]) -> None:
    job = next(job for _, job_name, job in jobs(SPECS[name]) if job_name.startswith("test-"))
    assert [step["run"] for step in job["steps"] if "run" in step] == commands


def test_services_of_one_folder_are_tested_once_and_built_each() -> None:
    verify = workflows(shop_ecs_blue_green())["verify"]["jobs"]
    assert [name for name in verify if name.startswith("test-")] == ["test-web", "test-api"]
    rows = verify["image"]["strategy"]["matrix"]["include"]
    assert [row["service"] for row in rows] == ["web", "api", "mailer", "report"]


@pytest.mark.parametrize(
    ("name", "permission", "step"),
    [
        ("ecs_canary", "id-token", "Sign in to ECR"),
        ("no owner known", "packages", "Sign in to the registry"),
        ("a registry with a port", "contents", "Sign in to the registry"),
    ],
)
def test_registries(name: str, permission: str, step: str) -> None:
    build = workflows(SPECS[name])["deploy"]["jobs"]["build"]
    assert set(build["permissions"]) == {"contents", permission}
    assert step in [item["name"] for item in build["steps"]]
    if name == "a registry with a port":
        login = step_of(SPECS[name], "deploy", "build", step)["with"]
        assert login["registry"] == "registry.example.com:5000"
        assert login["password"] == "${{ secrets.REGISTRY_PASSWORD }}"


def test_time_limits_come_from_the_plan() -> None:
    spec = ecs_canary()
    rollout = step_of(spec, "deploy", "deploy-production", "Roll out")
    assert rollout["timeout-minutes"] == -(-plan(spec).rollout.seconds // 60) + 45
    long = VARIANTS["holds of a day"]
    assert step_of(long, "deploy", "deploy-production", "Roll out")["timeout-minutes"] == 330
    assert "The plan's holds take longer" in rendered(long)[".github/DEPLOYMENT.md"].content
    assert "The plan's holds take longer" not in rendered(spec)[".github/DEPLOYMENT.md"].content
    for file, name, job in jobs(long):
        for step in job["steps"]:
            seconds = step.get("with", {}).get("role-duration-seconds", 0)
            assert seconds <= 21_600, (file, name, "AWS gives a role for six hours at most")


def test_credentials_are_those_of_the_place() -> None:
    eks = workflows(SPECS["kubernetes_canary_eks"])["deploy"]["jobs"]["deploy-staging"]
    assert eks["permissions"]["id-token"] == "write"
    assert (
        "aws eks update-kubeconfig"
        in step_of(SPECS["kubernetes_canary_eks"], "deploy", "deploy-staging", "Connect")["run"]
    )
    other = workflows(kubernetes_rolling())["deploy"]["jobs"]["deploy-staging"]
    assert "id-token" not in other["permissions"]
    assert step_of(kubernetes_rolling(), "deploy", "deploy-staging", "Connect")["env"] == {
        "KUBE_CONFIG": "${{ secrets.KUBE_CONFIG }}"
    }
    account = step_of(ecs_canary(), "deploy", "deploy-production", "Assume")["with"]["allowed-account-ids"]
    assert account == "222222222222"


def test_the_rollback_is_rehearsed_beside_production_or_not_at_all() -> None:
    assert "drill" not in workflows(VARIANTS["production alone"])
    drill = workflows(VARIANTS["four environments"])["drill"]["jobs"]["drill"]
    assert drill["environment"]["name"] == "qa"


def run_script(step: dict[str, Any], root: Path, programs: dict[str, str], **env: str) -> Completed:
    """Run a step as GitHub does, with programs of ours before the real ones."""
    folder = root / "bin"
    folder.mkdir(exist_ok=True)
    for name, body in programs.items():
        target = root / name if "/" in name else folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("#!/usr/bin/env bash\n" + body)
        target.chmod(0o755)
    script = root / "step.sh"
    script.write_text(step["run"])
    given = {key: str(value) for key, value in step.get("env", {}).items()}
    outputs = {"GITHUB_STEP_SUMMARY": str(root / "summary.md"), "GITHUB_OUTPUT": str(root / "output")}
    return run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=root,
        timeout=60,
        env={**given, **outputs, **env, "PATH": f"{folder}:/usr/bin:/bin"},
    )


@pytest.mark.parametrize(
    ("moment", "anyway", "code"),
    [
        ("2026-11-23 08:00 UTC", "", 0),  # Monday, 09:00 in Berlin
        ("2026-11-23 07:59 UTC", "", 1),
        ("2026-11-24 14:59 UTC", "", 0),
        ("2026-11-24 15:00 UTC", "", 1),
        ("2026-11-25 10:00 UTC", "", 1),  # Wednesday
        ("2026-07-27 07:00 UTC", "", 0),  # Monday, 09:00 in Berlin's summer
        ("2026-11-28 22:00 UTC", "", 0),  # Saturday night
        ("2026-11-29 01:59 UTC", "", 0),  # the same night
        ("2026-11-29 02:00 UTC", "", 1),
        ("2026-11-29 22:30 UTC", "", 1),  # Sunday night
        ("2026-11-28 01:00 UTC", "", 1),  # the night before
        ("2026-11-25 10:00 UTC", "true", 0),
        ("2026-11-25 10:00 UTC", "false", 1),
    ],
)
def test_change_windows(moment: str, anyway: str, code: int, tmp_path: Path) -> None:
    if not Path("/usr/share/zoneinfo/Europe/Berlin").exists():
        pytest.skip("tzdata is not installed: install with apt-get install tzdata")
    step = step_of(VARIANTS["four environments"], "deploy", "deploy-prod-eu", "Check the change windows")
    # `date` at a moment of ours; "yesterday" is relative to it.
    fake = (
        "base=" + repr(moment) + "\n"
        'while [[ $# -gt 0 ]]; do case "$1" in -d) base="$base - 1 day"; shift 2 ;; *) format=$1; shift ;; esac; done\n'
        'exec /usr/bin/date -d "$base" "$format"\n'
    )
    done = run_script(step, tmp_path, {"date": fake}, ANYWAY=anyway)
    assert done.code == code, done.output


def test_an_unknown_time_zone_is_said(tmp_path: Path) -> None:
    spec = ecs_canary().model_copy(
        update={"windows": (Window(days=("mon",), start="00:00", end="23:59", timezone="Mars/Olympus"),)}
    )
    done = run_script(step_of(spec, "deploy", "deploy-production", "Check the change"), tmp_path, {}, ANYWAY="true")
    assert done.code == 1
    assert "unknown time zone Mars/Olympus" in done.output


def test_images_are_one_file_with_those_that_were_given(tmp_path: Path) -> None:
    if find("jq") is None:
        pytest.skip("jq is not installed: install with apt-get install jq")
    spec = shop_ecs_blue_green()
    given = Service(name="proxy", image="nginx:1.27@sha256:" + "a" * 64, port=80)
    spec = spec.model_copy(update={"services": (*spec.services[:2], given)})
    for name in ("web", "api"):
        step = step_of(spec, "deploy", "build", "Note the digest")
        env = {"SERVICE": name, "IMAGE": f"registry/shop/{name}@sha256:{'b' * 64}"}
        assert run_script(step, tmp_path, {}, **env).code == 0
        (tmp_path / "built").mkdir(exist_ok=True)
        (tmp_path / f"{name}.json").rename(tmp_path / "built" / f"{name}.json")
    assert run_script(step_of(spec, "deploy", "images", "One file"), tmp_path, {}).code == 0
    assert json.loads((tmp_path / "images.json").read_text()) == {
        "api": f"registry/shop/api@sha256:{'b' * 64}",
        "proxy": given.image,
        "web": f"registry/shop/web@sha256:{'b' * 64}",
    }


@pytest.mark.parametrize(("changed", "rolled_back"), [(True, True), (False, False)])
def test_ecs_undoes_only_what_was_begun(changed: bool, rolled_back: bool, tmp_path: Path) -> None:
    """deploy.sh of ECS goes back from what is live: after a rollout that never began, that would be a good release."""
    deploy = (
        'case "$1" in\n'
        "  status) cat state ;;\n"
        f"  rollout) {'echo release two moving >state;' if changed else ''} exit 1 ;;\n"
        "  rollback) touch rolled-back ;;\n"
        "esac\n"
    )
    (tmp_path / "state").write_text("release one (done)\n")
    programs = {"deploy/deploy.sh": deploy}
    rollout = step_of(ecs_canary(), "deploy", "deploy-production", "Roll out")
    assert run_script(rollout, tmp_path, programs).code == 1
    back = step_of(ecs_canary(), "deploy", "deploy-production", "Roll back")
    assert back["if"] == "(failure() || cancelled()) && steps.rollout.outcome != 'skipped'"
    assert run_script(back, tmp_path, programs).code == 0
    assert (tmp_path / "rolled-back").exists() is rolled_back


def test_kubernetes_undoes_only_these_images() -> None:
    back = step_of(kubernetes_rolling(), "deploy", "deploy-production", "Roll back")
    assert back["run"] == 'deploy/deploy.sh rollback "$ENVIRONMENT" images.json'


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("No changes. Your infrastructure matches the configuration.", 0),
        ("08:00:00Z  no change", 0),
        ("Plan: 0 to add, 1 to change, 0 to destroy.", 1),
        ("+ MOTD: there is no change", 1),
    ],
)
def test_drift_is_a_failure(output: str, code: int, tmp_path: Path) -> None:
    step = step_of(ecs_canary(), "drift", "drift-production", "Compare")
    done = run_script(step, tmp_path, {"deploy/deploy.sh": f"echo {output!r}\n"})
    assert done.code == code
    failing = run_script(step, tmp_path, {"deploy/deploy.sh": f"echo {output!r}; exit 1\n"})
    assert failing.code == 1, "a plan that fails is not hidden by the pipe"


@pytest.mark.parametrize("days", [1, 2, 3, 6, 7, 10, 14, 16, 17, 29, 30, 45, 61, 90, 91, 123, 180, 184, 364, 365])
def test_the_drill_is_not_rarer_than_asked(days: int) -> None:
    cron, _ = drill_cron(days)
    _, _, day, month, weekday = cron.split()
    runs = [
        moment
        for moment in (date(2025, 1, 1) + timedelta(days=number) for number in range(3 * 366))
        if _matches(day, moment.day, 1)
        and _matches(month, moment.month, 1)
        and weekday in ("*", str(moment.isoweekday()))
    ]
    gaps = [(after - before).days for before, after in pairwise(runs)]
    # A month has an odd day, and so has a year.
    assert max(gaps) <= days + (1 if days >= 30 else 0) + (1 if days == 91 else 0)


def _matches(field: str, value: int, first: int) -> bool:
    if field == "*":
        return True
    if field.startswith("*/"):
        return (value - first) % int(field[2:]) == 0
    return str(value) in field.split(",")


def test_the_same_spec_gives_the_same_bytes() -> None:
    for spec in SPECS.values():
        again = DeploymentSpec.model_validate_json(spec.model_dump_json())
        assert {path: item.sha256 for path, item in rendered(spec).items()} == {
            path: item.sha256 for path, item in rendered(again).items()
        }


def test_cloudformation_needs_no_terraform() -> None:
    """Templates are linted, drift is asked of CloudFormation, and nothing sets up another tool."""
    spec = ALL["ecs_canary"]()
    spec = spec.model_copy(update={"toolchain": spec.toolchain.model_copy(update={"iac": "cloudformation"})})
    files = {path: item.content for path, item in rendered(spec).items()}
    workflows = "".join(text for path, text in files.items() if path.endswith(".yml"))
    assert "erraform" not in workflows
    assert "TF_" not in workflows
    assert "cfn-lint --non-zero-exit-code error infrastructure/cloudformation/" in files[".github/workflows/verify.yml"]
    assert 'deploy/deploy.sh drift "$ENVIRONMENT"' in files[".github/workflows/drift.yml"]
    assert "TEMPLATE_BUCKET: ${{ vars.TEMPLATE_BUCKET }}" in files[".github/workflows/deploy.yml"]
    assert "erraform" not in files[".github/DEPLOYMENT.md"]
