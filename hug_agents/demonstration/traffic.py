"""A client of payments-api: payments are authorised and read, so many a second, and whatever fails is counted."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from types import TracebackType

from hug_agents.errors import HttpError
from hug_agents.http import Http
from hug_agents.spec import Model

CURRENCIES = ("EUR", "EUR", "EUR", "USD", "USD", "GBP", "CHF", "JPY")
"""Customers pay in euros mostly, and one in eight in yen."""
_THREADS = 6
_KNOWN = 200
"""Payments that are remembered to be read again."""


class Counted(Model):
    """What a client has seen so far."""

    sent: int = 0
    failed: int = 0
    """Answered with 5xx, or not at all."""
    seconds: float = 0.0
    p99_ms: float | None = None
    """Of the last answers, as the client sees them."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.sent / self.seconds if self.seconds else 0.0


class Client:
    """Sends requests from when it is entered until it is left. Every other one is a new payment, the rest read one.

    A reading may be answered with 404: each process of payments-api keeps its own payments, so that is an answer.
    """

    def __init__(self, address: str, *, rate: int, seed: int = 7) -> None:
        self._address = address
        self._pause = _THREADS / rate
        self._seed = seed
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sent = self._failed = 0
        self._latency: deque[float] = deque(maxlen=1_000)
        self._errors: deque[str] = deque(maxlen=5)
        self._began = self._ended = 0.0
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Client:
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._send, args=(number,), name=f"client-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> Counted:
        """Send nothing more; what was counted."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)
        self._ended = self._ended or time.monotonic()
        return self.counted()

    def counted(self) -> Counted:
        """What was seen until now."""
        with self._lock:
            latency = sorted(self._latency)
            seconds = (self._ended or time.monotonic()) - self._began
            p99 = round(latency[len(latency) * 99 // 100] * 1000, 1) if latency else None
            return Counted(sent=self._sent, failed=self._failed, seconds=round(seconds, 3), p99_ms=p99)

    def errors(self) -> tuple[str, ...]:
        """The last few failures, as they were seen."""
        with self._lock:
            return tuple(self._errors)

    def _send(self, number: int) -> None:
        chosen = random.Random(self._seed * 100 + number)  # noqa: S311 - which payment is made is no secret
        known: deque[str] = deque(maxlen=_KNOWN // _THREADS)
        due = time.monotonic() + self._pause * number / _THREADS
        with Http(self._address, attempts=1, timeout=10) as http:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                began = time.monotonic()
                due = max(due + self._pause, began - 1)  # what could not be sent in time is not sent in a burst
                problem = self._pay(http, chosen, known)
                took = time.monotonic() - began
                with self._lock:
                    self._sent += 1
                    self._latency.append(took)
                    if problem:
                        self._failed += 1
                        self._errors.append(problem)

    def _pay(self, http: Http, chosen: random.Random, known: deque[str]) -> str:
        """One request; why it failed, or nothing."""
        try:
            if known and chosen.random() < 0.5:
                http.get(f"/payments/{chosen.choice(tuple(known))}", ok=(404,))
            else:
                new = {
                    "amount": chosen.randint(100, 50_000),
                    "currency": chosen.choice(CURRENCIES),
                    "reference": f"order-{chosen.randrange(10**6)}",
                }
                known.append(str(json.loads(http.request("POST", "/payments", json=new).text)["id"]))
        except HttpError as error:
            return str(error)[:300]
        return ""
