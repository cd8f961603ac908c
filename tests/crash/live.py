"""A target with traffic: what it was told lies in a file outside the store, line by line, and its router counts by a clock.

Nothing of it is in memory, so any process finds the same world. An effect has two halves, each one line: a process may be
killed between them. It completes what was left half done, and recognises nothing that is whole: an effect that is
ordered twice is written twice, and seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from hug_agents.approve.packet import EnvironmentIdentity
from hug_agents.bundle import Bundle
from hug_agents.execute.target import Abilities, Counters, Drift, Observation, Outcome, SavedPlan, Work
from hug_agents.plans import Blueprint
from hug_agents.spec import Environment

ABLE = Abilities(strategies=frozenset(("rolling", "blue_green", "canary")), faults=frozenset(("errors",)))
RATE = 60
"""Requests a second to every service, unless the log says otherwise."""
BAD = "1.4.0"
"""The version of which four requests in ten fail."""
HALVES = ("traffic", "state")
_BOUNDS = (0.05, 0.1, 0.25)


class Live:
    """One world, in the folder `root`. `mute`: it never says what became of an order."""

    abilities = ABLE

    def __init__(self, root: Path, now: Callable[[], float], *, mute: bool = False) -> None:
        self.name = "live"
        self.log = root / "world.jsonl"
        self.now = now
        self.mute = mute
        self.between: Callable[[], None] = lambda: None
        """Called between the halves of an effect."""

    def plan(
        self, bundle: Bundle, blueprint: Blueprint, environment: Environment, previous: Bundle | None
    ) -> SavedPlan:
        return SavedPlan(
            target=self.name,
            environment=EnvironmentIdentity.of(environment),
            bundle=bundle.digest(),
            previous=previous.digest() if previous else None,
            base="world",
            creates=3,
        )

    def apply(self, work: Work) -> Outcome:
        return self._do(work)

    def rollback(self, work: Work) -> Outcome:
        return self._do(work)

    def _do(self, work: Work) -> Outcome:
        there = self.halves(work.order.key)
        for half in HALVES[1:] if there == HALVES[:1] else HALVES:
            order = work.order
            self.write(
                half=half,
                key=order.key,
                environment=order.environment.name,
                series=order.series,
                action=order.action,
                step=order.step,
                weight=order.weight,
                bundle=order.bundle,
                previous=work.previous.digest() if work.previous else "",
                fault=order.fault or "",
                bad=f":{BAD}" in str(work.blueprint.spec.services[0].image),
            )
            if half == HALVES[0]:
                self.between()
        return Outcome(status="done")

    def halves(self, key: str) -> tuple[str, ...]:
        return tuple(line["half"] for line in self.lines() if line.get("key") == key)

    def observe(self, work: Work) -> Observation:
        there = self.halves(work.order.key)
        if self.mute:
            return Observation(state="unknown", evidence="nobody answers")
        state = "not_done" if not there else "partial" if there == HALVES[:1] else "done"
        return Observation.model_validate({"state": state, "evidence": f"{len(there)} lines"})

    def drift(self, bundle: Bundle | None, blueprint: Blueprint, environment: Environment) -> Drift:
        wanted = {bundle.digest(): 100} if bundle else {}
        _, there, fault = self._at(environment.name)
        changes = (f"{there}, not {wanted} {fault}".strip(),) if there != wanted or fault else ()
        return Drift(status="drifted" if changes else "none", changes=changes)

    def counters(self, blueprint: Blueprint, environment: Environment) -> tuple[Counters, ...]:
        counted, _, _ = self._at(environment.name)
        return tuple(
            Counters(
                service=service.name,
                version=version,
                requests=requests,
                errors=errors,
                latency=tuple(
                    (bound, round(requests * share)) for bound, share in zip(_BOUNDS, (0.8, 0.95, 1), strict=True)
                ),
            )
            for service in blueprint.spec.web_services
            for version, (requests, errors) in sorted(counted.items())
        )

    def address(self, work: Work, service: str) -> str:
        return f"{self._server}/{work.order.environment.name}"

    def write(self, **line: Any) -> None:
        """One line, in one write."""
        handle = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, (json.dumps({"at": self.now(), **line}) + "\n").encode())
        os.close(handle)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def _at(self, environment: str) -> tuple[dict[str, tuple[int, int]], dict[str, int], str]:
        """What was counted of each version until now, how the traffic lies, and which fault is in."""
        counted: dict[str, tuple[int, int]] = {}
        split: dict[str, int] = {}
        fault, rate, last = "", RATE, 0.0
        bad: set[str] = set()
        for line in (*self.lines(), {"at": self.now()}):
            for version, weight in split.items():
                requests, errors = counted.get(version, (0, 0))
                more = round((line["at"] - last) * rate * weight / 100)
                counted[version] = requests + more, errors + (more * 4 // 10 if version in bad else 0)
            last = line["at"]
            rate = line.get("rate", rate)
            if line.get("environment") == environment and line["half"] == HALVES[1]:
                if line["bad"]:
                    bad.add(line["bundle"])
                split, fault = _moved(line, split, fault)
        return counted, split, fault

    @cached_property
    def _server(self) -> str:
        at = self._at

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(500 if at(self.path.split("/")[1])[2] else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"


def _moved(line: dict[str, Any], split: dict[str, int], fault: str) -> tuple[dict[str, int], str]:
    """Traffic and fault after an effect."""
    new, old = line["bundle"], line["previous"]
    match line["action"]:
        case "inject":
            return split, line["fault"]
        case "rollback":
            return ({old: 100} if old else {}), ""
        case "deploy" if line["weight"] == 0:
            return split, fault
        case "shift" if old and old != new and line["weight"] < 100:
            return {new: line["weight"], old: 100 - line["weight"]}, fault
        case _:
            return {new: 100}, fault


def orders(lines: list[dict[str, Any]]) -> list[str]:
    """Each half of each effect as a person names it, with the beginning of its order's key."""
    return [
        f"{line['environment']} {line['series']} {line['action']} {line['step']} {line['weight']} {line['half']} "
        f"{line['key'][7:15]}"
        for line in lines
        if "half" in line
    ]
