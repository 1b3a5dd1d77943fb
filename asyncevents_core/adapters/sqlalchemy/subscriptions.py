"""Subscriptions, their epoch, and what they keep encrypted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from asyncevents_core.adapters.sqlalchemy.schema import subscription
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked
from asyncevents_core.adapters.sqlalchemy.subscription_rows import (
    ENCRYPTED,
    streak_values,
    subscription_values,
    to_streak,
    to_subscription,
    to_summary,
    tokens_of,
)
from asyncevents_core.domain.failing import Streak
from asyncevents_core.domain.subscription import (
    FilterCounts,
    NewSubscription,
    Subscription,
    SubscriptionColumn,
    SubscriptionFilter,
    SubscriptionOrder,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.errors import SecretKeysError
from asyncevents_core.ports.ledger.subscriptions import (
    KeptSecret,
    KeptStreak,
    KeyAge,
    Subscriptions,
    SubscriptionsView,
    SubscriptionTotals,
)

_SUMMARY: Final = [
    subscription.c[name]
    for name in (
        *("id", "event_name", "sink", "target", "tenant", "status"),
        *("created_at", "modified_at"),
        *("failures", "failing_since", "failing_error", "warned_at"),
    )
]
_STREAK_NAMES: Final = ("failures", "failing_since", "failing_error", "warned_at")
_STREAKS: Final = [subscription.c[name] for name in ("id", "status", "modified_at", *_STREAK_NAMES)]
_COLUMNS: Final = {SubscriptionColumn.SUBSCRIBED_AT: "created_at"}
"""Columns that are called otherwise here."""
_UNDELETED: Final = (
    select(subscription)
    .where(subscription.c.status != SubscriptionStatus.DELETED.value)
    .order_by(subscription.c.id)
)
_FAILING: Final = (
    subscription.c.failures > 0,
    subscription.c.status == SubscriptionStatus.ENABLED.value,
)
_WARNED: Final = and_(subscription.c.failures > 0, subscription.c.warned_at.is_not(None))
_TOTALS: Final = select(
    func.count(case((_WARNED, 1))).label("warned"),
    func.sum(subscription.c.filtered).label("filtered"),
    func.sum(subscription.c.filter_failed).label("failed"),
).where(subscription.c.status == SubscriptionStatus.ENABLED.value)
_WORST_FIRST: Final = (KeyAge.MISSING, KeyAge.OLDER, KeyAge.NEWEST)
_KEPT: Final = (
    select(subscription.c.id, *ENCRYPTED)
    .where(or_(*(column.is_not(None) for column in ENCRYPTED)))
    .order_by(subscription.c.id)
)


class SqlSubscriptions(Noun, Subscriptions):
    """See `Subscriptions`."""

    def epoch(self) -> int:
        return self._sql.epoch()

    def all(self) -> Sequence[Subscription]:
        found = self._sql.execute(_UNDELETED)
        return [to_subscription(row, self._sql.cipher) for row in found]

    def changed(self, *, since: int) -> Sequence[Subscription]:
        statement = (
            select(subscription).where(subscription.c.epoch > since).order_by(subscription.c.id)
        )
        found = self._sql.execute(statement)
        return [to_subscription(row, self._sql.cipher) for row in found]

    def status(self, subscription_id: int) -> SubscriptionStatus | None:
        statement = select(subscription.c.status).where(subscription.c.id == subscription_id)
        status = self._sql.execute(statement).scalar_one_or_none()
        return None if status is None else SubscriptionStatus(status)

    def insert(self, new: NewSubscription, *, subscribed_at: int | None = None) -> int:
        at = self._sql.now() if subscribed_at is None else subscribed_at
        values = subscription_values(new, self._sql.cipher, at)
        epoch = self._sql.increment_epoch()
        result = self._sql.execute(insert(subscription), {**values, "epoch": epoch})
        key = result.inserted_primary_key
        assert key is not None  # noqa: S101 - one row, so its key is known
        return int(key[0])

    def lock_one(self, subscription_id: int) -> Subscription | None:
        statement = select(subscription).where(subscription.c.id == subscription_id)
        row = self._sql.execute(self._sql.dialect.lock_waiting(statement)).one_or_none()
        return None if row is None else to_subscription(row, self._sql.cipher)

    def update(self, subscription_id: int, new: NewSubscription) -> None:
        values = subscription_values(new, self._sql.cipher, 0)
        del values["created_at"]
        values |= {"filtered": 0, "filter_failed": 0, "filter_error": None}
        if not values["holding"]:
            # It may still have deliveries that were held before.
            del values["holding"]
        self._sql.execute(
            update(subscription)
            .where(subscription.c.id == subscription_id)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .values({**values, **self._change()})
        )

    def set_status(self, ids: Collection[int], status: SubscriptionStatus) -> None:
        values: dict[str, Any] = {"status": status.value, **self._change()}
        if status is SubscriptionStatus.DISABLED:
            values["holding"] = True
        self._sql.execute(
            update(subscription)
            .where(subscription.c.id.in_(sorted(ids)))
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .values(values)
        )

    def _change(self) -> dict[str, int]:
        """Return the columns that every change sets."""
        return {
            "epoch": self._sql.increment_epoch(),
            "modified_at": self._sql.now(),
            **streak_values(Streak()),
        }

    def lock_streaks(self, ids: Collection[int]) -> Mapping[int, KeptStreak]:
        statement = (
            select(*_STREAKS).where(subscription.c.id.in_(sorted(ids))).order_by(subscription.c.id)
        )
        return {
            row.id: KeptStreak(
                status=SubscriptionStatus(row.status),
                modified_at=row.modified_at,
                streak=to_streak(row),
            )
            for row in self._sql.execute(self._sql.dialect.lock(statement))
        }

    def set_streaks(self, streaks: Mapping[int, Streak]) -> None:
        if streaks:
            statement = update(subscription).where(subscription.c.id == bindparam("id_"))
            self._sql.execute(
                statement.values({name: bindparam(name) for name in _STREAK_NAMES}),
                [{"id_": id_, **streak_values(one)} for id_, one in sorted(streaks.items())],
            )

    def add_filter_counts(self, counts: Mapping[int, FilterCounts]) -> set[int]:
        columns = subscription.c
        statement = select(columns.id).where(columns.id.in_(sorted(counts))).order_by(columns.id)
        free = set(self._sql.execute(self._sql.dialect.lock(statement)).scalars())
        if free:
            self._sql.execute(
                update(subscription)
                .where(columns.id == bindparam("id_"))
                .values(
                    filtered=columns.filtered + bindparam("more_filtered"),
                    filter_failed=columns.filter_failed + bindparam("more_failed"),
                    filter_error=func.coalesce(bindparam("error"), columns.filter_error),
                ),
                [
                    {
                        "id_": id_,
                        "more_filtered": counts[id_].filtered,
                        "more_failed": counts[id_].failed,
                        "error": counts[id_].error,
                    }
                    for id_ in sorted(free)
                ],
            )
        return free

    def still_disabled(self, ids: Collection[int]) -> set[int]:
        statement = (
            select(subscription.c.id)
            .where(subscription.c.id.in_(sorted(ids)))
            .where(subscription.c.status == SubscriptionStatus.DISABLED.value)
            .order_by(subscription.c.id)
        )
        return set(self._sql.execute(self._sql.dialect.share(statement)).scalars())

    def holding(self) -> Sequence[int]:
        statement = (
            select(subscription.c.id)
            .where(subscription.c.holding.is_(True))
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .order_by(subscription.c.id)
        )
        return list(self._sql.execute(statement).scalars())

    def stop_holding(self, subscription_id: int) -> None:
        self._sql.execute(
            update(subscription)
            .where(subscription.c.id == subscription_id)
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .values(holding=False)
        )

    def renew_secrets(self, ids: Collection[int]) -> set[int]:
        renewed: set[int] = set()
        for some in chunked(sorted(ids)):
            found = self._sql.execute(_KEPT.where(subscription.c.id.in_(some)))
            renewed |= {row.id for row in found.all() if self._renew(row)}
        return renewed

    def _renew(self, row: Row[Any]) -> bool:
        tokens = tokens_of(row)
        try:
            made = {name: self._sql.cipher.renew(token) for name, token in tokens.items()}
        except SecretKeysError:
            return False
        changed = {name: token for name, token in made.items() if token != tokens[name]}
        if not changed:
            return False
        # Nothing is locked before: what another transaction wrote meanwhile is not overwritten.
        unchanged = [subscription.c[name] == tokens[name] for name in changed]
        statement = update(subscription).where(subscription.c.id == row.id, *unchanged)
        return self._sql.execute(statement.values(changed)).rowcount == 1


class SqlSubscriptionsView(Noun, SubscriptionsView):
    """See `SubscriptionsView`."""

    def all(self) -> Sequence[Subscription]:
        return self._read(_UNDELETED)

    def first(self, *, limit: int, of_tenants: bool = False) -> Sequence[Subscription]:
        statement = _UNDELETED.limit(limit)
        if of_tenants:
            statement = statement.where(subscription.c.tenant.is_not(None))
        return self._read(statement)

    def _read(self, statement: Select[Any]) -> Sequence[Subscription]:
        return [to_subscription(row, self._sql.cipher) for row in self._sql.execute(statement)]

    def get(self, subscription_id: int) -> Subscription | None:
        statement = select(subscription).where(subscription.c.id == subscription_id)
        row = self._sql.execute(statement).one_or_none()
        return None if row is None else to_subscription(row, self._sql.cipher)

    def summaries(self) -> Sequence[SubscriptionSummary]:
        statement = (
            select(*_SUMMARY)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .order_by(subscription.c.id)
        )
        return [to_summary(row) for row in self._sql.execute(statement)]

    def page(
        self, wanted: SubscriptionFilter, order: SubscriptionOrder, *, limit: int, offset: int
    ) -> Sequence[SubscriptionSummary]:
        name = _COLUMNS.get(order.column, order.column.value)
        column = subscription.c[name]
        statement = (
            select(*_SUMMARY)
            .where(*_meant(wanted))
            .order_by(column.desc() if order.descending else column, subscription.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        return [to_summary(row) for row in self._sql.execute(statement)]

    def matching(
        self, wanted: SubscriptionFilter, *, after: int, limit: int
    ) -> Sequence[Subscription]:
        columns = subscription.c
        statement = (
            select(subscription)
            .where(*_meant(wanted), columns.id > after)
            .order_by(columns.id)
            .limit(limit)
        )
        return [to_subscription(row, self._sql.cipher) for row in self._sql.execute(statement)]

    def count(self, wanted: SubscriptionFilter) -> int:
        statement = select(func.count()).select_from(subscription).where(*_meant(wanted))
        return int(self._sql.execute(statement).scalar_one())

    def ids_of(self, tenant: str) -> Sequence[int]:
        statement = select(subscription.c.id).where(subscription.c.tenant == tenant)
        return list(self._sql.execute(statement).scalars())

    def sinks_in_use(self) -> set[str]:
        statement = (
            select(subscription.c.sink)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .distinct()
        )
        return set(self._sql.execute(statement).scalars())

    def epoch(self) -> int:
        return self._sql.epoch()

    def patterns_with(self, part: str) -> Sequence[str]:
        statement = (
            select(subscription.c.event_name)
            .where(subscription.c.event_name.contains(part, autoescape=True))
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .distinct()
        )
        return list(self._sql.execute(statement).scalars())

    def failing(self) -> set[int]:
        return set(self._sql.execute(select(subscription.c.id).where(*_FAILING)).scalars())

    def totals(self) -> SubscriptionTotals:
        row = self._sql.execute(_TOTALS).one()
        # Sums are decimals on some databases, and NULL where there is no row.
        return SubscriptionTotals(
            warned=row.warned, filtered=int(row.filtered or 0), filter_failed=int(row.failed or 0)
        )

    def kept_secrets(self, *, after: int, limit: int) -> Sequence[KeptSecret]:
        statement = _KEPT.where(subscription.c.id > after).limit(limit)
        return [
            KeptSecret(
                subscription_id=row.id,
                key=min(map(self._sql.cipher.age, tokens_of(row).values()), key=_WORST_FIRST.index),
            )
            for row in self._sql.execute(statement)
        ]


def _meant(wanted: SubscriptionFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter."""
    columns = subscription.c
    given: list[ColumnElement[bool]] = [columns.status != SubscriptionStatus.DELETED.value]
    for column, part in ((columns.event_name, wanted.event_name), (columns.target, wanted.target)):
        if part is not None:
            given.append(func.lower(column).contains(part.lower(), autoescape=True))
    for column, value in ((columns.sink, wanted.sink), (columns.tenant, wanted.tenant)):
        if value is not None:
            given.append(column == value)
    if wanted.status is not None:
        given.append(columns.status == wanted.status.value)
    if wanted.since is not None:
        given.append(columns.created_at >= wanted.since)
    if wanted.until is not None:
        given.append(columns.created_at < wanted.until)
    return given
