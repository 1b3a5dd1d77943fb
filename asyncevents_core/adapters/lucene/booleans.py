"""AND, OR, NOT, + and - on one level, with the meaning that Lucene's classic parser gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from luqum.tree import AndOperation, BaseOperation, Not, Plus, Prohibit

from asyncevents_core.domain.query.nodes import BooleanQuery, MatchAll, MatchNone, Query

Clause = tuple[bool, Any]
"""Whether AND introduces it, and the item of luqum's tree."""


def clauses(item: Any, *, conjunct: bool = False) -> Iterator[Clause]:
    """Yield the clauses of one level in their order, without luqum's precedence of AND."""
    if not isinstance(item, BaseOperation):
        yield conjunct, item
        return
    inner = isinstance(item, AndOperation)
    for number, operand in enumerate(item.operands):
        yield from clauses(operand, conjunct=inner if number else conjunct)


def stripped(item: Any) -> tuple[Any, bool, bool]:
    """Return an item without its signs: itself, if ``+`` requires it, if ``-`` prohibits it."""
    required = prohibited = False
    while isinstance(item, Plus | Prohibit | Not):
        if isinstance(item, Plus):
            required = True
        else:
            prohibited = not prohibited
        (item,) = item.children
    return item, required and not prohibited, prohibited


def combined(found: list[tuple[bool, bool, bool, Query]]) -> Query:
    """Combine clauses: introduced by AND, required, prohibited, query.

    AND requires what stands on both of its sides; OR requires nothing. So ``a OR b AND c`` is
    ``a +b +c``: b and c must match.
    """
    required = [one[1] or (one[0] and not one[2]) for one in found]
    for number, (conjunct, _, _, _) in enumerate(found):
        if conjunct and number and not found[number - 1][2]:
            required[number - 1] = True
    must = tuple(one[3] for one, needed in zip(found, required, strict=True) if needed)
    must_not = tuple(one[3] for one in found if one[2])
    should = tuple(
        one[3] for one, needed in zip(found, required, strict=True) if not needed and not one[2]
    )
    if any(isinstance(one, MatchAll) for one in must_not):
        return MatchNone()
    if not must_not and len(must) + len(should) == 1:
        return (must + should)[0]
    return BooleanQuery(must=must, should=should, must_not=must_not)
