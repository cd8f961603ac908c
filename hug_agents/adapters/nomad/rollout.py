"""How jobs come to a new version and back: register, wait, promote, replace so many, revert. Each may be asked twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hug_agents.adapters.nomad.api import ACTIVE, Api, Pace, same, state

Check = Callable[[dict[str, Any], dict[str, Any]], bool]
"""`(job, deployment) -> bool`."""


class Bad(Exception):
    """A deployment failed, or does not come to where it is waited for. The world was changed."""


class Rollout:
    """The jobs of one namespace."""

    def __init__(self, api: Api, pace: Pace) -> None:
        self._api = api
        self._pace = pace

    def register(self, job: dict[str, Any], index: int) -> None:
        """Unless it is registered already; only on the job that was planned on. Raises HttpError for another one."""
        if self._api.plan(job)["Diff"]["Type"] != "None":
            self._api.register(job, index)
            self._evaluated(job["ID"])

    def run_once(self, job: dict[str, Any], index: int, token: str, release: str) -> None:
        """One dispatch for a token. Raises Bad where it fails."""
        self.register(job, index)
        name = self._api.dispatch(job["ID"], token, release)
        end = self._pace.clock() + self._pace.once
        while not (how := self._api.ended(name)):
            if self._pace.clock() > end:
                raise Bad(f"{name} still runs after {self._pace.once:.0f} s")
            self._pace.sleep(self._pace.poll)
        if how != "complete":
            raise Bad(f"{name} failed: nomad alloc logs -job {name}")

    def await_canaries(self, names: Iterable[str]) -> None:
        """Every canary is healthy; of a first version, which has none, every instance."""
        for name in names:
            self._await(name, canaries_healthy)

    def promote(self, names: Iterable[str]) -> None:
        """Canaries take over; a deployment without them needs no word."""
        for name in names:
            found = self._api.deployment(name)
            if found and found["Status"] in ACTIVE and waits_for_word(found):
                self._api.promote(found["ID"])

    def replace(self, names: Iterable[str], percent: int) -> None:
        """Go on until that share is new; below 100 it is paused there."""
        for name in names:
            self._resume(name)
            if percent == 100:
                continue
            self._await(name, lambda job, at: _share(job, at, "PlacedAllocs", percent))
            # Once they are healthy Nomad places the next ones at once: so it is paused while these start.
            found = self._api.deployment(name)
            if found and found["Status"] == "running":
                self._api.pause(found["ID"], True)
            self._await(name, lambda job, at: _share(job, at, "HealthyAllocs", percent))
        if percent == 100:
            self.settle(names)

    def settle(self, names: Iterable[str]) -> None:
        """Every deployment ends well; a job that needed none is as it is."""
        for name in names:
            self._evaluated(name)
            job, found = self._api.job(name), self._api.deployment(name)
            if job and found and (found["Status"] in ACTIVE or found["JobVersion"] == job["Version"]):
                self._await(name, ended)

    def restore(self, name: str, version: int | None) -> None:
        """The version that ran before; None: none did, so the job is taken away. Raises Bad where it is no longer kept."""
        found = self._api.deployment(name)
        if version is None:
            self._api.stop(name)
            return
        if found and found["Status"] in ACTIVE and found["JobVersion"] != version:
            self._api.fail(found["ID"])
            self._evaluated(name)
        versions = self._api.versions(name)
        target = next((item for item in versions if item["Version"] == version), None)
        if target is None:
            raise Bad(f"Nomad no longer keeps version {version} of {name}")
        if not same(versions[0], target):
            self._api.revert(name, version, versions[0]["Version"])
            self._evaluated(name)
        # The way back is a deployment too, with canaries of the old version where some of it are gone.
        found = self._api.deployment(name)
        if found and found["Status"] in ACTIVE:
            self.await_canaries([name])
            self.promote([name])

    def _resume(self, name: str) -> None:
        found = self._api.deployment(name)
        if found and found["Status"] == "paused":
            self._api.pause(found["ID"], False)

    def _evaluated(self, name: str) -> None:
        end = self._pace.clock() + self._pace.settle
        while self._api.pending(name):
            if self._pace.clock() > end:
                raise Bad(f"Nomad has not looked at {name} after {self._pace.settle:.0f} s")
            self._pace.sleep(min(1.0, self._pace.poll))

    def _await(self, name: str, check: Check) -> None:
        end = self._pace.clock() + self._pace.settle
        while True:
            job, found = self._api.job(name), self._api.deployment(name)
            if job and found and check(job, found):
                return
            if found and found["Status"] in ("failed", "cancelled"):
                raise Bad(f"{name}: {found['StatusDescription']}")
            if self._pace.clock() > end:
                raise Bad(f"{name}: not where it should be after {self._pace.settle:.0f} s")
            self._pace.sleep(self._pace.poll)


def canaries_healthy(job: dict[str, Any], deployment: dict[str, Any]) -> bool:
    """The deployment of this very version has all that it starts with."""
    at = state(deployment)
    wanted = at["DesiredCanaries"] or at["DesiredTotal"]
    enough = at["HealthyAllocs"] >= wanted or deployment["Status"] == "successful"
    return bool(deployment["JobVersion"] == job["Version"] and enough)


def ended(job: dict[str, Any], deployment: dict[str, Any]) -> bool:
    """The deployment of this very version was successful."""
    return bool(deployment["JobVersion"] == job["Version"] and deployment["Status"] == "successful")


def waits_for_word(deployment: dict[str, Any]) -> bool:
    """It has canaries that nobody has promoted."""
    at = state(deployment)
    return bool(at["DesiredCanaries"] and not at["Promoted"])


def reached(job: dict[str, Any], deployment: dict[str, Any], percent: int) -> bool:
    """That share of the instances is new and healthy, and the canaries are promoted."""
    if percent == 100:
        return ended(job, deployment)
    promoted = deployment["Status"] == "successful" or not waits_for_word(deployment)
    return promoted and _share(job, deployment, "HealthyAllocs", percent)


def _share(job: dict[str, Any], deployment: dict[str, Any], key: str, percent: int) -> bool:
    if deployment["JobVersion"] != job["Version"]:
        return False
    wanted = -(-job["TaskGroups"][0]["Count"] * percent // 100)
    return bool(deployment["Status"] == "successful" or state(deployment)[key] >= wanted)
