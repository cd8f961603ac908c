"""A bundle comes onto the branch by one commit in one pull request; every part of that is found again, never made twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hug_agents.adapters.forge import BY_HAND, ORDER, page, trailers
from hug_agents.adapters.github_actions.client import Client, said_by
from hug_agents.adapters.github_actions.files import read_branch, read_commit
from hug_agents.adapters.github_actions.place import Place
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
    """Of the pull request; empty if the files were there already."""


@dataclass(frozen=True)
class PullRequest:
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

    @property
    def _where(self) -> str:
        return f"{self.place.owner}/{self.place.name}"

    def settled(self, head: Head) -> bool:
        """Whether the branch is as it shall be."""
        return head.settled(self.bundle)

    def merge(self) -> Merged:
        """See to it that the bundle is on the branch. Raises PlanStale if its files moved meanwhile; HttpError."""
        head = read_branch(self.client, self.place, self.base)
        if self.settled(head):
            self._tidy()  # of a run that was cut off just after the merge
            return Merged(commit=head.commit)
        commit = self._commit(head)
        number, url = self._opened(commit)
        self.tell(f"pull request {url}")
        seen = self._merged(number, commit)
        if seen != "merged":
            raise HttpError(seen, where=url, hint=BY_HAND)
        after = self.client.pace.until(self.client.pace.settle, self._there)
        if after is None:
            raise HttpError(
                f"it was merged, and {self.base} does not hold its files",
                where=url,
                hint="somebody changed them: look at the branch, then release anew",
            )
        self._tidy()
        return Merged(commit=after.commit, url=url)

    def _there(self) -> Head | None:
        head = read_branch(self.client, self.place, self.base)
        return head if self.settled(head) else None

    def _commit(self, head: Head) -> str:
        """The commit of this order at the head of its branch: found, or made."""
        found = self._found()
        if found:
            return found
        entries = []
        data = contents(self.bundle) if self.bundle else {}
        for path, entry in changes(head, self.bundle, self.store, self._where).items():
            row: dict[str, object] = {"path": path, "mode": entry[0] if entry else "100644", "type": "blob"}
            # The text itself, not blobs of their own: GitHub makes them, and a bundle is one call, not a hundred.
            entries.append(row | ({"content": data[path].decode()} if entry else {"sha": None}))
        tree = self._made("trees", {"base_tree": head.tree, "tree": entries})
        message = f"{self.title}\n\n{trailers(self.work, self.bundle)}"
        commit = self._made("commits", {"message": message, "tree": tree, "parents": [head.commit]})
        made = self.client.call(
            "POST",
            f"{self.place.path}/git/refs",
            json={"ref": f"refs/heads/{self.branch}", "sha": commit},
            repeatable=True,
            ok=(422,),
        )
        if made.status == 422 and not (found := self._found()):
            raise HttpError(
                f"the branch {self.branch} could not be made: {self.client.clean(said_by(made))}",
                where=self._where,
                status=422,
                hint="may the token change workflows (permission `workflows`, of a classic one the scope `workflow`)?",
            )
        return found or commit

    def _made(self, what: str, body: dict[str, object]) -> str:
        """A git object. The same again is the same object, or one that nothing points to."""
        answer = self.client.call("POST", f"{self.place.path}/git/{what}", json=body, repeatable=True)
        return str(answer.json()["sha"])

    def _found(self) -> str:
        answer = self.client.get(f"{self.place.path}/git/ref/heads/{self.branch}", ok=(404,))
        if answer.status == 404:
            return ""
        commit = str(answer.json()["object"]["sha"])
        message = self.client.get(f"{self.place.path}/git/commits/{commit}").json()["message"]
        named = f"{ORDER}: {self.work.order.key}" in message.splitlines()
        if not named or not self.settled(read_commit(self.client, self.place, commit)):
            raise OutputConflict(
                f"the branch {self.branch} holds something else than this order put there",
                where=f"{self.place.owner}/{self.place.name}",
                hint="look at who changed it; delete it, then resume",
            )
        return commit

    def _opened(self, commit: str) -> tuple[int, str]:
        """Number and address of the pull request of this commit, whatever its state: found, or opened."""
        if found := self._listed(commit):
            return found
        body = {
            "title": self.title,
            "head": self.branch,
            "base": self.base,
            "body": f"{page(self.work, self.bundle, 'workflow')}\n\n{trailers(self.work, self.bundle)}",
        }
        answer = self.client.call("POST", f"{self.place.path}/pulls", json=body, repeatable=True, ok=(422,))
        if answer.status == 422:
            if found := self._listed(commit):
                return found
            raise HttpError(
                f"the pull request was refused: {self.client.clean(said_by(answer))}",
                where=self._where,
                status=422,
                hint=f"open one by hand from {self.branch}, or see why GitHub does not",
            )
        return int(answer.json()["number"]), str(answer.json()["html_url"])

    def _listed(self, commit: str) -> tuple[int, str] | None:
        wanted = {"head": f"{self.place.owner}:{self.branch}", "base": self.base, "state": "all"}
        for row in self.client.pages(f"{self.place.path}/pulls", params=wanted):
            # GitHub closes one whose branch was deleted, and lets nobody open it again for another commit.
            over = row["state"] == "closed" and not row["merged_at"] and row["head"]["sha"] != commit
            if row["head"]["ref"] == self.branch and not over:
                return int(row["number"]), str(row["html_url"])
        return None

    def _merged(self, number: int, commit: str) -> str:
        """`merged`, or why it is not. Raises PlanStale, with everything taken back, if it cannot be."""
        path = f"{self.place.path}/pulls/{number}"
        why = "it waits for what the branch asks of it"
        body = {
            "sha": commit,
            "merge_method": self._method(),
            "commit_title": f"{self.title} (#{number})",
            "commit_message": trailers(self.work, self.bundle),
        }

        def look() -> str:
            nonlocal why
            seen = self.client.get(path).json()
            if seen["merged"]:
                return "merged"
            if seen["state"] == "closed":
                return "the pull request was closed without being merged"
            if seen.get("mergeable_state") == "dirty":
                self._take_back(number)
                raise PlanStale(f"{self.base} changed in files of the bundle after the pull request was opened")
            answer = self.client.call("PUT", f"{path}/merge", json=body, ok=(405, 409))
            if answer.status == 200:
                return "merged"
            if self.client.get(path).json()["merged"]:  # by a call whose answer got lost
                return "merged"
            said, why = why, said_by(answer)
            if why != said:
                self.tell(f"pull request {number} waits: {why}")
            return ""

        return str(self.client.pace.until(self.client.pace.merge, look) or f"not merged yet: {why}")

    def _method(self) -> str:
        """One commit where the repository allows it: its message then says whose it is."""
        allowed = self.client.get(self.place.path).json()
        if allowed.get("allow_squash_merge", True):
            return "squash"
        return "rebase" if allowed.get("allow_rebase_merge", True) else "merge"

    def _take_back(self, number: int) -> None:
        self.client.call("PATCH", f"{self.place.path}/pulls/{number}", json={"state": "closed"}, repeatable=True)
        self._tidy()

    def _tidy(self) -> None:
        """Delete the branch. 422: it is gone already, by GitHub's own setting or by an earlier run."""
        self.client.call("DELETE", f"{self.place.path}/git/refs/heads/{self.branch}", ok=(404, 422))
