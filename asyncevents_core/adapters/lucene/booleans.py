"""AND, OR, NOT, + and - on one level, with the meaning that Lucene's classic parser gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field
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
    must = [one[3] for one, needed in zip(found, required, strict=True) if needed]
    must_not = [one[3] for one in found if one[2]]
    should = [
        one[3] for one, needed in zip(found, required, strict=True) if not needed and not one[2]
    ]
    if any(isinstance(one, MatchAll) for one in must_not):
        return MatchNone()
    if not must_not and len(must) + len(should) == 1:
        return (must + should)[0]
    return _flat(must, should, must_not)


def depth(query: Query) -> int:
    """Return how many levels of AND, OR and NOT are in each other."""
    if not isinstance(query, BooleanQuery):
        return 0
    return 1 + max(map(depth, (*query.must, *query.should, *query.must_not)), default=0)


def _flat(must: list[Query], should: list[Query], must_not: list[Query]) -> BooleanQuery:
    """Return a query without levels that make no difference: ``a OR (b OR c)``, NOT NOT."""
    clauses = _Clauses()
    for one in must:
        clauses.require(one)
    for one in must_not:
        clauses.prohibit(one)
    options = tuple(option for one in should for option in _options(one))
    if must and not clauses.must:
        # What must match was all NOT: without it, one of the rest would have to match.
        options = ()
    elif options and clauses.must and not must:
        # NOT NOT would take from the rest that one of it has to match.
        return BooleanQuery(should=options, must_not=tuple(must_not))
    return BooleanQuery(must=tuple(clauses.must), should=options, must_not=tuple(clauses.must_not))


@define
class _Clauses:
    """What must match and what must not, without a level below that is the same."""

    must: list[Query] = field(factory=list)
    must_not: list[Query] = field(factory=list)

    def require(self, query: Query) -> None:
        """Add what must match."""
        if not isinstance(query, BooleanQuery):
            self.must.append(query)
            return
        for one in query.must:
            self.require(one)
        if query.should and not query.must:
            self.must.append(BooleanQuery(should=query.should))
        for one in query.must_not:
            self.prohibit(one)

    def prohibit(self, query: Query) -> None:
        """Add what must not match."""
        if isinstance(query, BooleanQuery) and not query.must and not query.should:
            # None of them may be missing altogether.
            some = query.must_not
            self.require(some[0] if len(some) == 1 else BooleanQuery(should=some))
            return
        for one in _options(query):
            if one is query:
                self.must_not.append(one)
            else:
                self.prohibit(one)


def _options(query: Query) -> tuple[Query, ...]:
    """Return queries of which one has to match."""
    if isinstance(query, BooleanQuery) and not query.must and not query.must_not:
        return query.should
    return (query,)
