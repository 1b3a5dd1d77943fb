"""Search criteria on rows in memory: which are meant, in which order, and one page of them.

Compares as a database would: nothing but ``null`` is true of a value that is missing. Texts are
compared as they are, ``like`` without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from asyncevents_core.web.api.criteria.parsing import (
    CriteriaError,
    Filter,
    SearchCriteria,
    split_list,
)

T = TypeVar("T")
Test = Callable[[T], bool]


@frozen(kw_only=True)
class Column(Generic[T]):
    """A field of a row: how to get it, and how to read a value that it is compared with.

    `read` raises `ValueError`. `show` is the text that ``like`` and ``finset`` look at.
    """

    get: Callable[[T], Any]
    read: Callable[[str], Any]
    show: Callable[[Any], str] = str


def select(
    criteria: SearchCriteria, columns: Mapping[str, Column[T]], rows: Sequence[T]
) -> tuple[list[T], int]:
    """Return the page of rows that is wanted, and how many rows are meant in all.

    Raises `CriteriaError`.
    """
    groups = [[_test(one, columns) for one in group] for group in criteria.groups]
    meant = [row for row in rows if all(any(test(row) for test in group) for group in groups)]
    for order in reversed(criteria.sort_orders):
        column = _column(order.field, f"{order.key}[field]", columns)
        meant.sort(key=_sort_key(column), reverse=order.direction == "DESC")
    if criteria.page_size is None:
        return meant, len(meant)
    start = ((criteria.current_page or 1) - 1) * criteria.page_size
    return meant[start : start + criteria.page_size], len(meant)


def _column(name: str, key: str, columns: Mapping[str, Column[T]]) -> Column[T]:
    found = columns.get(name)
    if found is None:
        raise CriteriaError(key, f"{name!r} is none of {', '.join(columns)}")
    return found


def _sort_key(column: Column[T]) -> Callable[[T], tuple[bool, Any]]:
    def key(row: T) -> tuple[bool, Any]:
        value = column.get(row)
        return (value is not None, value)

    return key


def _test(one: Filter, columns: Mapping[str, Column[T]]) -> Test[T]:
    column = _column(one.field, f"{one.key}[field]", columns)
    get = column.get
    if one.condition_type == "null":
        return lambda row: get(row) is None
    if one.condition_type == "notnull":
        return lambda row: get(row) is not None
    holds = _condition(one, column)

    def test(row: T) -> bool:
        value = get(row)
        return value is not None and holds(value)

    return test


def _condition(one: Filter, column: Column[T]) -> Callable[[Any], bool]:
    kind, text, show = one.condition_type, one.value, column.show
    if kind in {"like", "nlike"}:
        pattern, wanted = text.casefold(), kind == "like"
        return lambda value: is_like(show(value).casefold(), pattern) == wanted
    if kind in {"finset", "nfinset"}:
        wanted = kind == "finset"
        return lambda value: (text in show(value).split(",")) == wanted
    if kind in {"in", "nin"}:
        some, wanted = {_read(column, part, one) for part in split_list(text)}, kind == "in"
        return lambda value: (value in some) == wanted
    operand = _read(column, text, one)
    compare = _COMPARISONS[kind]
    return lambda value: compare(value, operand)


def _read(column: Column[T], text: str, one: Filter) -> Any:
    try:
        return column.read(text)
    except ValueError as error:
        raise CriteriaError(f"{one.key}[value]", str(error)) from error


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, operand: value == operand,
    "neq": lambda value, operand: value != operand,
    "gt": lambda value, operand: value > operand,
    "gteq": lambda value, operand: value >= operand,
    "moreq": lambda value, operand: value >= operand,
    "from": lambda value, operand: value >= operand,
    "lt": lambda value, operand: value < operand,
    "lteq": lambda value, operand: value <= operand,
    "to": lambda value, operand: value <= operand,
}


def is_like(text: str, pattern: str) -> bool:
    """SQL's LIKE: ``%`` stands for any text, ``_`` for a character, a backslash escapes.

    Takes time in proportion to the lengths' product, whatever the pattern.
    """
    parts = _parts(pattern)
    at = place = 0
    star: tuple[int, int] | None = None
    while at < len(text):
        part = parts[place] if place < len(parts) else None
        if part is _ANY_TEXT:
            star = (place, at)
            place += 1
        elif part is not None and part in (_ANY_ONE, text[at]):
            place, at = place + 1, at + 1
        elif star is not None:
            # Let the last % take one more character, and try again from there.
            star = (star[0], star[1] + 1)
            place, at = star[0] + 1, star[1]
        else:
            return False
    return all(part is _ANY_TEXT for part in parts[place:])


_ANY_TEXT: Final = "%%"
_ANY_ONE: Final = "__"


def _parts(pattern: str) -> list[str]:
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            parts.append(next(letters, "\\"))
        elif letter == "%":
            parts.append(_ANY_TEXT)
        elif letter == "_":
            parts.append(_ANY_ONE)
        else:
            parts.append(letter)
    return parts


def read_number(text: str) -> float | int:
    """Read a number. Raises `ValueError`."""
    try:
        return int(text) if len(text) < 20 else float(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if found != found:
        raise ValueError(f"{text!r} is not a number")
    return found


def read_flag(text: str) -> int:
    """Read a status as 0 or 1. Raises `ValueError`."""
    flags = {"1": 1, "true": 1, "0": 0, "false": 0}
    if text.lower() not in flags:
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return flags[text.lower()]


def read_time(text: str) -> int:
    """Read a date, or a date and a time (UTC unless it says otherwise), as microseconds.

    Raises `ValueError`.
    """
    try:
        at = datetime.fromisoformat(text)
        moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a date: 2026-11-25, or 2026-11-25 13:45:00") from None
