"""What a model costs a run. It answers over real HTTP by the offline rules, so the figures are of the machine, not of a
model's wit: tokens are counted as four characters each on both sides, and seconds are those that the server waits.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from benchmarks.measure import Figure
from hug_agents.agents.amending import amend
from hug_agents.agents.budget import Budget
from hug_agents.agents.lookups import Lookups
from hug_agents.amending.documents import Amendment
from hug_agents.errors import ModelError
from hug_agents.generation import Generation, generate
from hug_agents.planning import plan
from hug_agents.render import render
from hug_agents.request import Choices
from hug_agents.workflow import run
from tests.agents.faulty.driving import REQUEST
from tests.agents.faulty.faults import FAULTS
from tests.agents.faulty.server import Deaf, Server, tokens
from tests.agents.scripted import Scripted
from tests.examples import ecs_canary

REQUESTS = (
    REQUEST,
    "Put payments-api from ghcr.io/acme/pay:1.4.0 on ECS in eu-west-1 of account 123456789012, port 8080, health check "
    "on /healthz, canary 10 then 50 then 100 percent. Three replicas in production.",
    "Deploy web from ghcr.io/acme/web:2.0.0 on port 3000 to the Kubernetes cluster main, blue-green, health check on /live",
)
SLOW = 1.0
"""Seconds of a slow model's answer."""


def figures() -> Iterator[Figure]:
    """Output tokens, the shared prefix, side by side, and every fault."""
    with Server() as server:
        made = [_made(server, text) for text in REQUESTS]
    yield from _output(made)
    yield from _prefix(server)
    yield _side_by_side()
    yield from _faults()


def _made(server: Server | Deaf, text: str, budget: Budget | None = None) -> Generation:
    with tempfile.TemporaryDirectory() as store:
        return generate(
            text,
            choices=Choices(ci="github_actions", monitors=("prometheus",)),
            gates=(),
            store=store,
            model="openai:test",
            base_url=server.url,
            budget=budget,
        )


def _output(made: list[Generation]) -> Iterator[Figure]:
    for one in made:
        said = sum(row.output_tokens for row in one.spent)
        shipped = sum(tokens(item.content) for item in one.bundle)
        detail = f"{said:,} / {shipped:,} tokens, {len(one.bundle)} files, {one.spec.toolchain.runtime}"
        yield Figure("model output / files shipped (tokens)", said / shipped, 0.1, detail)


def _prefix(server: Server) -> Iterator[Figure]:
    """The share of a prompt that differs from that of the run before: what no provider's cache can hold."""
    for agent in ("prompt_refiner", "deployment", "devops"):
        sent = [json.dumps(served.body["messages"]).encode() for served in server.served if served.agent == agent]
        shared = [_shared(*pair) / len(pair[1]) for pair in pairwise(sent)]
        share = statistics.mean(shared)
        detail = f"{share:.0%} of the bytes are those of the run before, another request"
        yield Figure(f"prompt not shared, {agent}", 1 - share, {"prompt_refiner": 0.1}.get(agent, 0.45), detail)
    sent = [text.encode() for text in _turns()]
    share = statistics.mean(_shared(*pair) / len(pair[1]) for pair in pairwise(sent))
    detail = f"{share:.0%} of the bytes are those of the turn before, with what it had looked up"
    yield Figure("prompt not shared, turns of an amendment", 1 - share, 0.5, detail)


def _turns() -> Iterator[str]:
    """What the deployment agent is sent while it looks up nine files of a bundle, three a turn."""
    blueprint = plan(ecs_canary())
    bundle = render(blueprint)
    paths = [item.path for item in bundle if item.path.endswith("/main.tf")][:9]
    turns = [{"looks": [{"tool": "file", "name": path} for path in paths[at : at + 3]]} for at in (0, 3, 6)]
    model = Scripted(script=[*turns, {}])
    wish = Amendment(requirement="R5", text="Keep an audit queue.", agent="deployment")
    with tempfile.TemporaryDirectory() as cache:
        amend("deployment", (wish,), Lookups(bundle, blueprint, lambda *_: (), Path(cache)), model, Budget())
    yield from ("".join(str(message.content) for message in messages) for messages in model.seen)


def _shared(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def _side_by_side() -> Figure:
    together, after = _agents_seconds(None), _agents_seconds(1)
    detail = f"{together:.2f} s / {after:.2f} s, a model that takes {SLOW:g} s"
    return Figure("two agents side by side / one after the other", together / after, 0.6, detail)


def _agents_seconds(at_once: int | None) -> float:
    """From the first question of the two agents to the last answer."""
    config = run._config
    run._config = lambda thread: {**config(thread), "max_concurrency": at_once}  # type: ignore[assignment]
    try:
        with Server(delay=SLOW) as server:
            _made(server, REQUEST)
    finally:
        run._config = config
    asked = [served for served in server.served if served.agent != "prompt_refiner"]
    return max(one.ended for one in asked) - min(one.began for one in asked)


def _faults() -> Iterator[Figure]:
    """What a whole run sends and spends when its first request meets a fault, beside one without."""
    with Server() as server:
        good = _made(server, REQUEST)
    for fault in FAULTS:
        with fault.server(1) as server:
            try:
                usage = _made(server, REQUEST, Budget(seconds=fault.seconds)).spent
            except ModelError as error:
                if error.spent is None:
                    raise
                continue  # final: nothing is tried again
        requests, spent, seconds = (
            (sum(getattr(row, name) for row in usage), sum(getattr(row, name) for row in good.spent))
            for name in ("requests", "tokens", "seconds")
        )
        detail = f"{requests[0]} requests, tokens by {spent[0] / spent[1]:.2f}, {seconds[0] - seconds[1]:+.1f} s"
        yield Figure(f"requests of a run, once: {fault.what}"[:57], requests[0] / requests[1], 1.34, detail)
