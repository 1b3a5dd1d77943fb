"""A query within a filter of the log."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    Bound,
    ExactQuery,
    MatchNone,
    Query,
    RangeQuery,
    TermQuery,
)
from asyncevents_core.domain.trace import LogFilter


def narrowed(query: Query, wanted: LogFilter, subscriptions: Collection[int] | None) -> Query:
    """Return the query for what both it and the filter mean.

    `subscriptions` are those of the filter's tenant: their ids, since `tenant` of a document is
    the event's.
    """
    conditions = list(_conditions(wanted))
    if subscriptions is not None:
        conditions.append(_one_of(subscriptions))
    if not conditions:
        return query
    return BooleanQuery(must=(query, *conditions))


def _conditions(wanted: LogFilter) -> Iterator[Query]:
    if wanted.subscription_id is not None:
        yield TermQuery(field="subscription_id", text=str(wanted.subscription_id))
    if wanted.event_name is not None:
        # A term would also be found among the words of longer names, and in any case.
        yield ExactQuery(field="event_name", text=wanted.event_name)
    if wanted.delivered is not None:
        yield TermQuery(field="success", text=str(wanted.delivered).lower())
    if wanted.since is not None or wanted.until is not None:
        yield RangeQuery(
            field="started_at",
            lower=_instant(wanted.since, inclusive=True),
            upper=_instant(wanted.until, inclusive=False),
        )


def _instant(at: int | None, *, inclusive: bool) -> Bound | None:
    if at is None:
        return None
    return Bound(text=to_datetime(at).isoformat(timespec="microseconds"), inclusive=inclusive)


def _one_of(subscriptions: Collection[int]) -> Query:
    """Return the query for these ids; neighbours as ranges, so that many stay a small query."""
    if not subscriptions:
        return MatchNone()
    return BooleanQuery(
        should=tuple(
            RangeQuery(
                field="subscription_id",
                lower=Bound(text=str(first), inclusive=True),
                upper=Bound(text=str(last), inclusive=True),
            )
            for first, last in _runs(sorted(subscriptions))
        )
    )


def _runs(ids: list[int]) -> Iterator[tuple[int, int]]:
    first = last = ids[0]
    for one in ids[1:]:
        if one != last + 1:
            yield first, last
            first = one
        last = one
    yield first, last
