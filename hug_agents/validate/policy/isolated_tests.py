"""HUG-B2: nothing reaches production that did not run somewhere else before."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.validate.policy.facts import Facts, folder
from hug_agents.validate.policy.rule import Hit, Rule
from hug_agents.validate.promtool import prometheus_files
from hug_agents.validate.terraform_files import tested_roots

SOURCE = "Test deployment scripts in isolated environments before production."


def production(facts: Facts) -> frozenset[str]:
    """The names of the environments that people depend on."""
    return frozenset(item.name for item in facts.spec.production)


def rehearsals(facts: Facts) -> frozenset[str]:
    """The names of the environments where a release is tried first."""
    return frozenset(item.name for item in facts.spec.environments if item.role == "staging")


def no_staging(facts: Facts) -> Iterator[Hit]:
    """Production without an environment before it."""
    if facts.spec.production and not rehearsals(facts):
        yield Hit("there is a production and no staging environment", *facts.spec_place("environments"))


def production_first(facts: Facts) -> Iterator[Hit]:
    """Pipelines that roll out production without having rolled out staging."""
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            call = job.rolls_out(production(facts))
            if call is None or pipeline.governed:
                continue
            earlier = [other.rolls_out(rehearsals(facts)) for other in pipeline.before(job)]
            same = [item for item in job.calls if item.verb == "rollout" and item.environment in rehearsals(facts)]
            if not any(earlier) and not any(item.line < call.line for item in same):
                yield Hit(
                    f"the job {job.id} rolls out {call.environment}, and no job before it rolls out staging",
                    job.file,
                    job.line,
                )


def untested_code(facts: Facts) -> Iterator[Hit]:
    """Infrastructure and alerts that no test covers."""
    tested = tested_roots(facts.bundle)
    for root in facts.terraform_roots:
        if root not in tested:
            path = next(path for path in facts.terraform if folder(path) == root)
            environment = root.rpartition("/")[2] in {item.name for item in facts.spec.environments}
            said = f"{root} has no test (tests/*.tftest.hcl): its plan is computed for the first time in the cloud"
            yield Hit(said, path, 1, severity=None if environment else "warning")
    rules = prometheus_files(
        facts.bundle, "groups"
    )  # no other monitor has a way to test its alerts before they are there
    if any(alert.file in rules for alert in facts.alerts) and not prometheus_files(facts.bundle, "tests"):
        yield Hit("no unit test covers these alerts", rules[0], 1)


def shared_places(facts: Facts) -> Iterator[Hit]:
    """Staging that is not apart from production: the same state, or the same namespace of the same cluster."""
    keys: dict[str, str] = {}
    for path, root in facts.terraform.items():
        for block in root.of("terraform"):
            for backend in block.of("backend"):
                key = backend.text("key")
                if key and key in keys and folder(keys[key]) != folder(path):
                    yield Hit(
                        f"the state {key} is also that of {folder(keys[key])}", path, backend.attributes["key"].line
                    )
                elif key:
                    keys[key] = path
    places: dict[tuple[str, str], str] = {}
    for path in sorted(item.path for item in facts.bundle if item.path.endswith("/kustomization.yaml")):
        parts = path.split("/")
        if "overlays" not in parts:
            continue
        environment = next((item for item in facts.spec.environments if item.name == parts[-2]), None)
        line = next((row for row in facts.text(path).splitlines() if row.startswith("namespace:")), "")
        place = (str(environment.cluster) if environment else "", line.partition(":")[2].strip())
        if line and place in places:
            yield Hit(f"the namespace {place[1]} is also that of {places[place]}", path, facts.find(path, line))
        elif line:
            places[place] = parts[-2]


RULES = (
    Rule(
        "HUG-B2a", "There is a staging environment", SOURCE,
        "Without one, production is where a deployment script runs for the first time.",
        "add an environment with the role staging", no_staging,
    ),
    Rule(
        "HUG-B2b", "Staging is rolled out before production", SOURCE,
        "A pipeline that can skip staging will skip it on the day it matters.",
        "let the production job need the job that rolls out staging", production_first, owner="devops",
    ),
    Rule(
        "HUG-B2c", "Infrastructure and alerts have tests", SOURCE,
        "A plan with mocked providers and a unit test of an alert find mistakes before any environment exists.",
        "add tests beside the files", untested_code,
    ),
    Rule(
        "HUG-B2d", "Staging is apart from production", SOURCE,
        "What shares state or a namespace with production is production.",
        "give each environment its own state and its own namespace", shared_places,
    ),
)  # fmt: skip
