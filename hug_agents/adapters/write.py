"""The `write` target: an approved bundle becomes one commit on a branch of a git repository, one branch an environment.

What carries the strategy out is whatever watches the branch: a pipeline, a GitOps controller. No working tree is touched:
objects are written, and the branch moves by a compare-and-swap. The commit says which packet was signed, and by whom.
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from hug_agents.adapters.git import AUTHOR, Git
from hug_agents.adapters.tree import Tree
from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle, Manifest
from hug_agents.errors import MissingProgram, OutputConflict, UsageError
from hug_agents.execute.target import Abilities, Drift, Observation, Outcome, PlanStale, SavedPlan, Work
from hug_agents.output import MANIFEST
from hug_agents.plans import Blueprint
from hug_agents.process import find
from hug_agents.spec import Environment

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,60})*\Z")


class WriteTarget:
    """Writes into the repository at `repository`, branches `<prefix>/<environment>`."""

    abilities = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), hands_over=True)

    def __init__(self, repository: Path, *, prefix: str = "deploy") -> None:
        if find("git") is None:
            raise MissingProgram("git", "your system's packages")
        if not _PREFIX.match(prefix) or ".." in prefix or prefix.endswith(".lock"):
            raise UsageError(f"{prefix[:60]!r} cannot begin the name of a branch", hint="e.g. deploy")
        self._folder = repository.resolve()
        self._prefix = prefix
        self._git = Git(self._folder)
        self.name = f"write:{self._folder}"
        if not self._folder.is_dir() or self._git.run("rev-parse", "--git-dir", check=False) is None:
            raise UsageError("is not a git repository", where=str(repository), hint=f"git init {repository}")

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        """Which files the commit would add, change and delete. Raises OutputConflict for files that are not ours."""
        branch = f"{self._prefix}/{environment.name}"
        start = self._start(branch)
        tree = self._git.tree(start)
        there = self._ours(tree)
        expected = previous.digest() if previous else None
        found = there.digest() if there else None
        if found not in (expected, bundle.digest()):
            raise OutputConflict(
                f"the branch {branch} holds {'the bundle ' + found if found else 'no bundle'}, and this store put "
                f"{'the bundle ' + expected if expected else 'none'} there",
                where=str(self._folder),
                hint="use the store that wrote it, or another repository",
            )
        after = self._merged(tree, there, bundle)
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=expected,
            base=self._base(start),
            settings={"branch": branch},
            creates=len(after.keys() - tree.keys()),
            updates=sum(after[path] != tree[path] for path in after.keys() & tree.keys()),
            deletes=tuple(sorted(tree.keys() - after.keys())),
        )

    def apply(self, work: Work) -> Outcome:
        """Commit the bundle. Raises PlanStale if the branch is not as it was planned on."""
        return self._commit(work, work.bundle, f"Deploy {work.blueprint.spec.application} to")

    def rollback(self, work: Work) -> Outcome:
        """Commit what was there before."""
        return self._commit(work, work.previous, f"Roll back {work.blueprint.spec.application} in")

    def observe(self, work: Work) -> Observation:
        """Whether a commit of this very order is on the branch."""
        branch = self._branch(work)
        commit = self._of_order(branch, work)
        if commit:
            return Observation(state="done", evidence=f"{branch} holds {commit}")
        return Observation(state="not_done", evidence=f"no commit on {branch} names the order {work.order.key}")

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        """Files of the bundle that are missing or edited on the branch; without a bundle, files of one that are there."""
        branch = f"{self._prefix}/{environment.name}"
        tree = self._git.tree(self._start(branch))
        wanted = self._git.names(bundle) if bundle else {}
        ours = self._ours(tree)
        changes = [f"missing: {path}" for path in sorted(wanted.keys() - tree.keys())]
        changes += [f"edited: {path}" for path in sorted(wanted.keys() & tree.keys()) if tree[path] != wanted[path]]
        extra = {entry.path for entry in ours.entries} & tree.keys() - wanted.keys() if ours else set()
        changes += [f"not of the bundle: {path}" for path in sorted(extra)]
        return Drift(status="drifted" if changes else "none", changes=tuple(changes), evidence=f"branch {branch}")

    def _commit(self, work: Work, bundle: Bundle | None, title: str) -> Outcome:
        order, branch = work.order, self._branch(work)
        if order.action not in ("deploy", "rollback"):
            return Outcome(
                status="failed", untouched=True, detail=f"a branch cannot {order.action}: what watches it does that"
            )
        if done := self._of_order(branch, work):
            return Outcome(status="done", detail=f"{branch} is at {done}", outputs={"commit": done, "branch": branch})
        start = self._start(branch)
        base = self._base(start)
        tree = self._git.tree(start)
        there = self._ours(tree)
        if order.action == "deploy" and base != work.plan.base:
            raise PlanStale(f"{branch} is not as it was when the plan was made")
        if order.action == "rollback" and (there is None or there.digest() != work.plan.bundle):
            return Outcome(
                status="failed", untouched=True, detail=f"{branch} does not hold the bundle that would be rolled back"
            )
        self._not_checked_out(branch)
        try:
            after = self._merged(tree, there, bundle)
        except OutputConflict as error:
            return Outcome(status="failed", untouched=True, detail=str(error))
        self._git.write(bundle)
        message = (
            f"{title} {order.environment.name}\n\n"
            f"Hug-Release: {order.release}\nHug-Order: {order.key}\nHug-Packet: {work.packet}\n"
            f"Hug-Manifest: {bundle.digest() if bundle else 'none'}\n"
            + "".join(f"Signed-off-by: {who}\n" for who in work.approved_by)
        )
        parent = ("-p", start) if start else ()
        commit = self._git.line(*AUTHOR, "commit-tree", self._git.write_tree(after), *parent, stdin=message)
        # Compare-and-swap: if the branch moved meanwhile, nothing happens. Forty zeros: the branch must not exist.
        head = self._git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
        before = head.strip() if head else "0" * 40
        if (
            before not in (start, "0" * 40)
            or self._git.run("update-ref", f"refs/heads/{branch}", commit, before, check=False) is None
        ):
            raise PlanStale(f"{branch} moved while the commit was made")
        return Outcome(status="done", detail=f"{branch} is at {commit}", outputs={"commit": commit, "branch": branch})

    def _branch(self, work: Work) -> str:
        """The branch of the approved plan, in the repository of the approved plan."""
        if work.plan.target != self.name:
            raise UsageError(f"the approved plan is for {work.plan.target}", where=self.name)
        return work.plan.settings["branch"]

    def _start(self, branch: str) -> str:
        """The commit that the branch is at; where there is no branch yet, that of HEAD; empty in an empty repository."""
        for ref in (f"refs/heads/{branch}", "HEAD"):
            found = self._git.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", check=False)
            if found:
                return found.strip()
        return ""

    def _base(self, start: str) -> str:
        """The tree that a plan is made on. A branch without a file is as no branch: a rollback of the first release ends there."""
        return self._git.line("rev-parse", f"{start}^{{tree}}") if self._git.tree(start) else "empty"

    def _ours(self, tree: Tree) -> Manifest | None:
        """The manifest of the bundle that the tree holds."""
        if MANIFEST not in tree:
            return None
        try:
            return Manifest.model_validate_json(self._git.text("cat-file", "blob", tree[MANIFEST][1]))
        except ValidationError as error:
            raise OutputConflict(
                f"{MANIFEST} on the branch cannot be read; whose files these are is unknown", where=str(self._folder)
            ) from error

    def _merged(self, tree: Tree, there: Manifest | None, bundle: Bundle | None) -> Tree:
        """The tree with the files of one bundle in place of the other's; all else stays."""
        wanted = self._git.names(bundle) if bundle else {}
        ours = {entry.path: entry.sha256 for entry in there.entries} if there else {}
        foreign = []
        for path in wanted.keys() & tree.keys() - {MANIFEST}:
            if tree[path] != wanted[path] and self._git.digest(tree[path][1]) != ours.get(path):
                foreign.append(path)
        edited = [
            path for path in ours.keys() & tree.keys() - wanted.keys() if self._git.digest(tree[path][1]) != ours[path]
        ]
        if foreign or edited:
            shown = ", ".join(sorted((*foreign, *edited))[:8])
            raise OutputConflict(
                f"would overwrite or delete what is not ours, or was edited since: {shown}",
                where=str(self._folder),
                hint="move these files away, or take the edit back",
            )
        kept = {path: entry for path, entry in tree.items() if path not in ours and path != MANIFEST}
        return {**kept, **wanted}

    def _of_order(self, branch: str, work: Work) -> str:
        """The commit on the branch that carried this order out; empty if there is none."""
        if self._git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False) is None:
            return ""
        trailer = f"^Hug-Order: {work.order.key}$"
        found = self._git.text("log", "--first-parent", "--format=%H", "--grep", trailer, f"refs/heads/{branch}")
        return found.split("\n", 1)[0].strip()

    def _not_checked_out(self, branch: str) -> None:
        if f"branch refs/heads/{branch}\n" in self._git.text("worktree", "list", "--porcelain") + "\n":
            raise UsageError(
                f"the branch {branch} is checked out; it would move under somebody's hands",
                where=str(self._folder),
                hint="switch that working tree to another branch",
            )
