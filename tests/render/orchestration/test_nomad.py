"""Nomad's files: the strategy really expressed, data stays data, names that agree with the other files of a bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from nomadpy.jobs import Job

from hug_agents.bundle import Bundle
from hug_agents.errors import SpecError, UnsupportedError
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.render.orchestration import nomad
from hug_agents.render.orchestration.nomad_jobs import canaries, max_parallel
from hug_agents.spec import DeploymentSpec, EnvVar, Service, ServiceOverride, Step, Strategy, Toolchain
from hug_agents.validate.hcl import parse
from hug_agents.validate.nomad_hcl import Reading, differences, read_values
from tests.examples import ALL, DIGEST, HOSTILE, minimal, nomad_canary
from tests.validate.conftest import run_one

IMAGE = f"ghcr.io/acme/x@{DIGEST}"
NOMAD = Toolchain(iac=None, runtime="nomad")


def on_nomad(name: str, **changes: Any) -> DeploymentSpec:
    return ALL[name]().model_copy(update={"toolchain": NOMAD, **changes})


SPECS = {
    "canary": nomad_canary(),
    "hostile": ALL["hostile_nomad"](),
    "minimal": on_nomad("minimal"),
    "shop": on_nomad("shop_ecs_blue_green"),
    "metrics beside health": on_nomad("kubernetes_rolling"),
    "in place": on_nomad("minimal", strategy=Strategy(max_surge_percent=0, max_unavailable_percent=50)),
}


def files(spec: DeploymentSpec) -> dict[str, str]:
    return {item.path: item.content for item in nomad.render(plan(spec))}


def job_of(spec: DeploymentSpec, name: str, environment: str = "production") -> dict[str, Any]:
    found = files(spec)
    values = read_values(found[f"nomad/environments/{environment}/{name}.vars.hcl"])
    return Reading(found[f"nomad/jobs/{name}.nomad.hcl"], {**values, "image": IMAGE}).job()


def group_of(spec: DeploymentSpec, name: str, environment: str = "production") -> dict[str, Any]:
    return dict(job_of(spec, name, environment)["TaskGroups"][0])


@pytest.mark.parametrize("name", SPECS)
def test_every_job_is_one_that_nomad_takes(name: str) -> None:
    blueprint = plan(SPECS[name])
    bundle = Bundle(blueprint.spec.digest(), list(nomad.render(blueprint)))
    result = run_one("nomad-jobs", bundle, blueprint)
    assert (result.status, result.findings) == ("passed", ())
    assert result.files >= 5
    assert run_one("shellcheck", bundle, blueprint).findings == ()
    jobs = [path for path in files(SPECS[name]) if path.endswith(".nomad.hcl")]
    for path in jobs:
        job = job_of(SPECS[name], path.split("/")[-1].removesuffix(".nomad.hcl"))
        assert list(differences(job, Job)) == []
        assert Job.from_json(job).to_json()["ID"] == job["ID"]


def test_two_parsers_read_the_same() -> None:
    """What HashiCorp's own parser makes of a file is what ours makes of it."""
    import pygohcl

    text = files(SPECS["hostile"])["nomad/jobs/payments-api.nomad.hcl"]
    theirs = pygohcl.loads(text, keep_interpolations=True)["job"]["payments-api"]["group"]["payments-api"]
    ours = group_of(SPECS["hostile"], "payments-api")
    config = ours["Tasks"][0]["Config"]
    assert theirs["task"]["payments-api"]["config"]["args"] == config["args"]
    assert [item["data"] for item in theirs["task"]["payments-api"]["template"]] == [
        item["EmbeddedTmpl"] for item in ours["Tasks"][0]["Templates"]
    ]


def test_hostile_text_is_data_at_every_reader() -> None:
    """HCL once for the job, the driver's HCL once more for its configuration, Nomad's `${}` in env, a template's `{{}}`."""
    spec = SPECS["hostile"]
    task = group_of(spec, "payments-api")["Tasks"][0]
    line = HOSTILE.replace("\n", " ")
    words = [task["Config"]["command"], *task["Config"]["args"]]
    assert [word.replace("$${", "${").replace("%%{", "%{") for word in words] == ["run", line, "--flag=" + line]
    assert "${" not in "".join(words).replace("$${", "")
    assert all("${" not in value for value in task.get("Env", {}).values())
    literal = next(item for item in task["Templates"] if item["DestPath"].endswith("literal.env"))["EmbeddedTmpl"]
    rendered = literal.replace('{{ "{{" }}', "{{")
    values = dict(row.split("=", 1) for row in rendered.splitlines() if row)
    assert json.loads(values["MOTD"]) == HOSTILE
    assert "{{" not in literal.replace('{{ "{{" }}', "")


@pytest.mark.parametrize(
    ("strategy", "replicas", "expected"),
    [
        (Strategy(), 4, (4, 1)),
        (Strategy(max_surge_percent=0, max_unavailable_percent=50), 4, (4, 2)),
        (Strategy(kind="blue_green"), 4, (4, 4)),
        (Strategy(kind="canary", steps=(Step(weight=10), Step(weight=50), Step(weight=100))), 20, (2, 8)),
        (Strategy(kind="canary", steps=(Step(weight=10), Step(weight=100))), 3, (1, 2)),
        (Strategy(kind="canary", steps=(Step(weight=100),)), 3, (3, 3)),
    ],
)
def test_the_strategy_in_numbers(strategy: Strategy, replicas: int, expected: tuple[int, int]) -> None:
    spec = minimal().model_copy(update={"strategy": strategy})
    assert (canaries(spec, replicas), max_parallel(spec, replicas)) == expected


def test_the_strategy_in_the_job() -> None:
    canary = group_of(SPECS["canary"], "payments-api")["Update"]
    assert (canary["Canary"], canary["AutoPromote"], canary["AutoRevert"]) == (1, False, True)
    blue_green = group_of(SPECS["shop"], "web")
    assert (blue_green["Update"]["Canary"], blue_green["Update"]["AutoPromote"]) == (blue_green["Count"], False)
    assert "traefik.enable=false" in blue_green["Services"][0]["CanaryTags"]
    whole = group_of(SPECS["minimal"], "hello")["Update"]
    assert (whole["Canary"], whole["AutoPromote"]) == (2, True)  # none may be missing, and Nomad itself promotes
    in_place = group_of(SPECS["in place"], "hello")["Update"]
    assert "Canary" not in in_place and in_place["MaxParallel"] == 1
    worker = group_of(SPECS["canary"], "worker")
    assert "Canary" not in worker["Update"] and worker["Update"]["HealthCheck"] == "task_states"
    nightly = job_of(SPECS["canary"], "report")
    assert (nightly["Type"], nightly["Periodic"]["Specs"]) == ("batch", ["0 3 * * *"])
    assert nightly["Periodic"]["ProhibitOverlap"] and "Update" not in nightly["TaskGroups"][0]
    assert job_of(SPECS["canary"], "payments-api-migrate")["ParameterizedJob"]["MetaOptional"] == ["release"]


def test_environments_differ_in_their_variables_alone() -> None:
    spec = SPECS["canary"]
    staging, production = (group_of(spec, "payments-api", place) for place in ("staging", "production"))
    assert (staging["Count"], production["Count"]) == (1, 3)
    assert job_of(spec, "payments-api", "staging")["Namespace"] == "payments-api-staging"
    routes = [tag for tag in production["Services"][0]["Tags"] if "rule" in tag]
    assert routes == ["traefik.http.routers.payments-api-production-payments-api.rule=Host(`payments.example.com`)"]


def test_a_variable_that_differs_is_a_variable_of_the_job() -> None:
    override = ServiceOverride(service="hello", env=(EnvVar(name="LEVEL", value="debug"),))
    service = minimal().services[0].model_copy(update={"env": (EnvVar(name="LEVEL", value="info"),)})
    places = minimal().environments
    spec = on_nomad(
        "minimal",
        services=(service,),
        environments=(places[0].model_copy(update={"overrides": (override,)}), places[1]),
    )
    seen = [group_of(spec, "hello", place)["Tasks"][0]["Env"]["LEVEL"] for place in ("staging", "production")]
    assert seen == ["debug", "info"]
    with pytest.raises(UnsupportedError, match="some environments only"):
        files(spec.model_copy(update={"services": minimal().services}))


def test_no_secret_value_and_the_least_of_rights() -> None:
    found = files(SPECS["canary"])
    task = group_of(SPECS["canary"], "payments-api")["Tasks"][0]
    secret = next(item for item in task["Templates"] if "service.env" in item["DestPath"])
    assert 'nomadVar "nomad/jobs/payments-api"' in secret["EmbeddedTmpl"] and secret["ErrMissingKey"]
    assert secret["DestPath"].startswith("${NOMAD_SECRETS_DIR}/") and secret["Envvars"]
    deploy = parse(found["nomad/environments/production/deploy.policy.hcl"])
    space = next(deploy.of("namespace"))
    assert space.labels == ("payments-api-production",)
    rights = {item.labels[0]: item.text("capabilities") for item in next(space.of("variables")).of("path")}
    assert rights["nomad/jobs/*"] == '["list"]'  # which there are, never what they hold
    migrate = parse(found["nomad/environments/production/migrate.policy.hcl"])
    assert [item.labels for item in migrate.walk() if item.type == "path"] == [("nomad/jobs/payments-api",)]


def test_what_cannot_be_written_is_refused_with_what_can() -> None:
    for iac in ("terraform", "cloudformation", "pulumi"):
        with pytest.raises(UnsupportedError, match="no infrastructure as code here writes a Nomad cluster"):
            files(minimal().model_copy(update={"toolchain": Toolchain(iac=iac, runtime="nomad")}))
    twice = Service(name="api-metrics", kind="worker", image=IMAGE)
    web = Service(name="api", image=IMAGE, port=8080, health_path="/h/x", health_port=81, metrics_path="/h/metrics")
    with pytest.raises(SpecError, match="api-metrics"):
        files(on_nomad("minimal", services=(web, twice)))


def test_prometheus_finds_what_the_jobs_register() -> None:
    spec = SPECS["metrics beside health"]
    bundle = render(plan(spec))
    config = yaml.safe_load(bundle["monitoring/prometheus/prometheus.yml"].content)
    scrapes = {item["job_name"]: item for item in config["scrape_configs"] if "nomad_sd_configs" in item}
    for place in ("staging", "production"):
        scrape = scrapes[f"ledger/{place}/ledger"]
        group = group_of(spec, "ledger", place)
        assert scrape["nomad_sd_configs"][0]["namespace"] == job_of(spec, "ledger", place)["Namespace"]
        kept = next(item["regex"] for item in scrape["relabel_configs"] if item.get("action") == "keep")
        service = next(item for item in group["Services"] if item["Name"] == kept)
        port = next(item for item in group["Networks"][0]["DynamicPorts"] if item["Label"] == service["PortLabel"])
        assert port["To"] == 9090
        set_here = {
            item["target_label"]: item.get("replacement")
            for item in scrape["relabel_configs"]
            if "target_label" in item
        }
        assert (set_here["service"], set_here["environment"]) == ("ledger", place)


def test_the_pipeline_signs_in_by_its_own_identity() -> None:
    workflow = render(plan(nomad_canary()))[".github/workflows/deploy.yml"].content
    job = yaml.safe_load(workflow)["jobs"]["deploy-production"]
    assert job["permissions"]["id-token"] == "write"
    names = [step["name"] for step in job["steps"]]
    assert "Sign in to Nomad" in names and "Set up Terraform" not in names
    assert "TF_STATE_BUCKET" not in workflow and "KUBE_CONFIG" not in workflow and "secrets.NOMAD" not in workflow
