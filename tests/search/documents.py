"""Hand-made attempts, each for something that a query may stumble over."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from asyncevents_core.ports.indexer import AttemptDocument

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def document(log_id: int, name: str, data: object, **more: object) -> AttemptDocument:
    values = {
        "success": True,
        "created": micros("2026-11-20 08:00:00"),
        "status": "delivered",
        "attempt": 1,
        "subscription_id": 1,
        "sink": "http",
        "tenant": None,
        "recipient_url": "https://example.com/hook",
        "response": "OK",
        **more,
    }
    event = {
        "specversion": "1.0",
        "id": f"e-{log_id}",
        "source": "/shop",
        "type": name,
        "time": "2026-11-20T08:00:00.000000Z",
        "data": data,
    }
    return AttemptDocument(
        log_id=log_id,
        uuid=f"01900000-0000-7000-8000-{log_id:012}",
        event_name=name,
        body=json.dumps(event).encode(),
        **values,
    )


DOCUMENTS = [
    document(1, "customer.created", {"customer_email": "veronica@example.com", "age": 31}),
    document(
        2,
        "customer.updated",
        {"customer_email": "Bob@Example.com", "age": 9, "vip": True},
        success=False,
        status="retrying",
        response="Service Unavailable",
        created=micros("2026-11-23 23:59:59"),
    ),
    document(
        3,
        "sales.order.created",
        {"increment_id": "CK1001", "total": 99.5, "items": [{"sku": "A-1"}, {"sku": "B-2"}]},
        created=micros("2026-11-23 00:00:00"),
    ),
    document(
        4,
        "sales.order.created",
        {"increment_id": "CK1002", "total": 100, "items": [{"sku": "B-2", "tags": [["red"]]}]},
        success=False,
        status="dead_lettered",
        attempt=6,
        subscription_id=2,
        created=micros("2026-11-24 12:00:00"),
    ),
    document(
        5,
        "sales.order.cancelled",
        {"increment_id": "DX7", "total": -5, "note": "Customer changed her mind"},
        tenant="north",
        sink="sqs",
        recipient_url="https://sqs.eu-central-1.amazonaws.com/123456789012/orders",
    ),
    document(6, "catalog.product.saved", {"name": "Grüße aus München", "price": "9.90"}),
    document(7, "catalog.product.saved", {"name": "red shirt, large", "stock": None, "size": ""}),
    document(8, "catalog.product.saved", {"name": "large red cotton shirt", "code": "007"}),
    document(
        9,
        "shipment.sent",
        {"at": "2026-11-22T10:30:00Z", "path": "C:\\temp", "url": "http://x.test/a?b=c"},
    ),
    document(10, "shipment.sent", {"at": "2026-11-22", "weight": 1.5e3, "ok": False}),
    document(
        11,
        "stock.changed",
        {"type": "delta", "id": "inner", "qty": 12345678901234567890},
        status="abandoned",
        success=False,
    ),
    document(12, "stock.changed", [1, "two", {"three": 3}]),
    document(13, "note.added", "just a text (with brackets) & more"),
    document(
        14, "note.added", {"text": "AND OR NOT to", "x y": "space", "a": {"b": {"c": "deep"}}}
    ),
    document(15, "note.added", {"text": "你好世界", "emoji": "🎉 party", "tag": "a*b?c"}),
    document(16, "ping", {}, response="", created=micros("2025-01-01 00:00:00")),
]
