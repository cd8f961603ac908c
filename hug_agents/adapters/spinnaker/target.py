"""The target: `deploy` saves the bundle's pipelines and runs `Deploy ENV`; `rollback` runs `Roll back ENV`.

The pipeline carries the strategy out and takes back what is not good. Its judgments are people's: nothing here answers one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hug_agents.adapters.forge import not_alone
from hug_agents.adapters.spinnaker.gate import ENDED, Gate, Pace, same, stage, waiting
from hug_agents.adapters.spinnaker.place import Place
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import HttpError, UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Order, Outcome, PlanStale, SavedPlan, Work
from hug_agents.http import Http
from hug_agents.plans import Blueprint
from hug_agents.render.naming import SPINNAKER
from hug_agents.render.orchestration.kubernetes_workloads import placeholder
from hug_agents.render.rollback.spinnaker import BESIDE, REPLACED, STAYS
from hug_agents.spec import Environment
from hug_agents.store import Store

Pipelines = dict[str, dict[str, Any]]


class SpinnakerTarget:
    """Runs the pipelines of bundles on one Spinnaker."""

    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True, removes=False)

    def __init__(
        self,
        place: Place,
        store: Store,
        token: str,
        *,
        pace: Pace | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = f"spinnaker:{place.text}"
        self._place, self._pace, self._tell = place, pace or Pace(), tell
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = Http(place.address, headers=headers, secrets=(token,), timeout=60.0)

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which pipelines would be saved, and what they would be started with. Raises UsageError, HttpError."""
        spec = blueprint.spec
        source = self._place.source()
        built = sorted(item.name for item in spec.services if item.image is None)
        if missing := [name for name in built if "@sha256:" not in source.images.get(name, "")]:
            raise UsageError(f"no image by digest is known for {', '.join(missing)}", where=self._place.release)
        repository = self._place.repository or (f"https://github.com/{spec.repository}" if spec.repository else "")
        if not repository:
            raise UsageError(
                "nothing says where Spinnaker reads the manifests from", where=self.name, hint="&repository=URL"
            )
        wanted, there = _pipelines(bundle, environment.name), Gate(self._http, spec.application).pipelines()
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=digest(_there(there, wanted)),
            settings={
                "repository": repository,
                "commit": source.commit,
                "there": json.dumps(_there(there, wanted)),
                "images": json.dumps({name: source.images[name] for name in built}, sort_keys=True),
            },
            creates=sum(name not in there for name in wanted),
            updates=sum(name in there and not same(there[name], item) for name, item in wanted.items()),
        )

    def apply(self, work: Work) -> Outcome:
        """Save the pipelines, start `Deploy ENV` once for the order, follow it. Raises PlanStale, HttpError."""
        if work.order.action != "deploy":
            return not_alone(work.order)
        gate, name = self._gate(work), f"Deploy {work.order.environment.name}"
        found = _by_key(gate, name, work.order)
        if found is None:
            self._save(gate, work)
            found = self._start(gate, name, work, {})
        ended = self._follow(gate, found)
        return self._outcome(ended)

    def rollback(self, work: Work) -> Outcome:
        """To the version before: by the release's own pipeline if that failed, else by `Roll back ENV`."""
        gate, place = self._gate(work), work.order.environment.name
        name = f"Roll back {place}"
        found = _by_key(gate, name, work.order)
        if found is None:
            last = next(iter(gate.executions(f"Deploy {place}")), None)
            if last is None or not _of_bundle(last, work):
                return Outcome(status="done", detail=f"this bundle was never deployed to {place}, or not last")
            if last["status"] not in ENDED:
                gate.cancel(last["id"], "rolled back")
                last = self._follow(gate, last)
            if last["status"] == "TERMINAL":
                return self._taken_back(last)
            if last["status"] == "SUCCEEDED" and work.previous is None:
                return Outcome(
                    status="failed",
                    detail=f"this is the first release in {place}: there is no version to go back to; take it away by hand, "
                    "as docs/rollback-plan.md of the bundle says, or roll forward",
                )
            self._save(gate, work, only=name)
            undo = {"undo": _began(last, STAYS, REPLACED), "undo_workers": _began(last, BESIDE)}
            found = self._start(gate, name, work, {key: "true" if value else "false" for key, value in undo.items()})
        return self._outcome(self._follow(gate, found))

    def observe(self, work: Work) -> Observation:
        """What Spinnaker says of an order that was begun. Raises HttpError where it cannot be asked."""
        back = work.order.action == "rollback"
        name = f"{'Roll back' if back else 'Deploy'} {work.order.environment.name}"
        gate = self._gate(work)
        found = _by_key(gate, name, work.order)
        if found is None:
            return Observation(state="not_done", evidence=f"no execution of {name} has this order's correlation id")
        evidence = f"{self._said(found)} is {found['status']}; {', '.join(waiting(found))}".strip("; ")
        return Observation(state="done" if found["status"] == "SUCCEEDED" else "partial", evidence=evidence[:5_000])

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Pipelines of the bundle that are missing or edited. What runs is Kubernetes' to say."""
        there = Gate(self._http, blueprint.spec.application).pipelines()
        names = (f"Deploy {environment.name}", f"Roll back {environment.name}")
        if bundle is None:
            left = tuple(f"still there: {name}" for name in names if name in there)
            return Drift(status="drifted" if left else "none", changes=left)
        lines = [
            f"{'missing' if name not in there else 'edited'}: {name}"
            for name, item in _pipelines(bundle, environment.name).items()
            if not same(there.get(name), item)
        ]
        return Drift(status="drifted" if lines else "none", changes=tuple(lines), evidence=self._place.address)

    def cancel(self, work: Work) -> Outcome:
        """Stop the execution of an order where it is; nothing is taken back by that."""
        gate = self._gate(work)
        name = f"{'Roll back' if work.order.action == 'rollback' else 'Deploy'} {work.order.environment.name}"
        found = _by_key(gate, name, work.order)
        if found is None:
            return Outcome(status="failed", detail="there is no execution of this order")
        gate.cancel(found["id"], "stopped")
        return Outcome(status="done", detail=f"{self._said(found)} ended: {self._follow(gate, found)['status']}")

    def _gate(self, work: Work) -> Gate:
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return Gate(self._http, work.blueprint.spec.application)

    def _save(self, gate: Gate, work: Work, only: str = "") -> None:
        wanted, there = _pipelines(work.bundle, work.order.environment.name), gate.pipelines()
        known, now = json.loads(work.plan.settings["there"]), _there(there, wanted)
        foreign = [
            name for name, item in wanted.items() if now[name] != known[name] and not same(there.get(name), item)
        ]
        if foreign and not only:
            raise PlanStale(f"saved by somebody since the plan was made: {', '.join(foreign)}")
        for name, item in wanted.items():
            if (not only or name == only) and not same(there.get(name), item):
                gate.save(item, there.get(name))

    def _start(self, gate: Gate, name: str, work: Work, parameters: dict[str, str]) -> dict[str, Any]:
        gate.start(name, _trigger(work, parameters))
        end = self._pace.clock() + self._pace.settle
        while (found := _by_key(gate, name, work.order)) is None:
            if self._pace.clock() > end:
                raise HttpError(
                    f"{name} was started, and no execution shows up after {self._pace.settle:.0f} s",
                    where=self._place.address,
                    hint="nothing is lost: resume, and it is looked for again",
                )
            self._pace.sleep(self._pace.poll)
        return found

    def _follow(self, gate: Gate, found: dict[str, Any]) -> dict[str, Any]:
        end, said = self._pace.clock() + self._pace.follow, ""
        while True:
            now = gate.execution(found["id"])
            line = ", ".join(waiting(now)) or str(now["status"])
            if line != said:
                self._tell(f"{self._said(now)}: {line}")
                said = line
            if now["status"] in ENDED:
                return now
            if self._pace.clock() > end:
                raise HttpError(
                    f"{self._said(now)} is not at its end after {self._pace.follow:.0f} s",
                    where=self._place.address,
                    hint="nothing is lost: resume, and it is followed on",
                )
            self._pace.sleep(self._pace.poll)

    def _outcome(self, ended: dict[str, Any]) -> Outcome:
        outputs = {"execution": str(ended["id"])}
        if ended["status"] == "SUCCEEDED":
            return Outcome(status="done", detail=f"{self._said(ended)} succeeded", outputs=outputs)
        bad = [
            f"{item['status']} {item['name']}"
            for item in ended.get("stages") or ()
            if item.get("status") in ("TERMINAL", "FAILED_CONTINUE", "CANCELED")
        ]
        detail = f"{self._said(ended)} ended {ended['status']}: {'; '.join(bad)}"
        return Outcome(status="failed", detail=detail[:9_000], outputs=outputs, untouched=not _changed(ended))

    def _taken_back(self, last: dict[str, Any]) -> Outcome:
        """A pipeline that failed took its release back itself, or had not begun; unless its way back failed too."""
        backs = [
            item
            for item in last.get("stages") or ()
            if item.get("failPipeline", item.get("context", {}).get("failPipeline"))
            and str(item.get("type")) in ("undoRolloutManifest", "patchManifest", "scaleManifest")
        ]
        if any(item["status"] not in ("SUCCEEDED", "SKIPPED") for item in backs) and _changed(last):
            return Outcome(
                status="failed",
                detail=f"{self._said(last)} failed, and so did its own way back: look at it before anything else is done",
            )
        return Outcome(status="done", detail=f"{self._said(last)} had taken it back itself, or changed nothing")

    def _said(self, execution: dict[str, Any]) -> str:
        return f"execution {execution['id']}"


def _pipelines(bundle: Bundle, environment: str) -> Pipelines:
    found: Pipelines = {}
    for kind in ("rollback", "deploy"):
        path = f"{SPINNAKER}/pipelines/{kind}-{environment}.json"
        if path not in bundle:
            raise UnsupportedError(
                f"the bundle has no {path}",
                where="target",
                hint="this target runs the pipelines of toolchain rollout spinnaker, as they are rendered",
            )
        value = json.loads(bundle[path].content)
        found[value["name"]] = value
    return found


def _there(there: Pipelines, wanted: Pipelines) -> dict[str, str]:
    """What is saved under our names, whoever saved it, each by its digest; empty where there is none."""
    return {name: digest({**there[name], "index": 0}) if name in there else "" for name in wanted}


def _key(order: Order) -> str:
    """The correlation id of an order."""
    return f"{order.key.removeprefix('sha256:')[:24]}-{order.release}"


def _by_key(gate: Gate, name: str, order: Order) -> dict[str, Any] | None:
    """The execution of an order. Raises HttpError where there are two: nobody can tell which is the order's."""
    key = _key(order)
    found = [row for row in gate.executions(name) if (row.get("trigger") or {}).get("correlationId") == key]
    if len(found) > 1:
        raise HttpError(
            f"{len(found)} executions of {name} have the correlation id {key}", hint="look at them in Spinnaker"
        )
    return found[0] if found else None


def _of_bundle(execution: dict[str, Any], work: Work) -> bool:
    """The execution deployed the images and the commit of this plan."""
    artifacts = (execution.get("trigger") or {}).get("artifacts") or ()
    images = {str(item.get("reference")) for item in artifacts if item.get("type") == "docker/image"}
    commits = {str(item.get("version")) for item in artifacts if item.get("type") == "git/repo"}
    settings = work.plan.settings
    return images == set(json.loads(settings["images"]).values()) and commits == {settings["commit"]}


def _trigger(work: Work, parameters: dict[str, str]) -> dict[str, Any]:
    settings, spec = work.plan.settings, work.blueprint.spec
    images = json.loads(settings["images"])
    return {
        "type": "manual",
        "correlationId": _key(work.order),
        "parameters": {"correlation": _key(work.order), "packet": work.packet, **parameters},
        "artifacts": [
            *(
                {"type": "docker/image", "name": placeholder(spec, item), "reference": images[item.name]}
                for item in spec.services
                if item.name in images
            ),
            {
                "type": "git/repo",
                "name": spec.application,
                "reference": settings["repository"],
                "version": settings["commit"],
                "artifactAccount": "git",
            },
        ],
    }


def _began(execution: dict[str, Any], *names: str) -> bool:
    return any(stage(execution, name) not in ("", "NOT_STARTED", "SKIPPED") for name in names)


def _changed(execution: dict[str, Any]) -> bool:
    """A stage that changes something has begun."""
    return any(
        str(item.get("type"))
        in ("deployManifest", "scaleManifest", "patchManifest", "undoRolloutManifest", "deleteManifest")
        and item.get("status") not in ("NOT_STARTED", "SKIPPED")
        for item in execution.get("stages") or ()
    )
