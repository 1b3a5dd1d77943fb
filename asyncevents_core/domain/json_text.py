"""JSON text of what applications publish and services return."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from cattrs import Converter

from asyncevents_core.errors import InvalidPayload

_PLAIN: Final = (int, bool, type(None))


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
