"""What an event carries: JSON text, and the CloudEvent around it that sinks send."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.errors import InvalidPayload

if TYPE_CHECKING:
    from cattrs import Converter

_PLAIN: Final = (int, bool, type(None))


def make_converter() -> Converter:
    """Return the converter between JSON values and the types of applications.

    attrs classes and dataclasses are objects; datetimes, dates and times ISO 8601 texts;
    Decimals and UUIDs texts, so that nothing is lost; enums their values.
    """
    # Imported here: what plugins import stays cheap.
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=False)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_unstructure_hook(time, time.isoformat)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_unstructure_hook(UUID, str)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    converter.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    converter.register_structure_hook(time, lambda value, _: time.fromisoformat(value))
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    converter.register_structure_hook(UUID, lambda value, _: UUID(value))
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strictly)
    return converter


@functools.cache
def _converter() -> Converter:
    return make_converter()


def to_json(value: object) -> bytes:
    """Return compact JSON text, UTF-8.

    Raises `InvalidPayload`, naming the path, for what JSON cannot hold: NaN, bytes, keys that
    are no text, objects of other classes.
    """
    try:
        return _dump(value)
    except (TypeError, ValueError, RecursionError):
        # Not plain JSON: convert what can be, and find out where what cannot be stands.
        try:
            plain = _converter().unstructure(value)
        except RecursionError:
            raise InvalidPayload("data: it contains itself, or is nested too deeply") from None
        return _dump(_checked(plain, "data"))


def from_json(text: bytes) -> Any:
    """Read JSON text."""
    return json.loads(text)


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _checked(value: object, path: str) -> object:
    """Return plain JSON values, or say where one is that JSON cannot hold."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidPayload(f"{path}: {value} is not a JSON number")
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidPayload(f"{path}: the text is not valid Unicode: {error}") from error
        return value
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {_key(key, path): _checked(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_checked(item, f"{path}[{number}]") for number, item in enumerate(value)]
    raise InvalidPayload(
        f"{path}: {type(value).__qualname__} is not JSON. Publish plain values, attrs classes, "
        "dataclasses, datetimes, Decimals, UUIDs or enums"
    )


def _key(key: object, path: str) -> str:
    if isinstance(key, str):
        return key
    raise InvalidPayload(f"{path}: keys must be texts, not {type(key).__name__} ({key!r})")


def _strictly(value: Any, kind: type) -> Any:
    """Take a value of just that type, but an int for a float."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__} ({value!r})")
    return value


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
