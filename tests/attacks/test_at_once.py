"""Two processes answer at once: exactly one entry a reviewer, whoever comes first."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from hug_agents.approve.audit import verify
from hug_agents.approve.desk import Desk
from hug_agents.errors import DecisionRefused
from hug_agents.store import Store
from tests.approve.office import OPS, SEC, START, Office

ROUNDS = 100


def answer(root: Path, office: Office, work: list[tuple[str, str, bytes]], barrier: Barrier, results: Any) -> None:
    desk = Desk(Store(root), lambda: office.policy, lambda: START)
    for release, packet, envelope in work:
        barrier.wait(60)
        try:
            desk.decide(envelope, release=release, checkpoint="pre_deployment", packet=packet)
            results.put("taken")
        except DecisionRefused as error:
            results.put(error.reason)


@pytest.mark.slow
def test_one_hundred_rounds(tmp_path: Path) -> None:
    office = Office(tmp_path)
    packets = [office.packet(release=f"r{number}") for number in range(ROUNDS)]
    for packet in packets:
        office.desk.present(packet)

    def answers() -> list[tuple[str, str, bytes]]:
        return [(packet.release, packet.digest(), office.sign(packet, "ana", OPS)) for packet in packets]

    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.SimpleQueue()
    processes = [context.Process(target=answer, args=(tmp_path, office, answers(), barrier, results)) for _ in range(2)]
    for process in processes:
        process.start()
    told = Counter(results.get() for _ in range(2 * ROUNDS))
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert told == {"taken": ROUNDS, "already_decided": ROUNDS}
    entries = [entry for entry in office.desk.ledger.stream() if entry.kind == "decision"]
    assert Counter(entry.release for entry in entries) == {packet.release: 1 for packet in packets}
    assert verify(office.desk.ledger).signatures == ROUNDS
    assert office.decide(packets[0], "ben", SEC).standing.state == "approved"
