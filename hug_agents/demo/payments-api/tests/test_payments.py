"""The service through its HTTP interface."""

from __future__ import annotations

from uuid import uuid4

import pytest
from app.main import app
from fastapi.testclient import TestClient

NEW = {"amount": 1250, "currency": "EUR", "reference": "order-17"}


@pytest.fixture
def client() -> TestClient:
    return TestClient(app)


def test_health(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_a_payment_is_authorised_read_and_captured(client: TestClient) -> None:
    created = client.post("/payments", json=NEW)
    assert created.status_code == 201
    payment = created.json()
    assert payment["state"] == "authorised"
    assert client.get(f"/payments/{payment['id']}").json() == payment
    assert client.post(f"/payments/{payment['id']}/capture").json()["state"] == "captured"
    assert client.post(f"/payments/{payment['id']}/cancel").status_code == 409


@pytest.mark.parametrize("change", [{"amount": 0}, {"currency": "euro"}, {"reference": ""}])
def test_what_is_no_payment_is_refused(client: TestClient, change: dict[str, object]) -> None:
    assert client.post("/payments", json=NEW | change).status_code == 422


def test_an_unknown_payment_is_not_found(client: TestClient) -> None:
    assert client.get(f"/payments/{uuid4()}").status_code == 404
    assert client.post(f"/payments/{uuid4()}/capture").status_code == 404


def test_metrics_count_answers_by_code(client: TestClient) -> None:
    client.get(f"/payments/{uuid4()}")
    text = client.get("/metrics").text
    assert 'http_requests_total{code="404",environment="development",service="payments-api"}' in text
