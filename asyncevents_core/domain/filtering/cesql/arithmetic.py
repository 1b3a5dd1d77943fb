"""Whole numbers of 32 bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from asyncevents_core.domain.filtering.cesql.mistakes import Mistake, MistakeKind
from asyncevents_core.domain.filtering.cesql.values import is_integer


def _quotient(number: int, divisor: int, position: int) -> int:
    if divisor == 0:
        _by_zero(position)
    quotient = abs(number) // abs(divisor)
    return quotient if (number < 0) is (divisor < 0) else -quotient


def _remainder(number: int, divisor: int, position: int) -> int:
    if divisor == 0:
        _by_zero(position)
    return number - divisor * _quotient(number, divisor, position)


def _by_zero(position: int) -> NoReturn:
    raise Mistake(MistakeKind.MATH, "nothing can be divided by 0", position)


ARITHMETIC: Final[Mapping[str, Callable[[int, int, int], int]]] = MappingProxyType(
    {
        "+": lambda one, other, position: one + other,
        "-": lambda one, other, position: one - other,
        "*": lambda one, other, position: one * other,
        "/": _quotient,
        "%": _remainder,
    }
)
"""What the signs calculate. The last argument is the operator's position, for a `Mistake`."""


def fitting(number: int, position: int) -> int:
    """Return a number that an Integer holds. Raises `Mistake` for another."""
    if not is_integer(number):
        text = f"{number} is more than the 32 bits of an Integer hold"
        raise Mistake(MistakeKind.MATH, text, position)
    return number
