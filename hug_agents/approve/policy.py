"""The governance policy: who holds which role and key, and what each checkpoint asks for. Packets name its digest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from hug_agents.approve.checkpoints import CHECKPOINT_IDS, CheckpointId
from hug_agents.approve.clock import Instant
from hug_agents.approve.identity import Digest, PersonId, ShownName
from hug_agents.approve.keys import PublicKey
from hug_agents.approve.measured import Bound, MetricName, sensible
from hug_agents.approve.risk import Tier
from hug_agents.canonical import digest
from hug_agents.errors import DecisionRefused, SigningKeyError
from hug_agents.plans import Role
from hug_agents.spec import Line, Model, Window

EnvironmentRole = Literal["development", "staging", "production"]


def _key_line(text: str) -> str:
    try:
        return _public(text).line
    except SigningKeyError as error:
        raise ValueError(error.what) from error


@lru_cache(maxsize=4096)
def _public(line: str) -> PublicKey:
    return PublicKey.parse(line)


def _cron_line(text: str) -> str:
    from croniter import CroniterBadDateError, croniter

    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise ValueError("not a cron expression of five fields, e.g. 0 9 * * 1")
    try:
        croniter(text).get_next()
    except CroniterBadDateError:
        raise ValueError("no day of any year is like this, e.g. 0 9 * * 1") from None
    return text


CronLine = Annotated[Line, AfterValidator(_cron_line)]
KeyLine = Annotated[Line, AfterValidator(_key_line)]
"""`ssh-ed25519 AAAA...`; its comment is dropped."""
Roles = Annotated[tuple[Role, ...], Field(max_length=3)]
Quorum = Annotated[int, Field(ge=0, le=50)]


class Person(Model):
    """Someone who may sign."""

    id: PersonId
    name: ShownName
    roles: Annotated[Roles, Field(min_length=1)]
    keys: Annotated[tuple[KeyLine, ...], Field(min_length=1, max_length=10)]


class Demand(Model):
    """Whose signatures are needed: one of each role, and so many distinct people in all."""

    roles: Roles
    quorum: Quorum = Field(description="distinct people")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.roles)) != len(self.roles):
            raise ValueError("a role is named twice; ask for more people with quorum")
        if self.quorum < len(self.roles):
            raise ValueError(f"quorum {self.quorum} is below the {len(self.roles)} roles, each of another person")
        if self.quorum and not self.roles:
            raise ValueError("a quorum needs the roles that it is made of")
        return self


class Rule(Demand):
    """What one checkpoint asks for."""

    expires_hours: Annotated[int, Field(ge=1, le=2160)] = 24
    requester_may_sign: bool = False
    gates: tuple[Line, ...] = Field((), description="gates that must have run and be green, beside every required one")
    drill: Literal["optional", "required"] = "optional"
    drill_max_age_hours: Annotated[int, Field(ge=1, le=8760)] = 720
    metrics: Annotated[dict[MetricName, Bound], AfterValidator(sensible)] = Field(
        default_factory=dict,
        description="what earlier deployments of the application must have shown",
        exclude_if=lambda value: not value,  # a policy without it keeps its digest
    )

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not self.quorum:
            raise ValueError("a checkpoint needs at least one signature; only the tier `low` may ask for none")
        return self


class ChangeWindow(Window):
    """When environments of these roles may be changed, local time; an end before the start is on the next day."""

    environments: Annotated[tuple[EnvironmentRole, ...], Field(min_length=1)] = ("production",)


class Freeze(Model):
    """When they may not."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    name: Line
    environments: Annotated[tuple[EnvironmentRole, ...], Field(min_length=1)] = ("production",)
    begins: Instant = Field(alias="from")
    until: Instant
    reason: Line

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.until <= self.begins:
            raise ValueError("until is not after from")
        return self


class Drills(Model):
    """When the way back of what was released is rehearsed again."""

    schedule: CronLine = Field(
        description="a cron expression of five fields, UTC; `hug drill --due` begins what is due"
    )


class Policy(Model):
    """`governance.yaml`."""

    schema_version: Literal[1] = 1
    version: Annotated[int, Field(ge=1, le=2**31)] = Field(description="raised by its owners with every change")
    mode: Literal["team", "solo"] = Field("team", description="solo: one person in every role, said aloud at every use")
    people: Annotated[tuple[Person, ...], Field(max_length=500)] = ()
    checkpoints: dict[CheckpointId, Rule]
    tiers: dict[Tier, dict[CheckpointId, Demand]] = Field(
        default_factory=dict, description="what a risk tier asks for instead"
    )
    windows: Annotated[tuple[ChangeWindow, ...], Field(max_length=50)] = ()
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=200)] = ()
    drills: Drills | None = Field(None, exclude_if=lambda value: value is None)
    override_roles: Annotated[Roles, Field(min_length=1)] = ("Operations Engineer", "Site Reliability Engineer")
    override_hours: Annotated[int, Field(ge=1, le=168)] = 12
    waiver_max_days: Annotated[int, Field(ge=1, le=365)] = 30
    clock_skew_seconds: Annotated[int, Field(ge=0, le=300)] = 60

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := [name for name in CHECKPOINT_IDS if name not in self.checkpoints]:
            raise ValueError(f"checkpoints: {', '.join(missing)} is missing; every checkpoint needs a rule")
        if self.mode == "solo" and len(self.people) != 1:
            raise ValueError(f"mode: solo is for exactly one person; people names {len(self.people)}")
        rule = self.checkpoints["production_go_no_go"]
        if self.mode == "team" and rule.requester_may_sign:
            raise ValueError("checkpoints.production_go_no_go: the requester never signs for production")
        for tier, demands in self.tiers.items():
            for name, demand in demands.items():
                if not demand.quorum and (tier != "low" or name == "production_go_no_go"):
                    raise ValueError(
                        f"tiers.{tier}.{name}: no signature at all is for low-risk changes outside production only"
                    )
        return self

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids: set[str] = set()
        names: set[str] = set()
        keys: dict[str, str] = {}
        for person in self.people:
            if person.id in ids or person.name.casefold() in names:
                raise ValueError(f"people: {person.id}: two people of the same id or name")
            ids.add(person.id)
            names.add(person.name.casefold())
            for line in person.keys:
                if line in keys:
                    raise ValueError(f"people: {person.id}: a key of {keys[line]}; one key, one person")
                keys[line] = person.id
        return self

    def digest(self) -> Digest:
        """The name of what the policy says; comments and layout do not matter."""
        return self._digest

    @cached_property
    def _digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))

    @property
    def solo(self) -> bool:
        """One person in every role."""
        return self.mode == "solo"

    @property
    def notice(self) -> str:
        """What is printed at every use; empty in a team."""
        if not self.solo:
            return ""
        return f"SOLO MODE: {self.people[0].name} signs in every role; nobody else has looked."

    def owner_of(self, key: PublicKey) -> PersonId:
        """Whose key it is. Raises DecisionRefused if it is nobody's."""
        person, _ = self.keys.get(key.id, (None, None))
        if person is None:
            raise DecisionRefused(
                f"the policy knows nobody with the key {key.line[-12:]}",
                reason="unknown_key",
                hint="its owners add the line of `hug keys list` to governance.yaml",
            )
        return person.id

    def person(self, name: str) -> Person | None:
        """Someone by id."""
        return next((person for person in self.people if person.id == name), None)

    @cached_property
    def keys(self) -> Mapping[str, tuple[Person, PublicKey]]:
        """Every key by its id, with its owner."""
        listed = [(person, _public(line)) for person in self.people for line in person.keys]
        return {key.id: (person, key) for person, key in listed}

    def demand(self, checkpoint: CheckpointId, tier: Tier, environment: EnvironmentRole) -> Demand:
        """What is asked for a change of this tier. In production there is always a signature."""
        rule = self.checkpoints[checkpoint]
        demand: Demand = self.tiers.get(tier, {}).get(checkpoint, rule)
        return rule if environment == "production" and not demand.quorum else demand

    def holders(self, role: Role, *, without: str = "") -> tuple[PersonId, ...]:
        """Who holds a role; `without` leaves the requester out."""
        return tuple(person.id for person in self.people if role in person.roles and person.id != without)


def gaps(policy: Policy) -> tuple[str, ...]:
    """Demands that the people of this policy can never meet, even when somebody outside it is the requester."""
    found = []
    asked: list[tuple[str, str, Demand]] = [("checkpoints", name, rule) for name, rule in policy.checkpoints.items()]
    asked += [(f"tiers.{tier}", name, rule) for tier, rules in policy.tiers.items() for name, rule in rules.items()]
    for where, name, demand in asked:
        if empty := [role for role in demand.roles if not policy.holders(role)]:
            found.append(f"{where}.{name}: nobody holds {' or '.join(empty)}")
        elif not policy.solo and not _fillable(policy, demand):
            found.append(f"{where}.{name}: needs {demand.quorum} different people for {', '.join(demand.roles)}")
    return tuple(found)


def _fillable(policy: Policy, demand: Demand) -> bool:
    """Whether distinct people can hold each role (a matching), and enough people hold any of them."""
    taken: dict[str, Role] = {}

    def place(role: Role, seen: set[str]) -> bool:
        for person in policy.holders(role):
            if person not in seen:
                seen.add(person)
                if person not in taken or place(taken[person], seen):
                    taken[person] = role
                    return True
        return False

    eligible = {person for role in demand.roles for person in policy.holders(role)}
    return all(place(role, set()) for role in demand.roles) and len(eligible) >= demand.quorum
