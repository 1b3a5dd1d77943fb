"""Counts that stop somewhere, for people."""

from __future__ import annotations


def shown_count(number: int, *, exact: bool) -> str:
    """Return a count as it is said; not `exact`, there are more than these.

    >>> shown_count(2000, exact=True), shown_count(100_000, exact=False)
    ('2,000', 'more than 100,000')
    """
    return f"{number:,}" if exact else f"more than {number:,}"


def counted(number: int, noun: str, *, plural: str = "", exact: bool = True) -> str:
    """Return a number with what it counts: ``1 attempt``, ``2,000 attempts``.

    Not `exact`, there are more: ``more than 100,000 attempts``. `plural` is given where it is not
    made with an s.
    """
    several = plural or f"{noun}s"
    return f"{shown_count(number, exact=exact)} {noun if number == 1 and exact else several}"
