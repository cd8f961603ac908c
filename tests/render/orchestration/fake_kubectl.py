"""A small stateful kubectl for tests: server-side apply, get, scale, patch, delete, rollout, diff and port-forward.

It runs inside the test: the program `kubectl` on PATH is a few lines of bash that hand its arguments over a socket,
and only `kustomize` goes to the real one. Whatever changes something is logged, each line with the ready pods of each
release that then stand behind every Service, so that a test sees the traffic at every moment.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import socketserver
import threading
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from tests.render.orchestration.fake_argo import FakeArgo

KINDS = {
    "rollouts.argoproj.io": "Rollout",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "configmap": "ConfigMap",
}
Objects = dict[str, dict[str, Any]]

STUB = """#!/usr/bin/env bash
if [[ $1 == kustomize ]]; then exec "{real}" "$@"; fi
exec 3<>/dev/tcp/127.0.0.1/{port}
{{ printf '%s\\0' "$@"; printf '\\1'; [[ " $* " != *" --filename - "* ]] || cat; printf '\\4'; }} >&3
read -r code <&3
if ((code == 0)); then cat <&3; else cat <&3 >&2; fi
[[ " $* " != *" port-forward "* ]] || exec "{sleep}" 60
exit "$code"
"""


class FakeCluster:
    """The state, a log, and a socket where the stub asks."""

    def __init__(self, forward_to: int) -> None:
        self.objects: Objects = {}
        self.log: list[dict[str, Any]] = []
        self.bad = ""
        """Part of the name of an image whose pods never get ready."""
        self.failing_jobs = ""
        """Part of the name of an image whose Jobs fail."""
        self.forward_to = forward_to
        self.argo = FakeArgo()
        self.context = "admin@metal-1"
        outer, lock = self, threading.Lock()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data = b""
                while not data.endswith(b"\4"):
                    chunk = self.request.recv(1 << 16)
                    if not chunk:
                        return
                    data += chunk
                words, _, stdin = data[:-1].decode().partition("\1")
                with lock:
                    code, output = outer.call(words.split("\0")[:-1], stdin)
                self.request.sendall(f"{code}\n{output}".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def write_stub(self, path: Path, real: str, sleep: str) -> None:
        path.write_text(STUB.format(real=real, sleep=sleep, port=self._server.server_address[1]))
        path.chmod(0o755)

    def call(self, argv: list[str], stdin: str) -> tuple[int, str]:
        """One command, as kubectl would answer it."""
        if argv[:2] == ["config", "current-context"]:
            return 0, self.context + "\n"
        if argv[:2] == ["argo", "rollouts"]:
            return self.plugin(argv[2:])
        output = StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            try:
                args = PARSER.parse_intermixed_args(argv)
                args.stdin, args.cluster = stdin, self
                code = COMMANDS[args.words[0]](args, self.objects)
            except (KeyError, AssertionError, SystemExit) as error:
                code = 1
                print(f"fake kubectl: {error!r}: {argv}")
        if argv and args.words[0] in ("apply", "delete", "patch", "scale", "port-forward"):
            self.record(" ".join(word for word in argv if not word.startswith("/")))
        return code, output.getvalue()

    def plugin(self, argv: list[str]) -> tuple[int, str]:
        """`kubectl argo rollouts`."""
        args, flags = PARSER.parse_known_intermixed_args(argv)
        name = args.words[-1] if len(args.words) > 1 else ""
        item = self.objects.get(key("Rollout", name, args.namespace))
        answer = self.argo.plugin([*args.words, *flags], item)
        if args.words[0] in ("promote", "abort"):
            self.record(" ".join(["argo", *args.words, *flags]))
        return answer

    def settle(self, item: dict[str, Any]) -> None:
        """What the controllers would do, at once."""
        if item["kind"] == "Rollout":
            self.argo.bad = self.bad
            return
        if item["kind"] not in ("Deployment", "Job"):
            return
        image = item["spec"]["template"]["spec"]["containers"][0]["image"]
        if item["kind"] == "Job":
            failed = bool(self.failing_jobs) and self.failing_jobs in image
            item["status"] = {"conditions": [{"type": "Failed" if failed else "Complete", "status": "True"}]}
            return
        item["spec"].setdefault("replicas", 1)
        item["status"] = {"readyReplicas": 0 if self.bad and self.bad in image else item["spec"]["replicas"]}

    def behind(self, service: dict[str, Any]) -> list[dict[str, Any]]:
        """The Deployments with ready pods that a Service sends traffic to."""
        return [
            item
            for item in self.objects.values()
            if item["kind"] == "Deployment"
            and item["status"]["readyReplicas"]
            and service["spec"]["selector"].items() <= item["spec"]["template"]["metadata"]["labels"].items()
        ]

    def record(self, command: str) -> None:
        traffic: dict[str, dict[str, int]] = {}
        for item in self.objects.values():
            if item["kind"] == "Service":
                pods = traffic.setdefault(item["metadata"]["name"], {})
                for deployment in self.behind(item):
                    release = deployment["metadata"]["annotations"]["release"]
                    pods[release] = pods.get(release, 0) + deployment["status"]["readyReplicas"]
        self.log.append({"command": command, "traffic": traffic})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for flag in "namespace context output selector filename patch timeout type wait replicas field-manager".split():
        parser.add_argument(f"--{flag}")
    for flag in ("--server-side", "--force-conflicts", "--ignore-not-found"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("words", nargs="+")
    return parser


PARSER = _parser()
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def key(kind: str, name: str, namespace: str | None) -> str:
    return f"{'' if kind == 'Namespace' else namespace}/{kind}/{name}"


def kind_of(word: str) -> str:
    return KINDS.get(word, word.capitalize())


def targets(args: argparse.Namespace) -> tuple[str, str]:
    words = args.words[1:]
    kind, _, name = words[0].partition("/")
    return kind_of(kind), name or (words[1] if len(words) > 1 else "")


def selected(labels: dict[str, str], selector: str) -> bool:
    for term in filter(None, re.split(r",(?![^()]*\))", selector)):
        if match := re.match(r"^(\S+) in \((.*)\)$", term):
            if labels.get(match[1]) not in match[2].split(","):
                return False
        elif "!=" in term:
            name, _, value = term.partition("!=")
            if labels.get(name) == value:
                return False
        else:
            name, _, value = term.partition("=")
            if labels.get(name) != value:
                return False
    return True


def documents(args: argparse.Namespace) -> list[dict[str, Any]]:
    text = args.stdin if args.filename == "-" else Path(args.filename).read_text()
    found = [document for document in yaml.load_all(text, Loader=LOADER) if document]
    if args.selector:
        found = [item for item in found if selected(item["metadata"].get("labels", {}), args.selector)]
    if not found:
        raise SystemExit("error: no objects passed to apply")
    return found


def merge(old: Any, new: Any) -> Any:
    """Server-side apply, nearly: what is not named stays, but a selector is one value."""
    if isinstance(old, dict) and isinstance(new, dict):
        whole = {name: value if name == "selector" else merge(old.get(name), value) for name, value in new.items()}
        return {**old, **whole}
    return new


def apply(args: argparse.Namespace, objects: Objects) -> int:
    for document in documents(args):
        kind, name = document["kind"], document["metadata"]["name"]
        where = key(kind, name, args.namespace)
        if kind != "Namespace" and key("Namespace", args.namespace, None) not in objects:
            print(f'Error from server (NotFound): namespaces "{args.namespace}" not found')
            return 1
        if document["metadata"].get("namespace", args.namespace) != args.namespace and kind != "Namespace":
            print("the namespace does not match")
            return 1
        before = objects.get(where, {})
        objects[where] = merge(before, document)
        if kind == "Rollout":
            args.cluster.argo.applied(before, objects[where])
        args.cluster.settle(objects[where])
        print(f"{kind.lower()}/{name} serverside-applied")
    return 0


def get(args: argparse.Namespace, objects: Objects) -> int:
    kind, name = targets(args)
    if not name:
        if kind == "Rollout" and not args.cluster.argo.installed:
            print('error: the server doesn\'t have a resource type "rollouts"')
            return 1
        for where, item in sorted(objects.items()):
            namespace, item_kind, item_name = where.split("/", 2)
            labels = item["metadata"].get("labels", {})
            if (item_kind, namespace) == (kind, args.namespace) and selected(labels, args.selector or ""):
                print(f"{kind.lower()}/{item_name}")
        return 0
    item = objects.get(key(kind, name, args.namespace))
    if item is not None and kind == "Rollout" and args.output == "json":
        args.cluster.argo.move(item)
    if item is None:
        if args.ignore_not_found:
            return 0
        print(f"Error from server (NotFound): {kind} {name!r} not found")
        return 1
    if args.output == "json":
        print(json.dumps(item))
    elif args.output == "name":
        print(f"{kind.lower()}/{name}")
    elif args.output.startswith("jsonpath="):
        print(re.sub(r"\{([.\w]+)\}", lambda match: lookup(item, match[1]), args.output[len("jsonpath=") :]), end="")
    else:
        assert args.output.startswith("go-template={{range"), args.output
        print("".join(f"{name} " for name in item.get("data", {})), end="")
    return 0


def lookup(item: Any, path: str) -> str:
    """The value at `.a.b` as text; nothing where there is none."""
    for part in path.split(".")[1:]:
        item = item.get(part) if isinstance(item, dict) else None
    return "" if item is None else str(item)


def delete(args: argparse.Namespace, objects: Objects) -> int:
    kind, name = targets(args)
    if objects.pop(key(kind, name, args.namespace), None) is None and not args.ignore_not_found:
        return 1
    return 0


def scale(args: argparse.Namespace, objects: Objects) -> int:
    kind, name = targets(args)
    item = objects[key(kind, name, args.namespace)]
    item["spec"]["replicas"] = int(args.replicas)
    args.cluster.settle(item)
    return 0


def patch(args: argparse.Namespace, objects: Objects) -> int:
    kind, name = targets(args)
    where = key(kind, name, args.namespace)
    (change,) = json.loads(args.patch)["spec"].values()
    item = copy.deepcopy(objects[where])
    selector = {**item["spec"]["selector"], **change}
    item["spec"]["selector"] = {k: v for k, v in selector.items() if v is not None}
    objects[where] = item
    return 0


def rollout(args: argparse.Namespace, objects: Objects) -> int:
    assert args.words[1] == "status"
    item = objects[key("Deployment", args.words[2].removeprefix("deployment/"), args.namespace)]
    if item["status"]["readyReplicas"] < item["spec"]["replicas"]:
        print("error: timed out waiting for the condition")
        return 1
    return 0


def diff(args: argparse.Namespace, objects: Objects) -> int:
    changed = 0
    for document in documents(args):
        where = key(document["kind"], document["metadata"]["name"], args.namespace)
        if merge(objects.get(where, {}), document) != objects.get(where):
            print(f"changed: {document['kind']}/{document['metadata']['name']}")
            changed = 1
    return changed


def port_forward(args: argparse.Namespace, objects: Objects) -> int:
    kind, name = targets(args)
    assert key(kind, name, args.namespace) in objects
    print(f"Forwarding from 127.0.0.1:{args.cluster.forward_to} -> {args.words[2].removeprefix(':')}")
    return 0


COMMANDS = {
    "apply": apply,
    "get": get,
    "delete": delete,
    "scale": scale,
    "patch": patch,
    "rollout": rollout,
    "diff": diff,
    "port-forward": port_forward,
}
