"""Environments and their protection: what is missing is added, and nothing that people set up is taken away."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hug_agents.adapters.github_actions.client import Client
from hug_agents.adapters.github_actions.place import Place
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.errors import UsageError
from hug_agents.spec import Environment


class Protection:
    """Of one environment: only `branch` deploys to it, and the place's reviewers are asked before production."""

    def __init__(
        self, client: Client, place: Place, branch: str, environment: Environment | EnvironmentIdentity
    ) -> None:
        self._client = client
        self._place = place
        self._branch = branch
        self._path = f"{place.path}/environments/{quote(environment.name, safe='')}"
        self._name = environment.name
        self._reviewers = place.reviewers if environment.role == "production" else ()

    def missing(self) -> tuple[str, ...]:
        """What differs from what is set up by `ensure`, one a line."""
        there = self._there()
        if there is None:
            return (f"environment {self._name}: is not there",)
        lines = [f"environment {self._name}: {item} is no required reviewer" for item in self._unasked(there)]
        policy = there.get("deployment_branch_policy")
        if policy is None:
            lines.append(f"environment {self._name}: every branch may deploy to it")
        elif policy["custom_branch_policies"]:
            names = self._admitted()
            if self._branch not in names:
                lines.append(f"environment {self._name}: {self._branch} may not deploy to it")
            lines += [
                f"environment {self._name}: {name} may deploy to it too" for name in names if name != self._branch
            ]
        return tuple(lines)

    def ensure(self) -> bool:
        """Set up what is missing; whether anything was. Needs a token that may administer the repository."""
        there = self._there()
        policy = there.get("deployment_branch_policy") if there else None
        changed = False
        if there is None or policy is None or self._unasked(there):
            rules = _rules(there)
            kept = [
                {"type": item["type"], "id": item["reviewer"]["id"]}
                for item in rules.get("required_reviewers", {}).get("reviewers", ())
            ]
            wanted = [self._reviewer(item) for item in self._unasked(there or {})]
            rest: dict[str, Any] = {
                "wait_timer": rules.get("wait_timer", {}).get("wait_timer"),
                "prevent_self_review": rules.get("required_reviewers", {}).get("prevent_self_review"),
                "reviewers": [*kept, *wanted],
            }
            # What is not wanted is not named: plans and servers that do not have a rule refuse even its default.
            body = {key: value for key, value in rest.items() if value} | {
                "deployment_branch_policy": policy or {"protected_branches": False, "custom_branch_policies": True}
            }
            there = self._client.call("PUT", self._path, json=body).json()
            changed = True
        policy = there.get("deployment_branch_policy")
        if policy and policy["custom_branch_policies"] and self._branch not in self._admitted():
            self._client.call(
                "POST",
                f"{self._path}/deployment-branch-policies",
                json={"name": self._branch},
                repeatable=True,
                ok=(303,),
            )
            changed = True
        return changed

    def _there(self) -> dict[str, Any] | None:
        answer = self._client.get(self._path, ok=(404,))
        found: dict[str, Any] | None = answer.json() if answer.status == 200 else None
        return found

    def _admitted(self) -> list[str]:
        rows = self._client.pages(f"{self._path}/deployment-branch-policies", "branch_policies")
        return [str(row["name"]) for row in rows]

    def _unasked(self, there: dict[str, Any]) -> list[str]:
        """The wanted reviewers who are not asked yet."""
        asked = {
            (str(row["type"]), str(row["reviewer"].get("login") or row["reviewer"].get("slug")).lower())
            for row in _rules(there).get("required_reviewers", {}).get("reviewers", ())
        }
        return [item for item in self._reviewers if _kind(item) not in asked]

    def _reviewer(self, name: str) -> dict[str, Any]:
        organisation, _, team = name.partition("/")
        path = f"/orgs/{organisation}/teams/{team}" if team else f"/users/{name}"
        answer = self._client.get(path, ok=(404,))
        if answer.status == 404:
            raise UsageError(f"GitHub knows no reviewer {name}", where="target", hint="?reviewers=LOGIN,ORG/TEAM")
        return {"type": "Team" if team else "User", "id": answer.json()["id"]}


def _kind(name: str) -> tuple[str, str]:
    organisation, _, team = name.partition("/")
    return ("Team", team.lower()) if team else ("User", organisation.lower())


def _rules(there: dict[str, Any] | None) -> dict[str, Any]:
    return {str(rule["type"]): rule for rule in (there or {}).get("protection_rules", ())}
