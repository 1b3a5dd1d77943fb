"""The functions of CloudEvents SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from attrs import frozen

from asyncevents_core.domain.filtering.cesql.mistakes import MistakeKind
from asyncevents_core.domain.filtering.cesql.values import (
    LARGEST,
    SMALLEST,
    Value,
    ValueType,
    to_boolean,
    to_integer,
    to_string,
)

_SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Unicode calls white space. Python's `strip` takes some control characters for it, too."""


class FunctionFailed(ValueError):
    """A function was called with what it cannot take; `value` is what it returns all the same."""

    def __init__(self, kind: MistakeKind, text: str, *, value: Value) -> None:
        super().__init__(text)
        self.kind = kind
        self.value = value


@frozen
class Function:
    """A function: the types of its parameters, None for any, and of what it returns.

    With `rest`, any number of arguments of that type may follow. `call` gets arguments of these
    types; it raises `FunctionFailed`, or `values.CastFailed`.
    """

    parameters: tuple[ValueType | None, ...]
    returns: ValueType
    call: Callable[..., Value]
    rest: ValueType | None = None

    def takes(self, count: int) -> bool:
        """Tell whether it can be called with so many arguments."""
        if self.rest is not None:
            return count >= len(self.parameters)
        return count == len(self.parameters)

    def types(self, count: int) -> Sequence[ValueType | None]:
        """Return the types of so many arguments."""
        return [*self.parameters, *[self.rest] * (count - len(self.parameters))]


def _left(text: str, count: int) -> str:
    return text[: _counted(text, count)]


def _right(text: str, count: int) -> str:
    return text[max(0, len(text) - _counted(text, count)) :]


def _counted(text: str, count: int) -> int:
    if count < 0:
        raise FunctionFailed(
            MistakeKind.FUNCTION_EVALUATION, f"{count} characters cannot be taken", value=text
        )
    return count


def _substring(text: str, position: int, count: int = LARGEST) -> str:
    if abs(position) > len(text):
        raise FunctionFailed(
            MistakeKind.FUNCTION_EVALUATION,
            f"there is no character {position} in a text of {len(text)}",
            value="",
        )
    if count < 0:
        raise FunctionFailed(
            MistakeKind.FUNCTION_EVALUATION, f"{count} characters cannot be taken", value=""
        )
    if position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + count]


def _absolute(number: int) -> int:
    if number == SMALLEST:
        raise FunctionFailed(
            MistakeKind.MATH, f"ABS({number}) is more than an Integer holds", value=LARGEST
        )
    return abs(number)


_STRING, _INTEGER, _BOOLEAN = ValueType.STRING, ValueType.INTEGER, ValueType.BOOLEAN

FUNCTIONS: Final[Mapping[str, Sequence[Function]]] = MappingProxyType(
    {
        "INT": [Function((None,), _INTEGER, to_integer)],
        "BOOL": [Function((None,), _BOOLEAN, to_boolean)],
        "STRING": [Function((None,), _STRING, to_string)],
        "LENGTH": [Function((_STRING,), _INTEGER, len)],
        "CONCAT": [Function((), _STRING, lambda *texts: "".join(texts), rest=_STRING)],
        "CONCAT_WS": [
            Function(
                (_STRING,),
                _STRING,
                lambda between, *texts: between.join(texts),
                rest=_STRING,
            )
        ],
        "LOWER": [Function((_STRING,), _STRING, str.lower)],
        "UPPER": [Function((_STRING,), _STRING, str.upper)],
        "TRIM": [Function((_STRING,), _STRING, lambda text: text.strip(_SPACES))],
        "LEFT": [Function((_STRING, _INTEGER), _STRING, _left)],
        "RIGHT": [Function((_STRING, _INTEGER), _STRING, _right)],
        "SUBSTRING": [
            Function((_STRING, _INTEGER), _STRING, _substring),
            Function((_STRING, _INTEGER, _INTEGER), _STRING, _substring),
        ],
        "ABS": [Function((_INTEGER,), _INTEGER, _absolute)],
    }
)
"""By name in capital letters; those of one name differ in how many arguments they take."""


def function_of(name: str, count: int) -> Function | None:
    """Return the function of a name that takes so many arguments; None if there is none."""
    return next((one for one in FUNCTIONS.get(name, ()) if one.takes(count)), None)
