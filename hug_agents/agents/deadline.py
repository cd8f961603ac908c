"""A hard limit in seconds round a call that blocks: whatever a server or a client does, the caller goes on in time."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """The call's result. Raises TimeoutError when it takes longer, and what the call raises.

    Nothing stops a thread from outside. The one that is late goes on as a daemon, which no process waits for.
    """
    outcome: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
    context = contextvars.copy_context()  # LangGraph and its tracers pass their callbacks in it

    def work() -> None:
        try:
            outcome.put((True, context.run(call)))
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that waits
            outcome.put((False, error))

    threading.Thread(target=work, name="hug-model", daemon=True).start()
    try:
        returned, value = outcome.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if returned:
        result: T = value
        return result
    raise value
