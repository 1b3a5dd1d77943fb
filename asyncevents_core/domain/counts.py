"""Counts that stop somewhere, for people."""

from __future__ import annotations


def shown_count(number: int, *, exact: bool) -> str:
    """Return a count as it is said; not `exact`, there are more than these.

    >>> shown_count(2000, exact=True), shown_count(100_000, exact=False)
    ('2,000', 'more than 100,000')
    """
    return f"{number:,}" if exact else f"more than {number:,}"
