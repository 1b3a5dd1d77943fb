"""Documents made by hand, one peculiarity each; `queries.py` says what finds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncevents_core.domain.query.dates import instant
from asyncevents_core.ports.indexer import AttemptDocument

NOW = instant(datetime.fromisoformat("2027-03-12T00:00:00+00:00"))
"""What date math counts from."""

LONG = "lorem ipsum " * 60 + "needle end"
"""Longer than what is kept of a value as a whole."""

_HTTP = "https://hooks.example.com/in"
_SQS = "https://sqs.eu-central-1.amazonaws.com/123/queue"
_TOPIC = "projects/shop/topics/products"

_ORDER = {
    "increment_id": "CK1001",
    "total": 100,
    "items": [{"sku": "a-1", "name": "blue kettle deluxe", "qty": 10}],
    "placed_at": "2026-11-24",
}
_JANE = {"customer_email": "jane.doe@example.com", "name": "Jane Doe", "id": 2, "active": False}


def attempt(
    log_id: int,
    event_name: str,
    started_at: str,
    data: Any,
    *,
    fate: str = "delivered",
    outcome: str | None = None,
    http_status: int | None = None,
    detail: str = "",
    duration: float = 0.25,
    of: int | None = None,
    number: int = 1,
    subscription: int = 7,
    sink: str = "http",
    tenant: str | None = None,
    url: str = _HTTP,
    response: str = "",
) -> AttemptDocument:
    """Make a document; `of` is the first attempt of the same delivery."""
    first = of or log_id
    event = {
        "specversion": "1.0",
        "id": f"event-{first}",
        "source": "/shop",
        "type": event_name,
        "time": f"{started_at}Z",
        "data": data,
    }
    if tenant is not None:
        event["tenant"] = tenant
    return AttemptDocument(
        log_id=log_id,
        uuid=f"0193a000-0000-7000-8000-{first:012}",
        event_name=event_name,
        success=fate == "delivered",
        started_at=instant(datetime.fromisoformat(f"{started_at}+00:00")),
        duration=duration,
        fate=fate,
        outcome=outcome or ("retryable" if fate == "retrying" else fate),
        http_status=http_status,
        detail=detail,
        attempt=number,
        subscription_id=subscription,
        sink=sink,
        tenant=tenant,
        target=url,
        response=response,
        body=json.dumps(event).encode(),
    )


DOCUMENTS: Sequence[AttemptDocument] = (
    attempt(
        1,
        "customer.created",
        "2026-11-23T10:00:00",
        {
            "customer_email": "veronica@example.com",
            "name": "Veronica Costello",
            "id": 1,
            "active": True,
        },
        subscription=1,
        http_status=200,
        detail="HTTP 200",
        duration=0.012,
        response="200 OK",
    ),
    attempt(
        2,
        "customer.created",
        "2026-11-23T10:00:01",
        _JANE,
        subscription=1,
        fate="retrying",
        http_status=503,
        detail="HTTP 503",
        duration=0.2,
        response="503 Service Unavailable",
    ),
    attempt(
        3,
        "customer.created",
        "2026-11-23T10:00:05",
        _JANE,
        subscription=1,
        of=2,
        number=2,
        http_status=200,
        detail="HTTP 200",
        duration=0.0123456789,
        response="200 OK",
    ),
    attempt(
        4,
        "customer.deleted",
        "2026-11-23T23:59:59.999999",
        {"customer_email": "VERONICA@EXAMPLE.COM", "id": 3, "reason": None},
        subscription=2,
        fate="dead_lettered",
        outcome="permanent",
        http_status=400,
        detail="invalid: InvalidParameterValue",
        number=6,
        sink="sqs",
        tenant="de",
        url=_SQS,
        response="400 Bad Request: no such customer",
    ),
    attempt(
        5,
        "sales.order.created",
        "2026-11-24T00:00:00",
        {
            "increment_id": "CK1000",
            "total": 99.5,
            "currency": "EUR",
            "items": [
                {"sku": "A-1", "name": "Blue Kettle", "qty": 1},
                {"sku": "B-2", "name": "Red Toaster", "qty": 2},
            ],
            "placed_at": "2026-11-23T22:15:30+01:00",
        },
        subscription=3,
        tenant="fr",
    ),
    attempt(
        6,
        "sales.order.created",
        "2026-11-24T08:30:00",
        _ORDER,
        subscription=3,
        fate="abandoned",
        duration=0.0,
        detail="its worker vanished; whether it was received is unknown",
    ),
    attempt(
        7, "sales.order.created", "2026-11-24T08:31:00", _ORDER, subscription=3, of=6, number=2
    ),
    attempt(
        8,
        "sales.order.created",
        "2026-11-25T12:00:00",
        {
            "increment_id": "DK2000",
            "total": -5,
            "items": [],
            "placed_at": "2026-12-01 09:00:00",
            "note": "Red kettle, very blue",
        },
        subscription=3,
    ),
    attempt(
        9,
        "sales.order.cancelled",
        "2026-12-01T00:00:00",
        {
            "increment_id": "ck1000",
            "total": "99.50",
            "items": [[{"sku": "C-3"}], [["D-4", "E-5"]]],
        },
        subscription=3,
        fate="retrying",
        detail="network: Connection refused",
        duration=1.5,
        number=3,
    ),
    attempt(
        10,
        "catalog.product.updated",
        "2026-12-31T23:00:00",
        {
            "title": "Größe XL: Übergrößen-Träger",
            "sku": "Ü-1",
            "colour": "grün",
            "description": LONG,
        },
        subscription=4,
        sink="pubsub",
        url=_TOPIC,
    ),
    attempt(
        11,
        "catalog.product.updated",
        "2027-01-01T00:00:00",
        {"title": "東京タワー 観光", "city": "東京", "emoji": "👍 great 🎉"},
        subscription=4,
        sink="pubsub",
        url=_TOPIC,
    ),
    attempt(
        12,
        "catalog.product.updated",
        "2027-01-02T00:00:00",
        {
            "title": "naïve café",
            "combining": "cafe\u0301",
            "path": "C:\\Temp\\file.txt",
            "formula": "(1+1)*2=4?",
        },
        subscription=4,
        sink="pubsub",
        url=_TOPIC,
    ),
    attempt(
        13,
        "inventory.stock.changed",
        "2027-02-01T00:00:00",
        {
            "qty": 0,
            "delta": -2.5e-3,
            "big": 12345678901234567890,
            "code": "007",
            "flags": [True, False],
        },
        subscription=5,
    ),
    attempt(
        14,
        "inventory.stock.changed",
        "2027-02-01T12:00:00",
        {"qty": 7, "delta": 1e3, "code": "7", "flags": [False]},
        subscription=5,
    ),
    attempt(
        15,
        "inventory.stock.changed",
        "2027-02-02T00:00:00",
        {"qty": 70, "code": "7.0", "flags": []},
        subscription=5,
        fate="retrying",
        http_status=429,
        detail="throttled: HTTP 429",
    ),
    attempt(
        16,
        "support.ticket.opened",
        "2027-03-01T06:00:00",
        {
            "subject": "AND OR NOT to be",
            "body": "To be or not to be, that is the question",
            "priority": "high",
        },
        subscription=6,
    ),
    attempt(
        17,
        "support.ticket.opened",
        "2027-03-02T06:00:00",
        {
            "subject": "quick brown fox",
            "body": "The quick brown fox jumps over the lazy dog",
            "priority": "low",
        },
        subscription=6,
    ),
    attempt(
        18,
        "support.ticket.closed",
        "2027-03-03T06:00:00",
        {"subject": "brown quick fox", "body": "fox, brown and quick", "priority": "HIGH"},
        subscription=6,
    ),
    attempt(
        19,
        "support.ticket.closed",
        "2027-03-04T06:00:00",
        {"tags": ["alpha", "beta gamma", "delta"], "matrix": [[1, 2], [3, [4]]]},
        subscription=6,
        fate="dead_lettered",
        outcome="retryable",
        detail="timed out: no answer within 15 s",
        duration=15.000001,
        number=6,
        response="timed out after 15 s",
    ),
    attempt(
        20,
        "support.ticket.closed",
        "2027-03-05T06:00:00",
        {"tags": "gamma delta", "matrix": 4},
        subscription=6,
    ),
    attempt(21, "app.plain", "2027-03-06T06:00:00", "just a text"),
    attempt(22, "app.plain", "2027-03-07T06:00:00", 42),
    attempt(23, "app.plain", "2027-03-08T06:00:00", [1, "two", {"three": 3}]),
    attempt(24, "app.plain", "2027-03-09T06:00:00", None),
    attempt(
        25,
        "app.odd",
        "2027-03-10T06:00:00",
        {
            "with space": "spaced value",
            "with.dot": "dotted",
            "with": {"dot": "nested"},
            "type": "payload type",
            "Case": "Upper",
            "case": "lower",
        },
    ),
    attempt(
        26,
        "app.odd",
        "2027-03-11T06:00:00",
        {
            "url": "https://example.com/a/b?c=d&e=f",
            "ip": "10.0.0.1",
            "version": "1.2.3",
            "quote": 'she said "hi"',
            "dates": ["2026-01-31", "2026-02-28T12:00:00Z"],
            "fate": "sealed",
            "outcome": "gone",
            "detail": "refused by the payload",
            "http_status": 799,
            "duration": 5000,
        },
        tenant="de",
    ),
)
