"""Payments: what one is, and where they are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import BaseModel, Field


class State(StrEnum):
    """Where a payment stands."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    CANCELLED = "cancelled"


class NewPayment(BaseModel):
    """What a client asks for. Amounts are in the currency's minor unit: 1250 is 12.50."""

    amount: Annotated[int, Field(gt=0, le=100_000_000)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    reference: Annotated[str, Field(min_length=1, max_length=64)]


class Payment(NewPayment):
    """A payment as it is kept."""

    id: UUID
    state: State
    created_at: datetime


class UnknownPayment(LookupError):
    """There is no payment with this id."""


class NotAllowed(ValueError):
    """The payment's state does not allow this."""


class Payments:
    """Payments in memory, safe to use from several threads. They are gone when the process ends."""

    def __init__(self) -> None:
        self._payments: dict[UUID, Payment] = {}
        self._lock = Lock()

    def authorise(self, new: NewPayment) -> Payment:
        """Keep a new payment."""
        payment = Payment(**new.model_dump(), id=uuid4(), state=State.AUTHORISED, created_at=datetime.now(UTC))
        with self._lock:
            self._payments[payment.id] = payment
        return payment

    def get(self, payment_id: UUID) -> Payment:
        """One payment. Raises UnknownPayment."""
        with self._lock:
            try:
                return self._payments[payment_id]
            except KeyError:
                raise UnknownPayment(payment_id) from None

    def move(self, payment_id: UUID, state: State) -> Payment:
        """Capture or cancel an authorised payment. Raises UnknownPayment, NotAllowed."""
        with self._lock:
            payment = self._payments.get(payment_id)
            if payment is None:
                raise UnknownPayment(payment_id)
            if payment.state is not State.AUTHORISED:
                raise NotAllowed(f"a payment that is {payment.state} cannot become {state}")
            moved = payment.model_copy(update={"state": state})
            self._payments[payment_id] = moved
            return moved
