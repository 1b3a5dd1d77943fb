"""Statistics: attempts counted, each time by one query that reads so many at most.

The attempts come first, from the index of their starts, in a subquery with a limit; whatever else
is needed is looked up for those. So no filter leads to another plan than none, and what it takes
does not grow with the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen
from sqlalchemy import (
    ColumnElement,
    FromClause,
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

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.schema import (
    ATTEMPTS_BY_START,
    attempt,
    delivery,
    event,
    subscription,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.histogram import Buckets, Histogram
from asyncevents_core.domain.instant import NIL
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.statistics import (
    MINUTE,
    TIME_BOUNDS,
    LatestOutcomes,
    Minute,
    SubscriptionFigures,
    Times,
)
from asyncevents_core.domain.trace import Fate, LogFilter, fate_of
from asyncevents_core.ports.ledger.statistics import (
    COUNTED_BY_MINUTE,
    COUNTED_FOR_HEALTH,
    COUNTED_IN_LOG,
    COUNTED_LATELY,
    StatisticsView,
)

_NO_TIME: Final = -1
_DELIVERED: Final = OutcomeKind.DELIVERED.value
_OF_DELIVERY: Final = (
    *("id", "event_id", "subscription_id", "state"),
    *("claims", "replay_request", "created_at"),
)
_OF_EVENT: Final = ("name", "created_at")
_OF_SUBSCRIPTION: Final = ("event_name", "sink", "target", "tenant")


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
        start = attempt.c.started_at
        newest = _Newest.of(self._sql.dialect, most, start >= first, start < until)
        found = self._sql.execute(_by_minute(newest, tenant)).all()
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
        newest = _Newest.of(self._sql.dialect, most)
        number = newest.delivery.c.subscription_id
        failed = case((newest.attempt.c.outcome == _DELIVERED, 0), else_=1)
        # The same for all rows of a group. Grouped first and then joined, MariaDB would read all
        # attempts again for each subscription.
        same = [
            func.min(newest.subscription.c[name]).label(name)
            for name in ("event_name", "sink", "target")
        ]
        statement = (
            newest.joined(
                select(
                    number,
                    *same,
                    func.count().label("attempts"),
                    func.sum(failed).label("failures"),
                    func.avg(newest.attempt.c.duration).label("mean_duration"),
                    func.max(newest.attempt.c.duration).label("longest_duration"),
                ),
                subscriptions=True,
            )
            .where(newest.of_tenant(tenant))
            .group_by(number)
            .order_by(number)
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
        most: int = COUNTED_FOR_HEALTH,
    ) -> LatestOutcomes:
        newest = _Newest.of(self._sql.dialect, most, attempt.c.started_at >= since)
        number = newest.delivery.c.subscription_id
        newest_first = (newest.attempt.c.started_at.desc(), newest.attempt.c.id.desc())
        place = func.row_number().over(partition_by=number, order_by=newest_first)
        numbered = (
            newest.joined(select(number, newest.attempt.c.outcome, place.label("place")))
            .where(number.in_(sorted(subscription_ids)))
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
        some = select(attempt.c.id).where(attempt.c.started_at >= since).limit(most).subquery()
        read = self._sql.execute(select(func.count()).select_from(some)).scalar_one()
        return LatestOutcomes(by_subscription=dict(found), complete=read < most)

    def log_histogram(
        self, wanted: LogFilter, buckets: Buckets, *, most: int = COUNTED_IN_LOG
    ) -> Histogram:
        start = attempt.c.started_at
        newest = _Newest.of(self._sql.dialect, most, start >= buckets.since, start < buckets.until)
        begun = newest.attempt.c.started_at
        since: ColumnElement[int] = literal_column(str(buckets.since))
        rows = newest.joined(
            select(
                (begun - (begun - since) % buckets.width).label("at"),
                begun,
                case((newest.attempt.c.outcome == _DELIVERED, 1), else_=0).label("delivered"),
                case((newest.meant(wanted), 1), else_=0).label("meant"),
            ),
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


@frozen(kw_only=True)
class _Newest:
    """The newest attempts as a table, with what is looked up for each of them.

    Each of the others comes with the condition to join it on.
    """

    attempt: Subquery
    delivery: FromClause
    event: FromClause
    subscription: FromClause
    _on_delivery: ColumnElement[bool]
    _on_event: ColumnElement[bool]
    _on_subscription: ColumnElement[bool]

    @classmethod
    def of(cls, dialect: SqlDialect, most: int, *conditions: ColumnElement[bool]) -> _Newest:
        """Return so many attempts that fulfil the conditions, which are on their start."""
        wanted = ("id", "delivery_id", "claim_no", "outcome", "started_at", "duration")
        statement = select(*(attempt.c[one] for one in wanted)).where(*conditions)
        newest_first = (attempt.c.started_at.desc(), attempt.c.id.desc())
        ordered = dialect.by_index(statement, attempt, ATTEMPTS_BY_START).order_by(*newest_first)
        newest = ordered.limit(most).subquery("newest")
        its, on_its = dialect.looked_up(delivery, newest.c.delivery_id, _OF_DELIVERY)
        of, on_of = dialect.looked_up(event, its.c.event_id, _OF_EVENT)
        to, on_to = dialect.looked_up(subscription, its.c.subscription_id, _OF_SUBSCRIPTION)
        return cls(
            attempt=newest,
            delivery=its,
            event=of,
            subscription=to,
            on_delivery=on_its,
            on_event=on_of,
            on_subscription=on_to,
        )

    def joined(
        self,
        statement: Select[Any],
        *,
        deliveries: bool = True,
        events: bool = False,
        subscriptions: bool = False,
    ) -> Select[Any]:
        """Select from the attempts and what else is looked at."""
        if not (deliveries or events or subscriptions):
            return statement.select_from(self.attempt)
        joined = statement.join_from(self.attempt, self.delivery, self._on_delivery)
        if events:
            joined = joined.join(self.event, self._on_event)
        if subscriptions:
            joined = joined.join(self.subscription, self._on_subscription)
        return joined

    def of_tenant(self, tenant: str | None) -> ColumnElement[bool]:
        """Return the condition on a subscription that is joined where there is a tenant."""
        return true() if tenant is None else self.subscription.c.tenant == tenant

    def meant(self, wanted: LogFilter) -> ColumnElement[bool]:
        """Return the condition that a filter means an attempt, whenever it was."""
        conditions = [self.of_tenant(wanted.tenant)]
        if wanted.subscription_id is not None:
            conditions.append(self.delivery.c.subscription_id == wanted.subscription_id)
        if wanted.event_name is not None:
            conditions.append(self.event.c.name == wanted.event_name)
        if wanted.delivered is not None:
            outcomes = [one.value for one in OutcomeKind if wanted.fits(one)]
            conditions.append(self.attempt.c.outcome.in_(outcomes))
        return and_(*conditions)


def _by_minute(newest: _Newest, tenant: str | None) -> Select[Any]:
    begun, its = newest.attempt.c.started_at, newest.delivery.c
    published = case((its.replay_request == NIL, newest.event.c.created_at), else_=its.created_at)
    took = begun - published + newest.attempt.c.duration * 1_000_000
    delivered = newest.attempt.c.outcome == _DELIVERED
    rows = newest.joined(
        select(
            (begun - begun % MINUTE).label("minute"),
            newest.attempt.c.outcome,
            its.state,
            case((its.claims == newest.attempt.c.claim_no, 1), else_=0).label("newest"),
            case((delivered, _bucket_of(took)), else_=_NO_TIME).label("took"),
            # Those of others are counted, too: so it is known whether all were read.
            case((newest.of_tenant(tenant), 1), else_=0).label("meant"),
        ),
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
