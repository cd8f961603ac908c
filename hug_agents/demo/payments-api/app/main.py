"""The HTTP side: payments, health, and metrics for Prometheus."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from app.payments import NewPayment, NotAllowed, Payment, Payments, State, UnknownPayment

SERVICE = "payments-api"
ENVIRONMENT = os.environ.get("ENVIRONMENT", "development")
LABELS = ("service", "environment", "code")

REQUESTS = Counter("http_requests", "Answered requests.", LABELS)
DURATION = Histogram("http_request_duration_seconds", "Time to answer.", LABELS)

app = FastAPI(title=SERVICE, version=os.environ.get("VERSION", "development"))
payments = Payments()


@app.middleware("http")
async def measure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Count and time every request but those of probes and Prometheus."""
    if request.url.path in ("/healthz", "/metrics"):
        return await call_next(request)
    started = time.perf_counter()
    code = 500
    try:
        response = await call_next(request)
        code = response.status_code
        return response
    finally:
        labels = (SERVICE, ENVIRONMENT, str(code))
        REQUESTS.labels(*labels).inc()
        DURATION.labels(*labels).observe(time.perf_counter() - started)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether the process can answer."""
    return {"status": "ok", "version": app.version}


@app.get("/metrics", include_in_schema=False)
def metrics() -> Response:
    """What Prometheus scrapes."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/payments", status_code=201)
def authorise(new: NewPayment) -> Payment:
    """Authorise a payment."""
    return payments.authorise(new)


@app.get("/payments/{payment_id}")
def read(payment_id: UUID) -> Payment:
    """One payment."""
    try:
        return payments.get(payment_id)
    except UnknownPayment:
        raise HTTPException(404, "no such payment") from None


@app.post("/payments/{payment_id}/capture")
def capture(payment_id: UUID) -> Payment:
    """Take the money of an authorised payment."""
    return _move(payment_id, State.CAPTURED)


@app.post("/payments/{payment_id}/cancel")
def cancel(payment_id: UUID) -> Payment:
    """Let an authorised payment go."""
    return _move(payment_id, State.CANCELLED)


def _move(payment_id: UUID, state: State) -> Payment:
    try:
        return payments.move(payment_id, state)
    except UnknownPayment:
        raise HTTPException(404, "no such payment") from None
    except NotAllowed as error:
        raise HTTPException(409, str(error)) from None
