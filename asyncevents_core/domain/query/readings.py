"""What a value or a bound reads as: a number, a date, a text."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from asyncevents_core.domain.query.dates import span
from asyncevents_core.domain.query.fields import FIELDS, FieldKind
from asyncevents_core.domain.query.leaves import Scalar
from asyncevents_core.domain.query.nodes import RangeQuery

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_LONGEST_NUMBER: Final = 4300
"""Python reads no longer whole number."""
_LONGEST_DATE: Final = 35
_LARGEST_EXPONENT: Final = 4000
_LONGEST_DURATION: Final = Decimal(10**12)


def text_of(value: Scalar) -> str:
    """Return a value as text: itself, ``true`` or ``false``, a number as JSON writes it.

    >>> text_of(True), text_of(42), text_of(9.5)
    ('true', '42', '9.5')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def number_of(value: Scalar) -> Decimal | None:
    """Return a value's number, exactly; that of a text too that is written as JSON writes one.

    >>> number_of("9.90"), number_of(42), number_of("007"), number_of(True)
    (Decimal('9.90'), Decimal('42'), None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or _NUMBER.fullmatch(value) is None:
            return None
        number = Decimal(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            return None
        number = Decimal(repr(value))
    else:
        number = Decimal(value)
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        return None
    return number


def digits_of(number: Decimal) -> int:
    """Return how many digits a number has, without zeros at its ends.

    >>> digits_of(Decimal("-12.50")), digits_of(Decimal("1e45"))
    (3, 1)
    """
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))


def microseconds(seconds: float | str) -> int:
    """Return seconds, as a number or as one is written, as the nearest whole microseconds.

    Durations and what they are compared with are rounded alike: what the log shows is found.
    Durations that no attempt can have are all the same. Raises `ValueError` for what is no number.

    >>> microseconds(0.25), microseconds("0.0000014"), microseconds("1e300")
    (250000, 1, 1000000000000000000)
    """
    number = number_of(seconds)
    if number is None:
        raise ValueError(f"not a number: {seconds!r}")
    nearest = max(-_LONGEST_DURATION, min(number, _LONGEST_DURATION))
    if isinstance(seconds, float):
        # A float is written with 17 digits at most, which a Decimal multiplies exactly.
        return int((nearest * 1_000_000).to_integral_value(ROUND_HALF_EVEN))
    return round(Fraction(nearest) * 1_000_000)


def number_in(field: str, text: str) -> int:
    """Return what a text means in one of `NUMBERS` that is no date, as an index keeps it.

    >>> number_in("http_status", "503"), number_in("duration", "0.25")
    (503, 250000)
    """
    return microseconds(text) if FIELDS[field] is FieldKind.SECONDS else int(text)


def date_of(value: Scalar) -> int | None:
    """Return the instant (µs since the epoch) that a text tells in ISO 8601; UTC without a zone.

    A date without a time is its first instant.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_DATE or len(value) < 10:
        return None
    if value[4] != "-" or _DATE.fullmatch(value) is None:
        return None
    found = span(value)
    return None if found is None else found.start


def truth_of(text: str) -> bool | None:
    """Read ``true`` or ``false``, in any case."""
    return {"true": True, "false": False}.get(text.lower())


def number_bounds(query: RangeQuery) -> tuple[Decimal | None, Decimal | None] | None:
    """Return a range's ends as numbers; None unless all that are given read as numbers."""
    if not all(number_of(one.text) is not None for one in query.bounds):
        return None
    lower, upper = query.lower, query.upper
    return (
        None if lower is None else number_of(lower.text),
        None if upper is None else number_of(upper.text),
    )


def date_bounds(query: RangeQuery) -> tuple[int | None, int | None] | None:
    """Return a range as the instants from the first to before the second, in microseconds.

    None unless all bounds that are given read as dates. Rounding is Elasticsearch's: see
    `asyncevents_core.domain.query.dates`.
    """
    start = end = None
    if query.lower is not None:
        found = span(query.lower.text)
        if found is None:
            return None
        start = found.start if query.lower.inclusive else found.end
    if query.upper is not None:
        found = span(query.upper.text)
        if found is None:
            return None
        end = found.end if query.upper.inclusive else found.start
    return start, end
