"""A bundle comes onto the branch by one commit in one merge request; every part of that is found again, never made twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hug_agents.adapters.forge import BY_HAND, ORDER, page, trailers
from hug_agents.adapters.gitlab_ci.client import Client, said_by
from hug_agents.adapters.gitlab_ci.files import branch_path, read_branch, read_commit
from hug_agents.adapters.gitlab_ci.place import Place
from hug_agents.adapters.tree import Head, changes
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, OutputConflict
from hug_agents.execute.target import PlanStale, Work
from hug_agents.output import contents
from hug_agents.spec import Line, Model
from hug_agents.store import Store


class Merged(Model):
    """The bundle is on the branch."""

    commit: Line
    """The head of the branch."""
    url: Line = ""
    """Of the merge request; empty if the files were there already."""


@dataclass(frozen=True)
class MergeRequest:
    """Puts `bundle` (None: nothing of ours) onto `base`, for one order."""

    client: Client
    place: Place
    store: Store
    base: str
    work: Work
    bundle: Bundle | None
    title: str
    branch: str
    tell: Callable[[str], None]

    def settled(self, head: Head) -> bool:
        """Whether the branch is as it shall be."""
        return head.settled(self.bundle)

    def begun(self) -> bool:
        """Whether the branch of this order is there."""
        return self.client.get(branch_path(self.place, self.branch), ok=(404,)).status == 200

    def merge(self) -> Merged:
        """See to it that the bundle is on the branch. Raises PlanStale if its files moved meanwhile; HttpError."""
        head = read_branch(self.client, self.place, self.base)
        if self.settled(head):
            self._tidy()  # of a run that was cut off just after the merge
            return Merged(commit=head.commit)
        commit = self._commit(head)
        row = self._opened()
        self.tell(f"merge request {row['web_url']}")
        seen = self._merged(int(row["iid"]), commit)
        if seen != "merged":
            raise HttpError(seen, where=str(row["web_url"]), hint=BY_HAND)
        after = self.client.pace.until(self.client.pace.settle, self._there)
        if after is None:
            raise HttpError(
                f"it was merged, and {self.base} does not hold its files",
                where=str(row["web_url"]),
                hint="somebody changed them: look at the branch, then release anew",
            )
        self._tidy()
        return Merged(commit=after.commit, url=str(row["web_url"]))

    def _there(self) -> Head | None:
        head = read_branch(self.client, self.place, self.base)
        return head if self.settled(head) else None

    def _commit(self, head: Head) -> str:
        """The commit of this order at the head of its branch: found, or made with the branch in one call."""
        if found := self._found():
            return found
        data = contents(self.bundle) if self.bundle else {}
        actions: list[dict[str, Any]] = []
        for path, entry in changes(head, self.bundle, self.store, self.place.project).items():
            if entry is None:
                actions.append({"action": "delete", "file_path": path})
                continue
            there = head.files.get(path)
            if there is None or there[1] != entry[1]:
                what = "create" if there is None else "update"
                actions.append({"action": what, "file_path": path, "content": data[path].decode()})
            if (there[0] if there else "100644") != entry[0]:
                executable = entry[0] == "100755"
                actions.append({"action": "chmod", "file_path": path, "execute_filemode": executable})
        body = {
            "branch": self.branch,
            "start_sha": head.commit,
            "commit_message": f"{self.title}\n\n{trailers(self.work, self.bundle)}",
            "actions": actions,
        }
        try:
            answer = self.client.call("POST", f"{self.place.path}/repository/commits", json=body, ok=(400,))
        except HttpError:
            if found := self._found():  # the answer got lost
                return found
            raise
        if answer.status == 400:
            if found := self._found():
                return found
            raise HttpError(f"400: {said_by(answer)}", where=self.place.project, status=400)
        return str(answer.json()["id"])

    def _found(self) -> str:
        answer = self.client.get(branch_path(self.place, self.branch), ok=(404,))
        if answer.status == 404:
            return ""
        commit = answer.json()["commit"]
        named = f"{ORDER}: {self.work.order.key}" in str(commit["message"]).splitlines()
        if not named or not self.settled(read_commit(self.client, self.place, commit["id"])):
            raise OutputConflict(
                f"the branch {self.branch} holds something else than this order put there",
                where=self.place.project,
                hint="look at who changed it; delete it, then resume",
            )
        return str(commit["id"])

    def _opened(self) -> dict[str, Any]:
        """The merge request of this branch, whatever its state: found, or opened."""
        if found := self._listed():
            return found
        body = {
            "source_branch": self.branch,
            "target_branch": self.base,
            "title": self.title,
            "description": f"{page(self.work, self.bundle, 'pipeline')}\n\n{trailers(self.work, self.bundle)}",
            "squash": True,
            "remove_source_branch": False,
        }
        try:
            answer = self.client.call("POST", f"{self.place.path}/merge_requests", json=body, ok=(409,))
        except HttpError:
            if found := self._listed():
                return found
            raise
        if answer.status == 409:
            if found := self._listed():
                return found
            raise HttpError(f"409: {said_by(answer)}", where=self.place.project, status=409)
        made: dict[str, Any] = answer.json()
        return made

    def _listed(self) -> dict[str, Any] | None:
        wanted = {"source_branch": self.branch, "target_branch": self.base, "state": "all"}
        return next(self.client.pages(f"{self.place.path}/merge_requests", params=wanted), None)

    def _merged(self, number: int, commit: str) -> str:
        """`merged`, or why it is not. Raises PlanStale, with everything taken back, if it cannot be."""
        path = f"{self.place.path}/merge_requests/{number}"
        message = f"{self.title} (!{number})\n\n{trailers(self.work, self.bundle)}"
        body = {"sha": commit, "squash": True, "squash_commit_message": message, "merge_commit_message": message}
        why = "it waits for what the branch asks of it"

        def look() -> str:
            nonlocal why
            seen = self.client.get(path).json()
            if seen["state"] == "merged":
                return "merged"
            if seen["state"] == "closed":
                return "the merge request was closed without being merged"
            if seen["has_conflicts"]:
                self.client.call("PUT", path, json={"state_event": "close"})
                self._tidy()
                raise PlanStale(f"{self.base} changed in files of the bundle after the merge request was opened")
            answer = self.client.call("PUT", f"{path}/merge", json=body, ok=(401, 405, 406, 409, 422))
            if answer.status == 200 or self.client.get(path).json()["state"] == "merged":
                return "merged"
            said, why = why, f"{said_by(answer)} ({seen['detailed_merge_status']})"
            if why != said:
                self.tell(f"merge request {number} waits: {why}")
            return ""

        return str(self.client.pace.until(self.client.pace.merge, look) or f"not merged yet: {why}")

    def _tidy(self) -> None:
        self.client.call("DELETE", branch_path(self.place, self.branch), ok=(404,))
