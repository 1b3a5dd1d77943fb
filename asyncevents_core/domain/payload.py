"""What an event carries: JSON text, and the CloudEvent around it that sinks send."""

from __future__ import annotations

import functools
import json
from typing import Any, Final
from uuid import UUID

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.plain import dump, is_plain, plain
from asyncevents_core.errors import InvalidPayload


def to_json(value: object) -> bytes:
    """Return compact JSON text, UTF-8, the same in every process.

    Raises `InvalidPayload`, naming the path, for what JSON cannot hold: NaN, bytes, half of a
    surrogate pair, objects of other classes; for keys that are no text, or become the same text;
    and for what is nested more than `DEEPEST` levels deep, or contains itself.
    """
    try:
        if is_plain(value):
            return dump(value)
    except (ValueError, RuntimeError):
        # Where it is wrong is found out below. A RuntimeError: it was changed meanwhile.
        pass
    try:
        return dump(plain(value, "data"))
    except RecursionError:
        raise InvalidPayload(
            "data: it is nested too deeply for what is left of Python's stack"
        ) from None


def from_json(text: bytes) -> Any:
    """Read JSON text."""
    return json.loads(text)


_JSON: Final = "application/json"
# With quotes that are not escaped: neither can stand inside a JSON text.
_DATA: Final = b', "data": '
_ID: Final = b'"id": "ID"'
_TIME: Final = b'"time": "1970-01-01T00:00:00Z"'
_KINDS_KEPT: Final = 4096


def envelope(
    *, event_id: UUID, name: str, source: str, occurred_at: int, tenant: str | None, data: bytes
) -> bytes:
    """Return the CloudEvent in structured JSON mode. `data` is JSON text already.

    `data` is the last member, as the bytes it is, so that a payload is serialised once.
    """
    before, between, after = _frame(name, source, tenant)
    time = to_datetime(occurred_at).isoformat(timespec="microseconds").replace("+00:00", "Z")
    written = b'"id": "%b"%b"time": "%b"' % (str(event_id).encode(), between, time.encode())
    return b"".join((before, written, after, _DATA, data, b"}"))


def data_of(body: bytes) -> bytes:
    """Return the `data` of an envelope made here, as the JSON text that it was made from."""
    return body[body.index(_DATA) + len(_DATA) : -1]


@functools.lru_cache(_KINDS_KEPT)
def _frame(name: str, source: str, tenant: str | None) -> tuple[bytes, bytes, bytes]:
    """Return what stands around id and time: validated and written once by the SDK."""
    # Imported here: marking events, which needs none of it, stays cheap.
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": "ID",
        "source": source,
        "type": name,
        "time": to_datetime(0),
        "datacontenttype": _JSON,
    }
    if tenant is not None:
        attributes["tenant"] = tenant
    head = JSONFormat().write(CloudEvent(attributes=attributes))
    before, _, rest = head.removesuffix(b"}").partition(_ID)
    between, _, after = rest.partition(_TIME)
    return before, between, after
