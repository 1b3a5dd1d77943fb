"""The types of CloudEvents SQL, and the casts between them."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from asyncevents_core.showing import shown

Value = str | int | bool

SMALLEST: Final = -(2**31)
LARGEST: Final = 2**31 - 1

_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_LONGEST_INTEGER: Final = 100
"""Characters of a text that is read as a number: zeros may stand in front."""


class ValueType(enum.Enum):
    """What a value is."""

    STRING = "a String"
    INTEGER = "an Integer"
    BOOLEAN = "a Boolean"


ZEROS: Final[Mapping[ValueType, Value]] = MappingProxyType(
    {ValueType.STRING: "", ValueType.INTEGER: 0, ValueType.BOOLEAN: False}
)
"""What an expression of a type comes to if it has no other value."""


class CastFailed(ValueError):
    """A value cannot be cast to a type. The text says so."""


def type_of(value: Value) -> ValueType:
    """Return the type of a value.

    >>> type_of(True), type_of(1)
    (<ValueType.BOOLEAN: 'a Boolean'>, <ValueType.INTEGER: 'an Integer'>)
    """
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    return ValueType.INTEGER if isinstance(value, int) else ValueType.STRING


def is_integer(number: int) -> bool:
    """Tell whether a number fits into the 32 bits of an Integer."""
    return SMALLEST <= number <= LARGEST


def to_string(value: Value) -> str:
    """Cast to a String.

    >>> to_string(True), to_string(-1)
    ('true', '-1')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_integer(value: Value) -> int:
    """Cast to an Integer. Raises `CastFailed`.

    >>> to_integer("-007"), to_integer(True)
    (-7, 1)
    """
    if not isinstance(value, str):
        return int(value)
    if len(value) <= _LONGEST_INTEGER and _INTEGER.fullmatch(value) is not None:
        number = int(value)
        if is_integer(number):
            return number
    raise CastFailed(f"{shown(value)} is not a whole number of 32 bits")


def to_boolean(value: Value) -> bool:
    """Cast to a Boolean. Raises `CastFailed`.

    >>> to_boolean("FALSE"), to_boolean(-50)
    (False, True)
    """
    if not isinstance(value, str):
        return bool(value)
    truth = {"true": True, "false": False}.get(value.lower())
    if truth is None:
        raise CastFailed(f"{shown(value)} is neither true nor false")
    return truth


def cast(value: Value, target: ValueType) -> Value:
    """Cast to a type. Raises `CastFailed`."""
    if target is ValueType.STRING:
        return to_string(value)
    return to_integer(value) if target is ValueType.INTEGER else to_boolean(value)
