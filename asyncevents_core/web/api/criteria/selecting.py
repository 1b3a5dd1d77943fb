"""Search criteria on rows in memory: which are meant, in which order, and one page of them.

Compares as Magento's database would: nothing but ``null`` is true of a value that is missing, and
texts are the same where its collation says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from asyncevents_core.web.api.criteria.collation import Collation
from asyncevents_core.web.api.criteria.like import Like
from asyncevents_core.web.api.criteria.parsing import (
    CriteriaError,
    Filter,
    SearchCriteria,
    split_list,
)

LONGEST_PATTERN: Final = 256
_ROWS_BETWEEN: Final = 64

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
    criteria: SearchCriteria,
    columns: Mapping[str, Column[T]],
    rows: Sequence[T],
    check: Callable[[], None],
) -> tuple[list[T], int]:
    """Return the page of rows that is wanted, and how many rows are meant in all.

    `check` is called every few rows; what it raises ends it. Raises `CriteriaError`.
    """
    collation = Collation()
    groups = [[_test(one, columns, collation) for one in group] for group in criteria.groups]
    meant: list[T] = []
    for start in range(0, len(rows), _ROWS_BETWEEN):
        check()
        some = rows[start : start + _ROWS_BETWEEN]
        meant += [row for row in some if all(any(test(row) for test in group) for group in groups)]
    for order in reversed(criteria.sort_orders):
        column = _column(order.field, f"{order.key}[field]", columns)
        meant.sort(key=_sort_key(column, collation), reverse=order.direction == "DESC")
    if criteria.page_size is None:
        return meant, len(meant)
    start = ((criteria.current_page or 1) - 1) * criteria.page_size
    return meant[start : start + criteria.page_size], len(meant)


def _column(name: str, key: str, columns: Mapping[str, Column[T]]) -> Column[T]:
    found = columns.get(name)
    if found is None:
        raise CriteriaError(key, f"{name!r} is none of {', '.join(columns)}")
    return found


def _sort_key(column: Column[T], collation: Collation) -> Callable[[T], tuple[bool, Any]]:
    def key(row: T) -> tuple[bool, Any]:
        value = column.get(row)
        return (value is not None, collation.comparable(value))

    return key


def _test(one: Filter, columns: Mapping[str, Column[T]], collation: Collation) -> Test[T]:
    column = _column(one.field, f"{one.key}[field]", columns)
    get = column.get
    if one.condition_type == "null":
        return lambda row: get(row) is None
    if one.condition_type == "notnull":
        return lambda row: get(row) is not None
    holds = _condition(one, column, collation)

    def test(row: T) -> bool:
        value = get(row)
        return value is not None and holds(value)

    return test


def _condition(one: Filter, column: Column[T], collation: Collation) -> Callable[[Any], bool]:
    letters, comparable = collation.letters, collation.comparable
    kind, text, show = one.condition_type, one.value, column.show
    if kind in {"like", "nlike"}:
        if len(text) > LONGEST_PATTERN:
            message = f"a pattern has at most {LONGEST_PATTERN} characters"
            raise CriteriaError(f"{one.key}[value]", message)
        pattern, wanted = Like(letters(text)), kind == "like"
        return lambda value: pattern.matches(letters(show(value))) == wanted
    if kind in {"finset", "nfinset"}:
        part, wanted = comparable(text), kind == "finset"
        return lambda value: (part in map(comparable, show(value).split(","))) == wanted
    if kind in {"in", "nin"}:
        some = {comparable(_read(column, part, one)) for part in split_list(text)}
        wanted = kind == "in"
        return lambda value: (comparable(value) in some) == wanted
    operand = comparable(_read(column, text, one))
    compare = _COMPARISONS[kind]
    return lambda value: compare(comparable(value), operand)


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
