"""Statistics: attempts counted, each time by one query that reads so many at most.

The attempts come first, from the index of their starts, in a subquery with a limit; whatever else
is needed is joined to those. So a filter does not lead to other plans than none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal_column,
    select,
    true,
)

from asyncevents_core.adapters.sqlalchemy.log import log_conditions
from asyncevents_core.adapters.sqlalchemy.schema import attempt, delivery, event, subscription
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.histogram import Buckets, Histogram
from asyncevents_core.domain.instant import NIL
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.statistics import (
    MINUTE,
    TIME_BOUNDS,
    Minute,
    SubscriptionFigures,
    Times,
)
from asyncevents_core.domain.trace import Fate, LogFilter, fate_of
from asyncevents_core.ports.ledger.statistics import (
    COUNTED_BY_MINUTE,
    COUNTED_IN_LOG,
    COUNTED_LATELY,
    StatisticsView,
)

_NO_TIME: Final = -1
_DELIVERED: Final = OutcomeKind.DELIVERED.value


class SqlStatisticsView(Noun, StatisticsView):
    """See `StatisticsView`."""

    def minutes(
        self,
        *,
        since: int,
        until: int,
        tenant: str | None = None,
        most: int = COUNTED_BY_MINUTE,
    ) -> Sequence[Minute]:
        first = since - since % MINUTE
        found = self._sql.execute(_minutes(first, until, tenant, most)).all()
        read = sum(row.attempts for row in found)
        by_minute: defaultdict[int, list[Row[Any]]] = defaultdict(list)
        for row in found:
            by_minute[row.minute].append(row)
        cut = min(by_minute) if read == most else None
        last = until - 1 - (until - 1) % MINUTE
        if cut is not None:
            # Of this one the oldest attempts are missing.
            first = min(cut + MINUTE, last)
        return [
            _to_minute(at, by_minute[at], exact=at != cut)
            for at in range(first, last + MINUTE, MINUTE)
        ]

    def subscriptions_lately(
        self, *, tenant: str | None = None, most: int = COUNTED_LATELY
    ) -> Sequence[SubscriptionFigures]:
        newest = _newest(most)
        failed = case((newest.c.outcome == _DELIVERED, 0), else_=1)
        # The same for all rows of a group. Grouped first and then joined, MariaDB would read all
        # attempts again for each subscription.
        same = [
            func.min(subscription.c[name]).label(name) for name in ("event_name", "sink", "target")
        ]
        statement = (
            _joined(
                select(
                    delivery.c.subscription_id,
                    *same,
                    func.count().label("attempts"),
                    func.sum(failed).label("failures"),
                    func.avg(newest.c.duration).label("mean_duration"),
                    func.max(newest.c.duration).label("longest_duration"),
                ),
                newest,
                subscriptions=True,
            )
            .where(_of_tenant(tenant))
            .group_by(delivery.c.subscription_id)
            .order_by(delivery.c.subscription_id)
        )
        return [
            SubscriptionFigures(
                subscription_id=row.subscription_id,
                event_name=row.event_name,
                sink=row.sink,
                target=row.target,
                attempts=row.attempts,
                failures=int(row.failures),
                mean_duration=float(row.mean_duration),
                longest_duration=row.longest_duration,
            )
            for row in self._sql.execute(statement)
        ]

    def health(
        self,
        subscription_ids: Collection[int],
        *,
        since: int,
        each: int = 100,
        most: int = COUNTED_LATELY,
    ) -> Mapping[int, Sequence[OutcomeKind]]:
        newest = _newest(most, attempt.c.started_at >= since)
        newest_first = (newest.c.started_at.desc(), newest.c.id.desc())
        place = func.row_number().over(
            partition_by=delivery.c.subscription_id, order_by=newest_first
        )
        numbered = (
            select(delivery.c.subscription_id, newest.c.outcome, place.label("place"))
            .join_from(newest, delivery, delivery.c.id == newest.c.delivery_id)
            .where(delivery.c.subscription_id.in_(sorted(subscription_ids)))
            .subquery()
        )
        statement = (
            select(numbered.c.subscription_id, numbered.c.outcome)
            .where(numbered.c.place <= each)
            .order_by(numbered.c.subscription_id, numbered.c.place.desc())
        )
        found: defaultdict[int, list[OutcomeKind]] = defaultdict(list)
        for row in self._sql.execute(statement):
            found[row.subscription_id].append(OutcomeKind(row.outcome))
        return dict(found)

    def log_histogram(
        self, wanted: LogFilter, buckets: Buckets, *, most: int = COUNTED_IN_LOG
    ) -> Histogram:
        start = attempt.c.started_at
        newest = _newest(most, start >= buckets.since, start < buckets.until)
        since: ColumnElement[int] = literal_column(str(buckets.since))
        meant = and_(true(), *log_conditions(wanted, newest.c.outcome), _of_tenant(wanted.tenant))
        rows = _joined(
            select(
                (newest.c.started_at - (newest.c.started_at - since) % buckets.width).label("at"),
                newest.c.started_at,
                case((newest.c.outcome == _DELIVERED, 1), else_=0).label("delivered"),
                case((meant, 1), else_=0).label("meant"),
            ),
            newest,
            deliveries=wanted.subscription_id is not None,
            events=wanted.event_name is not None,
            subscriptions=wanted.tenant is not None,
        ).subquery()
        group = (rows.c.at, rows.c.delivered, rows.c.meant)
        statement = select(
            *group, func.count().label("attempts"), func.min(rows.c.started_at).label("oldest")
        ).group_by(*group)
        found = self._sql.execute(statement).all()
        delivered, failed = (
            {row.at: row.attempts for row in found if row.meant and bool(row.delivered) is which}
            for which in (True, False)
        )
        read = sum(row.attempts for row in found)
        oldest = min(row.oldest for row in found) if read == most else buckets.since
        return Histogram(bars=buckets.bars(delivered, failed), counted_since=oldest)


def _newest(most: int, *conditions: ColumnElement[bool]) -> Subquery:
    """Return the newest attempts, as a table of their own."""
    return (
        select(
            attempt.c.id,
            attempt.c.delivery_id,
            attempt.c.claim_no,
            attempt.c.outcome,
            attempt.c.started_at,
            attempt.c.duration,
        )
        .where(*conditions)
        .order_by(attempt.c.started_at.desc(), attempt.c.id.desc())
        .limit(most)
        .subquery("newest")
    )


def _joined(
    statement: Select[Any],
    newest: Subquery,
    *,
    deliveries: bool = True,
    events: bool = False,
    subscriptions: bool = False,
) -> Select[Any]:
    """Join to the newest attempts what is looked at: their deliveries, and what those belong to."""
    if not (deliveries or events or subscriptions):
        return statement.select_from(newest)
    joined = statement.join_from(newest, delivery, delivery.c.id == newest.c.delivery_id)
    if events:
        joined = joined.join(event, event.c.id == delivery.c.event_id)
    if subscriptions:
        joined = joined.join(subscription, subscription.c.id == delivery.c.subscription_id)
    return joined


def _of_tenant(tenant: str | None) -> ColumnElement[bool]:
    """Return the condition on a subscription that is joined where there is a tenant."""
    return true() if tenant is None else subscription.c.tenant == tenant


def _minutes(since: int, until: int, tenant: str | None, most: int) -> Select[Any]:
    start = attempt.c.started_at
    newest = _newest(most, start >= since, start < until)
    published = case(
        (delivery.c.replay_request == NIL, event.c.created_at), else_=delivery.c.created_at
    )
    took = newest.c.started_at - published + newest.c.duration * 1_000_000
    rows = _joined(
        select(
            (newest.c.started_at - newest.c.started_at % MINUTE).label("minute"),
            newest.c.outcome,
            delivery.c.state,
            case((delivery.c.claims == newest.c.claim_no, 1), else_=0).label("newest"),
            case((newest.c.outcome == _DELIVERED, _bucket_of(took)), else_=_NO_TIME).label("took"),
            # Those of others are counted, too: so it is known whether all were read.
            case((_of_tenant(tenant), 1), else_=0).label("meant"),
        ),
        newest,
        events=True,
        subscriptions=tenant is not None,
    ).subquery()
    return select(*rows.c, func.count().label("attempts")).group_by(*rows.c)


def _bucket_of(
    took: ColumnElement[Any], first: int = 0, last: int = len(TIME_BOUNDS)
) -> ColumnElement[int]:
    """Return the bucket of a time, found by halves: some seven comparisons for each row."""
    if first == last:
        return literal_column(str(first))
    middle = (first + last) // 2
    bound: ColumnElement[int] = literal_column(str(TIME_BOUNDS[middle]))
    return case(
        (took < bound, _bucket_of(took, first, middle)), else_=_bucket_of(took, middle + 1, last)
    )


def _to_minute(at: int, rows: Iterable[Row[Any]], *, exact: bool) -> Minute:
    fates: defaultdict[Fate, int] = defaultdict(int)
    times: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        if not row.meant:
            continue
        outcome, state = OutcomeKind(row.outcome), DeliveryState(row.state)
        fates[fate_of(outcome, state, newest=bool(row.newest))] += row.attempts
        if row.took != _NO_TIME:
            times[row.took] += row.attempts
    return Minute(
        at=at,
        fates=MappingProxyType(dict(fates)),
        times=Times(counts=MappingProxyType(dict(times))),
        exact=exact,
    )
