"""The program `nomad` for tests: a few lines of bash that hand their arguments over a socket to the cluster in the test."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hug_agents.validate.nomad_hcl import Reading, Wrong, read_values
from tests.nomad.cluster import ACTIVE, Cluster, Refused

STUB = """#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/{port}
{{ printf '%s\\0' "$NOMAD_NAMESPACE" "$@"; printf '\\4'; }} >&3
read -r code <&3
if ((code == 0 || code == 1 && ${{#2}} == 4)); then cat <&3; else cat <&3 >&2; fi
exit "$code"
"""
_VALUED = ("-var", "-var-file", "-check-index", "-meta", "-idempotency-token")


class Program:
    """Answers as Nomad's command line does; whatever is not written here is an error."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.calls: list[str] = []
        outer, lock = self, threading.Lock()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data = b""
                while not data.endswith(b"\4"):
                    data += self.request.recv(1 << 16) or b"\4"
                namespace, *words = data[:-1].decode().split("\0")[:-1]
                with lock:
                    code, output = outer.call(namespace, words)
                self.request.sendall(f"{code}\n{output}".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def write_stub(self, path: Path) -> None:
        path.write_text(STUB.format(port=self._server.server_address[1]))
        path.chmod(0o755)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def call(self, namespace: str, argv: list[str]) -> tuple[int, str]:
        if argv == ["tick"]:
            self.cluster.tick()
            return 0, ""
        command, rest = " ".join(argv[:2]), argv[2:]
        self.calls.append(" ".join(word for word in argv if not word.startswith("/")))
        options: dict[str, list[str]] = {}
        words: list[str] = []
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                words.append(word)
            else:
                name, _, value = word.partition("=")
                options.setdefault(name, []).append(rest.pop(0) if name in _VALUED and not value else value)
        run: Callable[[str, list[str], dict[str, list[str]]], Any] = getattr(self, command.replace(" ", "_"))
        try:
            answer = run(namespace, words, options)
        except Refused as error:
            return 255 if command == "job plan" else 1, f"Error: {error}\n"
        except Wrong as error:
            return 255 if command == "job plan" else 1, f"Error parsing job file: {error.line}: {error}\n"
        if isinstance(answer, tuple):
            return answer
        return 0, answer if isinstance(answer, str) else json.dumps(answer)

    def var_get(self, namespace: str, words: list[str], options: Any) -> Any:
        if (namespace, words[0]) not in self.cluster.variables:
            raise Refused(404, "Variable not found")
        return self.cluster.variables[namespace, words[0]]

    def var_put(self, namespace: str, words: list[str], options: Any) -> Any:
        document = json.loads(Path(words[1].removeprefix("@")).read_text())
        assert document["Path"] == words[0]
        return self.cluster.put_variable(namespace, words[0], document["Items"], int(options["-check-index"][0]))

    def var_list(self, namespace: str, words: list[str], options: Any) -> Any:
        return [
            {key: value for key, value in item.items() if key != "Items"}
            for (place, path), item in self.cluster.variables.items()
            if place == namespace and path.startswith(words[0])
        ]

    def job_inspect(self, namespace: str, words: list[str], options: Any) -> Any:
        return {"Job": self.cluster.job((namespace, words[0]))}

    def job_history(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.job((namespace, words[0]))
        return self.cluster.jobs[namespace, words[0]]

    def job_allocs(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.job((namespace, words[0]))
        return [
            {key: item[key] for key in ("ID", "DesiredStatus", "ClientStatus")}
            for item in self.cluster.allocs.get((namespace, words[0]), [])
        ]

    def job_deployments(self, namespace: str, words: list[str], options: Any) -> Any:
        assert "-latest" in options
        return self.cluster.latest((namespace, words[0]))

    def job_plan(self, namespace: str, words: list[str], options: Any) -> Any:
        job = self._read(namespace, words[0], options)
        key = (namespace, job["ID"])
        known = self.cluster.jobs.get(key)
        index = known[0]["JobModifyIndex"] if known and not known[0]["Stop"] else 0
        difference = self.cluster.difference(key, job)
        said = (
            f"+/- Job: {job['ID']!r}\n\nJob Modify Index: {index}\nTo submit the job with version verification run:\n"
        )
        return (0 if difference == "None" else 1), said

    def job_run(self, namespace: str, words: list[str], options: Any) -> Any:
        assert "-detach" in options
        job = self._read(namespace, words[0], options)
        self.cluster.register(job, int(options["-check-index"][0]))
        return "Job registration successful\n"

    def job_dispatch(self, namespace: str, words: list[str], options: Any) -> Any:
        meta = dict(item.split("=", 1) for item in options.get("-meta", []))
        name = self.cluster.dispatch((namespace, words[0]), options["-idempotency-token"][0], meta)
        return f"Dispatched Job ID = {name}\nEvaluation ID     = e1\n"

    def job_revert(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.revert((namespace, words[0]), int(words[1]))
        return "Evaluation ID: e1\n"

    def deployment_promote(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.promote(self.cluster.deployments[words[0]])
        return ""

    def deployment_fail(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.fail(self.cluster.deployments[words[0]])
        return ""

    def deployment_pause(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.pause(self.cluster.deployments[words[0]], True)
        return ""

    def deployment_resume(self, namespace: str, words: list[str], options: Any) -> Any:
        self.cluster.pause(self.cluster.deployments[words[0]], False)
        return ""

    def operator_api(self, namespace: str, words: list[str], options: Any) -> Any:
        name = words[0].removeprefix("/v1/job/").partition("/evaluations?")[0]
        return [{"Status": "pending" if (namespace, name) in self.cluster.pending else "complete"}]

    def service_info(self, namespace: str, words: list[str], options: Any) -> Any:
        return self.cluster.registrations(namespace, words[0])

    def _read(self, namespace: str, path: str, options: dict[str, list[str]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for item in options["-var-file"]:
            values |= read_values(Path(item).read_text())
        for item in options["-var"]:
            name, _, text = item.partition("=")
            values[name] = int(text) if name in ("count", "canary") else text
        job = Reading(Path(path).read_text(), values).job()
        assert job["Namespace"] == namespace
        return job


__all__ = ["ACTIVE", "Program"]
