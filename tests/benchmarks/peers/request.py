"""The signed request that the peers send: a CloudEvent, Standard Webhooks, as asyncevents does."""

from __future__ import annotations

import base64
import hashlib
import hmac

from tests.benchmarks.constants import SECRET

TIMEOUT = 15.0
"""Seconds of an attempt."""
MOST_RETRIES = 5
KEPT = 4096
"""Characters of an answer that are kept with the attempt."""


def signing_key() -> hmac.HMAC:
    """Return the key, made once: a copy of it signs a request."""
    return hmac.new(SECRET.encode(), digestmod=hashlib.sha256)


def signed(
    key: hmac.HMAC,
    *,
    source: str,
    delivery_id: str,
    event_id: str,
    name: str,
    data: str,
    now: int,
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers. `data` is JSON, `now` Unix time in seconds."""
    body = (
        f'{{"specversion": "1.0", "id": "{event_id}", "source": "{source}", "type": "{name}", '
        f'"time": "2026-01-01T00:00:00.000000Z", "datacontenttype": "application/json", '
        f'"data": {data}}}'
    ).encode()
    mac = key.copy()
    mac.update(f"{event_id}.{now}.".encode())
    mac.update(body)
    return body, {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": event_id,
        "webhook-timestamp": str(now),
        "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode(),
        "asyncevents-delivery": delivery_id,
    }
