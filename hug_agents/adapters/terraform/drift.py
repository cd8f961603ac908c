"""How the world differs from what was put there: the world from the state, and the state from the bundle."""

from __future__ import annotations

from hug_agents.adapters.images import pinned_images
from hug_agents.adapters.terraform.plan import changes, drifted, some
from hug_agents.adapters.terraform.record import read_record
from hug_agents.adapters.terraform.site import Site
from hug_agents.adapters.terraform.workspace import has_record, ignored
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Drift
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment


def compare(site: Site, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
    """Look, and change nothing. Raises EnvironmentBusy, ProcessError: then nobody knows."""
    if bundle is None:
        return _left_behind(site, blueprint, environment)
    log = site.logs / f"{blueprint.spec.application}-{environment.name}-drift.log"
    with site.open(bundle, blueprint, environment.name, log) as terraform:
        terraform.init()
        if not terraform.state().lineage:
            return Drift(status="drifted", changes=("there is no state: nothing was put there",))
        lines: list[str] = []
        arguments: tuple[str, ...] = ()
        if has_record(bundle, environment.name):
            record = read_record(terraform.outputs())
            if record.images != pinned_images(blueprint.spec, site.images(blueprint.spec.application)):
                lines.append(f"release {record.id or 'none'}: other images are live than the bundle names")
            arguments = terraform.workspace.give("release", record.model_dump(mode="json"))
        world = terraform.plan("-refresh-only", *arguments)
        if world.differs:
            lines += [f"outside Terraform: {item}" for item in drifted(world.document, ignored(bundle))]
        wanted = terraform.plan(*arguments)
        if wanted.differs:
            lines += [f"to be {line}" for line in changes(wanted.document).lines()]
        wanted.path.unlink(missing_ok=True)
        found = tuple(dict.fromkeys(terraform.clean(line)[:2_000] for line in lines))
        others = terraform.workspace.given_otherwise()
    codes = f"refresh-only exit {2 if world.differs else 0}, plan exit {2 if wanted.differs else 0}"
    if found and others:
        said = f"it was given other values for {some(others)} than are given now, so nobody can tell"
        return Drift(status="unknown", changes=found, evidence=f"{said}; {codes}")
    return Drift(status="drifted" if found else "none", changes=found, evidence=codes)


def _left_behind(site: Site, blueprint: Blueprint, environment: Environment) -> Drift:
    """Nothing is to be there: what the state holds, read through the root that was used last."""
    application = blueprint.spec.application
    last = site.folder(application, environment.name).last_bundle()
    if last is None:
        return Drift(status="none", evidence=f"nothing was ever put there from {site.base}")
    log = site.logs / f"{application}-{environment.name}-drift.log"
    with site.open(site.store.get_bundle(last), blueprint, environment.name, log) as terraform:
        terraform.init()
        state = terraform.state()
        record = read_record(terraform.outputs()) if has_record(terraform.workspace.bundle, environment.name) else None
    if record is not None:
        live = (f"the release {record.id} is live",) if record.images else ()
        stays = f"{len(state.resources)} resources that stand still stay"
        return Drift(status="drifted" if live else "none", changes=live, evidence=stays)
    found = tuple(f"still there: {address}"[:2_000] for address in state.resources)
    return Drift(status="drifted" if found else "none", changes=found, evidence=f"the state is {state.base}")
