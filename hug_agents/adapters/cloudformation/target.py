"""The `cloudformation` target: exactly the approved change set is carried out, once, on the stack that it was made for.

CloudFormation holds the desired state, so one change set is all of a release: what it configures replaces the running version.
Steps of traffic need a change set each, which nobody would have approved: they are refused, and deploy/deploy.sh does them.
"""

from __future__ import annotations

import json
from pathlib import Path

from hug_agents.adapters.cloudformation import drift as drifts
from hug_agents.adapters.cloudformation.changes import Changes, changes, destroyed, some
from hug_agents.adapters.cloudformation.client import Aws, Refused
from hug_agents.adapters.cloudformation.place import read_images, read_target_file
from hug_agents.adapters.cloudformation.stack import Made, Now, Stack
from hug_agents.adapters.cloudformation.wanted import (
    Wanted,
    has_record,
    parameters_of,
    policy_of,
    read_record,
    record_parameters,
    secrets_of,
    stack_of,
    tags_of,
    template_of,
)
from hug_agents.adapters.images import pinned_images
from hug_agents.adapters.terraform.record import Record
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.canonical import digest
from hug_agents.errors import EnvironmentBusy, HttpError, UnsupportedError, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Order, Outcome, PlanStale, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.render.naming import template_bucket
from hug_agents.spec import DeploymentSpec, Environment
from hug_agents.store import Store

_DESTROY = "destroy"
_NOTHING = "none"
"""Instead of a change set: nothing would change."""
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_AS_BEFORE = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
_RESTED = (*_GOOD, *_AS_BEFORE)
_NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")


class CloudFormationTarget:
    """One stack an environment. `folder`, where there is one, holds `target.toml` and what pipelines built."""

    def __init__(self, folder: Path | None, store: Store) -> None:
        self._folder = folder.resolve() if folder else None
        self._file = read_target_file(self._folder)
        self._regions: dict[str, Aws] = {}
        self.name = f"cloudformation:{self._folder}" if self._folder else "cloudformation"
        self.abilities = Abilities(strategies=frozenset(self._file.carries), hands_over=True, repeats=False)

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Make a change set and say what it would do. Raises UnsupportedError, UsageError, EnvironmentBusy, HttpError."""
        refuse(bundle, blueprint, environment)
        stack = self._stack(blueprint.spec, environment)
        now = _at_rest(stack)
        before = read_record(now.parameters or {}, blueprint.spec)
        settings: dict[str, str] = {}
        record: Record | None = None
        if has_record(bundle, environment.name):
            if before.status == "moving":
                raise UsageError(
                    f"the release {before.id} of {environment.name} is not finished",
                    where="parameters of the stack",
                    hint=f"first: deploy/deploy.sh rollback {environment.name}",
                )
            images = pinned_images(blueprint.spec, read_images(self._folder, blueprint.spec.application))
            record = before.released(images, bundle.digest().removeprefix("sha256:")[:16])
            settings = {"release": record.text(), "release-before": before.text()}
        wanted = self._wanted(bundle, blueprint.spec, environment, stack, record)
        made = stack.propose(wanted, now, self._file.plan_seconds)
        settings |= {"mode": "apply", "change-set": made.id or _NOTHING, "does": made.content, "wanted": wanted.name}
        return self._saved(bundle, environment, previous, stack, now, changes(made.rows), settings)

    def plan_destroy(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None = None
    ) -> SavedPlan:
        """What deleting the stack would remove; only an order `destroy` carries it out."""
        stack = self._stack(blueprint.spec, environment)
        now = stack.settle(self._file.poll_seconds)
        found = destroyed(stack.resources(), stack.policies()) if now.exists else Changes()
        settings = {"mode": _DESTROY, "change-set": _NOTHING, "does": digest(list(found.lines())), "wanted": ""}
        saved = self._saved(bundle, environment, previous, stack, now, found, settings)
        return saved.model_copy(update={"destroys": True})

    def apply(self, work: Work) -> Outcome:
        """Carry out the approved change set. Raises PlanStale, EnvironmentBusy, both with nothing changed."""
        order, settings = work.order, self._settings(work)
        if order.action not in ("deploy", "destroy"):
            return _refused(f"CloudFormation cannot {order.action}: one change set is all of a release")
        if (order.action == "destroy") != (settings["mode"] == _DESTROY):
            return _refused(f"the approved plan is to {settings['mode']}, not to {order.action}")
        stack, now = self._unchanged(work)
        if order.action == "destroy":
            return self._deleted(stack, now, order)
        if settings["change-set"] == _NOTHING:
            return Outcome(status="done", detail="nothing had to be changed", outputs=_shown(now))
        made = stack.change_set(settings["change-set"])
        if made is None or made.id != settings["change-set"]:
            raise PlanStale("the approved change set is not there any more")
        if made.content != settings["does"]:
            raise PlanStale("the change set does something else than what was approved")
        if made.status != "AVAILABLE":
            raise PlanStale(f"the approved change set is {made.status.lower() or 'of no status'}")
        return self._carried_out(stack, made, work.bundle, order)

    def rollback(self, work: Work) -> Outcome:
        """Return to the previous bundle's template and the release before it. Never at the price of data."""
        self._settings(work)
        order = work.order
        stack = self._stack(work.blueprint.spec, _environment(work))
        now = self._recovered(stack, order)
        if _goes(work, now):
            return self._to_nothing(stack, now, order)
        wanted = self._back(work, stack)
        if now.same(wanted):
            return Outcome(status="done", detail="the stack is that of the previous bundle", outputs=_shown(now))
        try:
            made = stack.propose(wanted, now, self._file.plan_seconds)
        except HttpError as error:
            return _refused(error.what)
        if not made.id:
            if left := drifts.stack_against_bundle(now, wanted.model_copy(update={"template": now.template})):
                return _refused(f"CloudFormation sees nothing to change, and yet {some(left)}")
            return Outcome(status="done", detail="the stack is that of the previous bundle", outputs=_shown(now))
        if lost := changes(made.rows).lost(self._file.holds_data):
            return _refused(f"it would lose data with {some(lost)}; ship a fix forward, or move the data first")
        return self._carried_out(stack, made, work.previous or work.bundle, order)

    def observe(self, work: Work) -> Observation:
        """Ask the stack. Raises EnvironmentBusy while CloudFormation is at work: nobody has to guess, it is waited for."""
        settings, order = self._settings(work), work.order
        stack = self._stack(work.blueprint.spec, _environment(work))
        try:
            now = stack.settle(self._file.apply_seconds)
            began = stack.events(_token(order)) if now.exists else []
        except HttpError as error:
            return Observation(state="unknown", evidence=str(error)[:5_000])
        said = f"the stack is {now.status or 'not there'}; {len(began)} events are of this order"
        if order.action == "destroy":
            gone = "done" if not now.exists else "partial" if began else "not_done"
            return Observation.model_validate({"state": gone, "evidence": said})
        if order.action == "rollback":
            done = not now.exists if _goes(work, now) else now.status in _RESTED and now.same(self._back(work, stack))
            return Observation(state="done" if done else "partial" if began else "not_done", evidence=said)
        if now.status in _GOOD and (settings["change-set"] == _NOTHING or self._reached(now, work, stack)):
            return Observation(state="done", evidence=said)
        if now.base == work.plan.base:
            failed = f"; it was taken back: {stack.why(_token(order))}" if began else ""
            return Observation(state="not_done", evidence=f"{said}, as before{failed}"[:8_000])
        return Observation(state="unknown", evidence=f"{said}; it is neither as before nor as approved")

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Compare stack and bundle, then world and stack by CloudFormation's own drift detection."""
        stack = self._stack(blueprint.spec, environment)
        try:
            now = stack.settle(self._file.poll_seconds)
        except (EnvironmentBusy, HttpError) as error:
            return Drift(status="unknown", evidence=str(error)[:5_000])
        if bundle is None:
            return self._left_behind(stack, now, blueprint.spec)
        if not now.exists:
            return Drift(status="drifted", changes=("there is no stack: nothing was put there",))
        before = read_record(now.parameters or {}, blueprint.spec)
        record = before if has_record(bundle, environment.name) else None
        lines = drifts.stack_against_bundle(now, self._wanted(bundle, blueprint.spec, environment, stack, record))
        if record is not None:
            images = pinned_images(blueprint.spec, read_images(self._folder, blueprint.spec.application))
            if record.images != images:
                lines.insert(0, f"release {record.id or 'none'}: other images are live than the bundle names")
        try:
            lines += drifts.world_against_stack(stack, self._file.plan_seconds, self._file.poll_seconds)
        except HttpError as error:
            said = f"the world could not be held against the stack: {error}"[:5_000]
            return Drift(status="drifted" if lines else "unknown", changes=tuple(lines), evidence=said)
        return drifts.as_drift(lines, f"the stack is {now.status}; drift detection is complete")

    def logs(self, work: Work, lines: int = 200) -> str:
        """What CloudFormation did for an order, the oldest first."""
        stack = self._stack(work.blueprint.spec, _environment(work))
        try:
            rows = stack.events(_token(work.order), lines)
        except HttpError:
            return ""
        return "\n".join(
            f"{row.get('Timestamp')} {row.get('ResourceStatus')} {row.get('LogicalResourceId')} "
            f"{row.get('ResourceStatusReason') or ''}".rstrip()
            for row in reversed(rows)
        )

    def _stack(self, spec: DeploymentSpec, environment: Environment) -> Stack:
        place = self._file.place(environment.name)
        region = place.region or environment.region or ""
        aws = self._regions.setdefault(region, Aws(region))
        if environment.account and aws.account != environment.account:
            raise UsageError(
                f"the credentials are of account {aws.account}, and {environment.name} is in {environment.account}",
                where="target",
            )
        bucket = self._file.bucket or f"{template_bucket(spec)}-ACCOUNT"
        return Stack(aws, stack_of(spec, environment, place), poll=self._file.poll_seconds, bucket=bucket)

    def _wanted(
        self, bundle: Bundle, spec: DeploymentSpec, environment: Environment, stack: Stack, record: Record | None
    ) -> Wanted:
        place = self._file.place(environment.name)
        parameters = parameters_of(bundle, environment.name, place)
        for parameter, name in secrets_of(bundle, environment.name).items():
            try:
                parameters[parameter] = str(stack.aws.call("secretsmanager", "describe_secret", SecretId=name)["ARN"])
            except Refused as error:
                raise UsageError(
                    f"the secret {name} cannot be found: {error.what}", where="secrets.json", hint="put it there first"
                ) from error
        if record is not None:
            parameters |= record_parameters(record, spec)
        return Wanted(
            stack=stack.name,
            template=template_of(bundle, environment.name),
            parameters=parameters,
            tags=tags_of(bundle, environment.name),
        )

    def _saved(
        self,
        bundle: Bundle,
        environment: Environment,
        previous: Bundle | None,
        stack: Stack,
        now: Now,
        found: Changes,
        settings: dict[str, str],
    ) -> SavedPlan:
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base=now.base,
            settings={
                **settings,
                "stack": stack.name,
                "region": stack.aws.region,
                "account": stack.aws.account,
                "place": self._file.about(environment.name),
                "base-before": "stack" if now.exists else "absent",
            },
            creates=len(found.of("created")),
            updates=len(found.of("changed")),
            replaces=found.of("replaced"),
            deletes=found.of("destroyed"),
            data=found.data(self._file.holds_data),
        )

    def _settings(self, work: Work) -> dict[str, str]:
        """What was approved with the plan. Raises UsageError for a plan of another target."""
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return work.plan.settings

    def _unchanged(self, work: Work) -> tuple[Stack, Now]:
        """The stack, if all is as it was when the plan was made. Raises PlanStale, EnvironmentBusy."""
        settings = work.plan.settings
        stack = self._stack(work.blueprint.spec, _environment(work))
        if (settings["account"], settings["region"], settings["stack"]) != (
            stack.aws.account,
            stack.aws.region,
            stack.name,
        ):
            raise PlanStale("the plan was made in another account, region or stack")
        if settings["place"] != self._file.about(work.order.environment.name):
            raise PlanStale("target.toml says something else now than when the plan was made")
        now = stack.settle(self._file.poll_seconds)
        if now.base != work.plan.base:
            raise PlanStale(f"the stack is {now.base}, and the plan was made on {work.plan.base}")
        return stack, now

    def _carried_out(self, stack: Stack, made: Made, bundle: Bundle, order: Order) -> Outcome:
        try:
            stack.execute(made, _token(order))
        except Refused as error:
            if error.code in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException", "ChangeSetNotFound"):
                raise PlanStale(f"CloudFormation refused the change set: {error.what}") from error
            return _refused(error.what)
        now = stack.settle(self._file.apply_seconds)
        if now.status not in _GOOD:
            taken_back = ": CloudFormation took it back" if now.status in _AS_BEFORE else ""
            why = stack.why(_token(order)) or now.reason
            return Outcome(status="failed", detail=f"the stack is {now.status}{taken_back}. {why}"[:9_000])
        stack.protect(policy_of(bundle, order.environment.name))
        done = changes(made.rows)
        detail = f"the stack is {now.status}; {len(done.resources)} resources: {some(done.lines())}"
        return Outcome(status="done", detail=detail[:9_000], outputs=_shown(now))

    def _deleted(self, stack: Stack, now: Now, order: Order) -> Outcome:
        if not now.exists:
            return Outcome(status="done", detail="there is no stack")
        if now.protected:
            return _refused("the stack is protected from deletion; a person lifts that first, and means it")
        stack.delete(_token(order))
        now = stack.settle(self._file.apply_seconds)
        if now.exists:
            return Outcome(
                status="failed", detail=f"the stack is {now.status}: {stack.why(_token(order)) or now.reason}"[:9_000]
            )
        return Outcome(status="done", detail="the stack is gone")

    def _recovered(self, stack: Stack, order: Order) -> Now:
        """The stack at rest and fit for an update: what CloudFormation could not take back is tried once more."""
        now = stack.settle(self._file.apply_seconds)
        if now.status == "UPDATE_ROLLBACK_FAILED":
            stack.aws.call(
                "cloudformation",
                "continue_update_rollback",
                StackName=stack.name,
                ClientRequestToken=f"{_token(order)[:100]}-c",
            )
            now = stack.settle(self._file.apply_seconds)
        return now

    def _to_nothing(self, stack: Stack, now: Now, order: Order) -> Outcome:
        """There was no stack before this release: it goes, unless data would go with it."""
        if not now.exists:
            return Outcome(status="done", detail="there is no stack, as before")
        lost = destroyed(stack.resources(), stack.policies()).lost(self._file.holds_data)
        if lost and now.status in _GOOD:
            return _refused(f"it would lose data with {some(lost)}; ship a fix forward, or move the data first")
        return self._deleted(stack, now, order)

    def _back(self, work: Work, stack: Stack) -> Wanted:
        """What a rollback wants: the previous bundle and the record before; without one, this bundle with that record."""
        bundle, environment = work.previous or work.bundle, _environment(work)
        before = work.plan.settings.get("release-before")
        record = None
        if has_record(bundle, environment.name):
            record = Record.model_validate(json.loads(before)) if before else Record()
        return self._wanted(bundle, work.blueprint.spec, environment, stack, record)

    def _reached(self, now: Now, work: Work, stack: Stack) -> bool:
        environment = _environment(work)
        text = work.plan.settings.get("release")
        record = Record.model_validate(json.loads(text)) if text else None
        wanted = self._wanted(work.bundle, work.blueprint.spec, environment, stack, record)
        return wanted.name == work.plan.settings["wanted"] and now.same(wanted)

    def _left_behind(self, stack: Stack, now: Now, spec: DeploymentSpec) -> Drift:
        """Nothing is to be there."""
        if not now.exists:
            return Drift(status="none", evidence="there is no stack")
        if "ReleaseStatus" in (now.parameters or {}):
            record = read_record(now.parameters or {}, spec)
            live = (f"the release {record.id} is live",) if record.images else ()
            return Drift(status="drifted" if live else "none", changes=live, evidence="what stands still stays")
        found = tuple(f"still there: {row['LogicalResourceId']} ({row['ResourceType']})" for row in stack.resources())
        return Drift(status="drifted" if found else "none", changes=found, evidence=f"the stack is {now.status}")


def refuse(bundle: Bundle, blueprint: Blueprint, environment: Environment) -> None:
    """Raises UnsupportedError for a bundle of which a change set would carry only a part; UsageError without a template."""
    if has_record(bundle, environment.name) and blueprint.rollout.strategy != "rolling":
        raise UnsupportedError(
            f"a {blueprint.rollout.strategy} release on ECS is steps of traffic, each a change set that nobody has approved",
            where="strategy",
            hint="choose rolling, or let deploy/deploy.sh carry it out: write:PATH and its pipeline",
        )


def _at_rest(stack: Stack) -> Now:
    """The stack, fit for a change set. Raises EnvironmentBusy, UsageError."""
    now = stack.settle(0)
    if now.exists and now.status not in _RESTED:
        first = "delete it, it was never made" if now.status in _NEVER_MADE else "continue its rollback"
        raise UsageError(f"the stack is {now.status}: {now.reason}", where=stack.name, hint=f"first {first}")
    return now


def _environment(work: Work) -> Environment:
    return next(item for item in work.blueprint.spec.environments if item.name == work.order.environment.name)


def _goes(work: Work, now: Now) -> bool:
    """There was no stack before, so a rollback leaves none. One that is told what is released keeps what stands still
    (networks, databases): only the release goes, unless the stack was never made."""
    if work.plan.settings["base-before"] != "absent" or work.previous is not None:
        return False
    return not now.exists or now.status in _NEVER_MADE or not has_record(work.bundle, work.order.environment.name)


def _token(order: Order) -> str:
    """What an operation is known by in the stack's events: one order, one token, however often it is given."""
    return f"hug-{order.key.removeprefix('sha256:')}"


def _refused(why: str) -> Outcome:
    return Outcome(status="failed", detail=f"nothing was changed: {why}"[:9_000], untouched=True)


def _shown(now: Now) -> dict[str, str]:
    """Outputs as an outcome names them."""
    shown = {}
    for name, value in (now.outputs or {}).items():
        key = "".join(f"-{char.lower()}" if char.isupper() else char for char in name).strip("-")[:40].strip("-")
        if key[:1].isalpha():
            shown[key] = value[:2_000]
    return shown
