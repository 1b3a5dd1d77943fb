"""JSON text of what applications publish and services return."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

import attrs
from cattrs import Converter

from asyncevents_core.errors import InvalidPayload

_PLAIN: Final = (str, int, float, bool, type(None))


def make_converter() -> Converter:
    """Return the converter between JSON values and the types of applications.

    attrs classes and dataclasses are objects; datetimes, dates and times ISO 8601 texts;
    Decimals and UUIDs texts, so that nothing is lost; enums their values.
    """
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


_CONVERTER: Final = make_converter()


def to_json(value: object) -> bytes:
    """Return compact JSON text, UTF-8.

    Raises `InvalidPayload`, naming the path, for what JSON cannot hold: NaN, bytes, keys that
    are no text, objects of other classes.
    """
    try:
        return _dump(value)
    except (TypeError, ValueError, RecursionError):
        # Not plain JSON: convert what can be, and find out where what cannot be stands.
        return _dump(_plain(value, "data", ()))


def from_json(text: bytes) -> Any:
    """Read JSON text."""
    return json.loads(text)


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _plain(value: object, path: str, above: tuple[int, ...]) -> object:
    """Convert to plain JSON values, checking each."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InvalidPayload(f"{path}: {value} is no JSON number")
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidPayload(f"{path}: the text is no valid Unicode: {error}") from error
        return value
    if isinstance(value, _PLAIN) and not isinstance(value, Enum):
        return value
    if id(value) in above:
        raise InvalidPayload(f"{path}: the data contains itself")
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {
            _key(key, path): _plain(item, f"{path}.{key}", above) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, f"{path}[{number}]", above) for number, item in enumerate(value)]
    if isinstance(value, Enum):
        return _plain(value.value, path, above)
    if attrs.has(type(value)):
        fields = [one.name for one in attrs.fields(type(value))]
        return {name: _plain(getattr(value, name), f"{path}.{name}", above) for name in fields}
    if hasattr(type(value), "__dataclass_fields__"):
        names = type(value).__dataclass_fields__
        return {name: _plain(getattr(value, name), f"{path}.{name}", above) for name in names}
    if isinstance(value, datetime | date | time | Decimal | UUID):
        return _CONVERTER.unstructure(value)
    raise InvalidPayload(
        f"{path}: {type(value).__qualname__} is not JSON. Publish plain values, attrs classes, "
        "dataclasses, datetimes, Decimals, UUIDs or enums"
    )


def _key(key: object, path: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, UUID):
        return str(key)
    raise InvalidPayload(f"{path}: keys must be texts, not {type(key).__name__} ({key!r})")


def _strictly(value: Any, kind: type) -> Any:
    """Take a value of just that type, but an int for a float."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__} ({value!r})")
    return value
