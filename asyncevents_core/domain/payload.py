"""What an event carries: JSON text, and the CloudEvent around it that sinks send."""

from __future__ import annotations

import functools
import json
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.plain import dump, is_plain, plain
from asyncevents_core.domain.trace_context import TraceContext
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
STORE_ID: Final = "{store_id}"
"""In SOURCE it stands for the event's tenant, or for 0: what mageos-async-events says."""


def source_of(source: str, tenant: str | None) -> str:
    """Return the source of a tenant's events where SOURCE is `source`.

    >>> source_of("{store_id}", None), source_of("/shops/{store_id}", "a b")
    ('0', '/shops/a%20b')
    """
    return source.replace(STORE_ID, "0" if tenant is None else quote(tenant, safe=""))


@frozen
class Frame:
    """What the CloudEvents of one kind and time have around their ids and data."""

    _before_id: bytes
    _before_data: bytes

    def around(self, event_id: UUID, data: bytes) -> bytes:
        """Return the CloudEvent in structured JSON mode. `data` is JSON text already.

        `data` is the last member, as the bytes it is, so that a payload is serialised once.
        """
        return b"%b%b%b%b}" % (self._before_id, str(event_id).encode(), self._before_data, data)


def frame(
    *,
    name: str,
    source: str,
    occurred_at: int,
    tenant: str | None,
    trace_context: TraceContext | None = None,
) -> Frame:
    """Return what the CloudEvents of these attributes have in common."""
    before, between, after = _parts(name, source, tenant)
    time = to_datetime(occurred_at).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if trace_context is not None:
        more = (f', "{key}": {json.dumps(value)}' for key, value in trace_context.attributes)
        after += "".join(more).encode()
    return Frame(
        b'%b"id": "' % before, b'"%b"time": "%b"%b%b' % (between, time.encode(), after, _DATA)
    )


def envelope(
    *,
    event_id: UUID,
    name: str,
    source: str,
    occurred_at: int,
    tenant: str | None,
    data: bytes,
    trace_context: TraceContext | None = None,
) -> bytes:
    """Return one CloudEvent; see `Frame.around`."""
    around = frame(
        name=name,
        source=source,
        occurred_at=occurred_at,
        tenant=tenant,
        trace_context=trace_context,
    )
    return around.around(event_id, data)


def data_of(body: bytes) -> bytes:
    """Return the `data` of an envelope made here, as the JSON text that it was made from."""
    return body[body.index(_DATA) + len(_DATA) : -1]


def attributes_of(body: bytes) -> bytes | None:
    """Return the JSON text of the attributes of an envelope made here: an object without `data`.

    None for a text that has no `data` where those have it.
    """
    head, found, _ = body.partition(_DATA)
    return head + b"}" if found else None


@functools.lru_cache(_KINDS_KEPT)
def _parts(name: str, source: str, tenant: str | None) -> tuple[bytes, bytes, bytes]:
    """Return what stands around id and time: validated and written once by the SDK."""
    # Imported here: marking events, which needs none of it, stays cheap.
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": "ID",
        "source": source_of(source, tenant),
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
