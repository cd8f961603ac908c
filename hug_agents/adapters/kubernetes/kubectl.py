"""kubectl's commands against one cluster: each with a time limit, each answer parsed, each failure one clear error."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hug_agents.errors import MissingProgram, ProcessError, UsageError
from hug_agents.process import Completed, find, run
from hug_agents.settings import Settings

MANAGER = "deploy"
"""The field manager, the same as deploy/deploy.sh's: whichever of the two ran last owns the fields and leaves none behind."""
_HOW = ("--server-side", "--force-conflicts", f"--field-manager={MANAGER}")
SECONDS = 120.0
LIMIT = 32 * 1024 * 1024
Item = dict[str, Any]


class Kubectl:
    """One context of the caller's kubeconfig; empty: the current one."""

    def __init__(self, context: str) -> None:
        if find("kubectl") is None:
            raise MissingProgram(
                "kubectl", "pip install 'hug-agents[gates]', or https://kubernetes.io/docs/tasks/tools"
            )
        settings = Settings.load()
        # A kubeconfig may name a program that signs in with the cloud's own variables.
        self._env = {
            **settings.provider_environment,
            **({"KUBECONFIG": settings.kubeconfig} if settings.kubeconfig else {}),
        }
        self._context = context

    def check_cluster(self, cluster: str) -> None:
        """Raises UsageError where the current context does not name the environment's cluster, as deploy.sh does."""
        if self._context or not cluster:
            return
        current = self._run("config", "current-context").stdout.strip()
        if cluster.rstrip("/").rsplit("/", 1)[-1] not in current:
            raise UsageError(
                f"the current context is {current or 'none'}, and the environment runs on {cluster}",
                where="target",
                hint="name the context: kubernetes:CONTEXT",
            )

    def build(self, folder: Path) -> str:
        """What kustomize makes of a folder."""
        return self._read("kustomize", str(folder), cwd=folder)

    def get(self, kind: str, name: str, namespace: str = "") -> Item | None:
        """One object; None where there is none."""
        text = self._read("get", kind, name, "--ignore-not-found", "--output=json", namespace=namespace)
        return dict(json.loads(text)) if text.strip() else None

    def live(self, manifest: Path, namespace: str) -> list[Item]:
        """What is there of the objects of a manifest."""
        text = self._read("get", "--ignore-not-found", "--output=json", f"--filename={manifest}", namespace=namespace)
        return _items(text)

    def dry_run(self, manifest: Path, namespace: str) -> list[Item]:
        """What the objects of a manifest would be; nothing is changed. Jobs are left out: one that is there cannot be changed."""
        text = self._read(
            *_apply(manifest),
            "--selector=release-stage notin (migrate,before)",
            "--dry-run=server",
            "--output=json",
            namespace=namespace,
        )
        return _items(text)

    def apply(self, manifest: Path, namespace: str, *, stage: str = "") -> str:
        """Apply a manifest, or the objects of one stage of it."""
        chosen = (f"--selector=release-stage={stage}",) if stage else ()
        return self._read(*_apply(manifest), *chosen, namespace=namespace).strip()

    def apply_object(self, item: Item, namespace: str) -> None:
        """Apply one object that stands in no file."""
        self._read("apply", *_HOW, "--filename=-", namespace=namespace, stdin=json.dumps(item))

    def delete(self, objects: Iterable[str], namespace: str) -> None:
        """Delete `KIND/NAME`s that may be there, and wait until they are gone."""
        listed = tuple(objects)
        if listed:
            self._read("delete", *listed, "--ignore-not-found", "--wait=true", namespace=namespace)

    def _read(self, *arguments: str, namespace: str = "", cwd: Path | None = None, stdin: str = "") -> str:
        done = self._run(*arguments, namespace=namespace, cwd=cwd, stdin=stdin)
        if done.code:
            said = " ".join((done.stderr or done.stdout).split())[:1_500]
            raise ProcessError(f"kubectl {arguments[0]} failed: {said or 'it said nothing'}", where=namespace)
        return done.stdout

    def _run(self, *arguments: str, namespace: str = "", cwd: Path | None = None, stdin: str = "") -> Completed:
        where = (f"--context={self._context}",) if self._context else ()
        space = (f"--namespace={namespace}",) if namespace else ()
        command = ["kubectl", *arguments, *(() if arguments[0] in ("kustomize", "config") else (*where, *space))]
        return run(command, cwd=cwd or Path("/"), timeout=SECONDS, env=self._env, stdin=stdin, limit=LIMIT)


def _apply(manifest: Path) -> tuple[str, ...]:
    return ("apply", *_HOW, f"--filename={manifest}")


def _items(text: str) -> list[Item]:
    if not text.strip():
        return []
    value = json.loads(text)
    return list(value["items"]) if value.get("kind") == "List" else [value]
