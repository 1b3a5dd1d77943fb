"""The CloudEvents 1.0 envelope: the bytes that sinks send and the ledger keeps.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"

_JSON: Final = "application/json"


def to_datetime(instant: int) -> datetime:
    """Turn microseconds since the epoch into an aware datetime (UTC)."""
    seconds, micros = divmod(instant, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def envelope(
    *, event_id: UUID, name: str, source: str, occurred_at: int, tenant: str | None, data: bytes
) -> bytes:
    """Return the CloudEvent in structured JSON mode. `data` is JSON text already.

    The SDK validates and writes the attributes; `data` is appended as the bytes it is, so
    that a payload is serialised once per event.
    """
    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source,
        "type": name,
        "time": to_datetime(occurred_at),
        "datacontenttype": _JSON,
    }
    if tenant is not None:
        attributes["tenant"] = tenant
    head = JSONFormat().write(CloudEvent(attributes=attributes))
    return head[:-1] + b', "data": ' + data + b"}"


def parse_envelope(body: bytes) -> Mapping[str, object]:
    """Read an envelope back into its attributes and `data`. Raises ValueError if malformed."""
    value = json.loads(body)
    if not isinstance(value, dict) or "specversion" not in value:
        raise ValueError("not a CloudEvent in JSON format")
    return value
