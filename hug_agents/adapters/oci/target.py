"""The target `registry`: the images of an approved bundle, by digest, into the repositories of an environment.

What a plan names is bytes: a tag is resolved when the plan is made, and what the tag names later does not matter. A promotion adds
and never moves or deletes, so it can be done twice, and a rollback has only to see that what it returns to is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hug_agents.adapters.images import built_images
from hug_agents.adapters.oci.client import Registry
from hug_agents.adapters.oci.place import Place
from hug_agents.adapters.oci.promote import complete, promote
from hug_agents.adapters.oci.reference import Reference
from hug_agents.adapters.oci.signing_in import account
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest as digest_of
from hug_agents.errors import HttpError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.settings import Settings
from hug_agents.spec import DeploymentSpec, Environment, Line, Model


class Move(Model):
    """One image: from where, to where, which bytes."""

    source: Line
    into: Line
    digest: Line


class RegistryTarget:
    """Promotes to the registry at `place`."""

    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True)

    def __init__(self, place: Place, settings: Settings | None = None) -> None:
        self.place = place
        self.name = f"registry:{place.text}"
        self._settings = settings or Settings.load()
        self._registries: dict[str, Registry] = {}

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Resolve every image to a digest, and see what is not there yet. Raises UsageError for one without a name."""
        moves = tuple(self._moves(blueprint.spec, environment))
        lacking = [move for move in moves if self._lacks(move)]
        named = {move.into: self._tag(environment, bundle.digest()) for move in moves}
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=digest_of({move.into: move.digest for move in moves}),
            settings={
                "moves": json.dumps([move.model_dump() for move in moves], sort_keys=True),
                "tags": json.dumps(named, sort_keys=True),
            },
            creates=len(lacking),
        )

    def apply(self, work: Work) -> Outcome:
        """Promote exactly what the plan names. Raises PlanStale when its bytes are nowhere any more."""
        if work.order.action not in ("deploy", "rollback"):
            said = f"a registry cannot {work.order.action}: what runs the images does that"
            return Outcome(status="failed", untouched=True, detail=said)
        told = []
        for move, tag in _moves(work.plan):
            source = Reference.parse(move.source)
            from_, to = self._registry(source.host), self._registry(self.place.host)
            if from_.resolve(source.repository, move.digest) is None:
                if self._lacks(move):
                    raise PlanStale(f"{move.source} is gone, and {move.into} does not hold it")
                from_, source = to, Reference(host=self.place.host, repository=move.into)
            try:
                done = promote(from_, source.repository, move.digest, to, move.into, tag)
            except HttpError as error:
                if error.status == 409:
                    return Outcome(status="failed", detail=str(error))
                raise
            told.append(f"{move.into}@{move.digest} ({done.mounted} mounted, {done.copied} copied, {done.there} there)")
        outputs = {f"image-{number}": line.partition(" ")[0] for number, line in enumerate(told, 1)}
        return Outcome(status="done", detail="; ".join(told) or "no image", outputs=outputs)

    def observe(self, work: Work) -> Observation:
        """Whether every image, whole, and its tag are there."""
        rows = []
        for move, tag in _moves(work.plan):
            there = self._registry(self.place.host).resolve(move.into, tag)
            rows.append(there is not None and there.digest == move.digest and not self._lacks(move))
        if all(rows):
            return Observation(state="done", evidence=f"{len(rows)} images are there, whole and named")
        state = "partial" if any(rows) else "not_done"
        return Observation(state=state, evidence=f"{sum(rows)} of {len(rows)} images are there")

    def rollback(self, work: Work) -> Outcome:
        """Nothing was moved, so nothing is moved back: what ran before must be there, and is not touched."""
        if work.previous is None:
            return Outcome(status="done", detail="nothing ran before; the images stay until retention lets them go")
        tag = self._tag_of(work.plan.environment.name, work.previous.digest())
        lacking = []
        registry = self._registry(self.place.host)
        before = DeploymentSpec.model_validate_json(work.previous["spec.json"].content)
        environment = next(item for item in work.blueprint.spec.environments if item.name == work.plan.environment.name)
        for service in before.services:
            into = self.place.repository(before, service, environment)
            there = registry.resolve(into, tag)
            if there is None or complete(registry, into, there.digest):
                lacking.append(f"{into}:{tag}")
        if lacking:
            said = f"what ran before is not there: {', '.join(lacking)}"
            return Outcome(status="failed", untouched=True, detail=said)
        return Outcome(status="done", detail=f"the images that are returned to are there, named {tag}")

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Tags of the bundle that are missing, or whose images are no longer whole."""
        if bundle is None:
            return Drift(status="none", evidence="images are not taken back")
        tag = self._tag(environment, bundle.digest())
        registry = self._registry(self.place.host)
        changes = []
        for service in blueprint.spec.services:
            into = self.place.repository(blueprint.spec, service, environment)
            there = registry.resolve(into, tag)
            if there is None:
                changes.append(f"missing: {into}:{tag}")
            elif complete(registry, into, there.digest):
                changes.append(f"not whole: {into}:{tag}")
        return Drift(status="drifted" if changes else "none", changes=tuple(changes), evidence=f"tag {tag}")

    def _moves(self, spec: DeploymentSpec, environment: Environment) -> Iterator[Move]:
        built = self._built()
        for service in spec.services:
            text = service.image or built.get(service.name, "")
            if not text:
                raise UsageError(
                    f"nothing says which image of {service.name} was built",
                    where=self.name,
                    hint="registry:HOST/PREFIX?images=images.json, as the pipeline writes it",
                )
            reference = Reference.parse(text)
            found = self._registry(reference.host).resolve(reference.repository, reference.wanted)
            if found is None:
                raise UsageError(f"there is no {text}", where=self.name, hint="push it first")
            into = self.place.repository(spec, service, environment)
            yield Move(source=reference.at(found.digest), into=into, digest=found.digest)

    def _built(self) -> dict[str, str]:
        found = built_images(self.place.images_file)
        if not all("@sha256:" in image for image in found.values()):
            raise UsageError("must say service → image@sha256:…", where=str(self.place.images_file))
        return found

    def _lacks(self, move: Move) -> bool:
        return bool(complete(self._registry(self.place.host), move.into, move.digest))

    def _registry(self, host: str) -> Registry:
        if host not in self._registries:
            self._registries[host] = Registry(host, account(self._settings.registry_auth, host))
        return self._registries[host]

    def _tag(self, environment: Environment, bundle: str) -> str:
        return self._tag_of(environment.name, bundle)

    @staticmethod
    def _tag_of(environment: str, bundle: str) -> str:
        return f"{environment}-{bundle.removeprefix('sha256:')[:12]}"


def _moves(plan: SavedPlan) -> Iterator[tuple[Move, str]]:
    tags = json.loads(plan.settings["tags"])
    for row in json.loads(plan.settings["moves"]):
        move = Move.model_validate(row)
        yield move, tags[move.into]
