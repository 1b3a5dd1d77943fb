"""Row operations on subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.schema import subscription
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionStatus,
)


class SubscriptionRows(Statements):
    """Subscriptions. See `LedgerTransaction`. `cipher` encrypts their secrets."""

    def __init__(
        self,
        connection: Connection,
        dialect: SqlDialect,
        offset: Callable[[], int],
        cipher: Cipher,
    ) -> None:
        super().__init__(connection, dialect, offset)
        self._cipher = cipher

    def subscriptions(self) -> Sequence[Subscription]:
        statement = (
            select(subscription)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .order_by(subscription.c.id)
        )
        found = self._connection.execute(statement)
        return [rows.to_subscription(row, self._cipher) for row in found]

    def changed_subscriptions(self, *, since: int) -> Sequence[Subscription]:
        statement = (
            select(subscription).where(subscription.c.epoch > since).order_by(subscription.c.id)
        )
        found = self._connection.execute(statement)
        return [rows.to_subscription(row, self._cipher) for row in found]

    def subscription_status(self, subscription_id: int) -> SubscriptionStatus | None:
        statement = select(subscription.c.status).where(subscription.c.id == subscription_id)
        status = self._connection.execute(statement).scalar_one_or_none()
        return None if status is None else SubscriptionStatus(status)

    def insert_subscription(self, new: NewSubscription) -> int:
        values = rows.subscription_values(new, self._cipher, self.now())
        epoch = self._increment_epoch()
        result = self._connection.execute(insert(subscription), {**values, "epoch": epoch})
        key = result.inserted_primary_key
        assert key is not None  # noqa: S101 - one row, so its key is known
        return int(key[0])

    def lock_subscription(self, subscription_id: int) -> Subscription | None:
        statement = select(subscription).where(subscription.c.id == subscription_id)
        row = self._connection.execute(self._dialect.lock_waiting(statement)).one_or_none()
        return None if row is None else rows.to_subscription(row, self._cipher)

    def update_subscription(self, subscription_id: int, new: NewSubscription) -> None:
        values = rows.subscription_values(new, self._cipher, 0)
        del values["created_at"]
        if not values["holding"]:
            # It may still have deliveries that were held before.
            del values["holding"]
        self._connection.execute(
            update(subscription)
            .where(subscription.c.id == subscription_id)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .values({**values, "epoch": self._increment_epoch()})
        )

    def set_subscription_status(self, ids: Collection[int], status: SubscriptionStatus) -> None:
        values: dict[str, Any] = {"status": status.value, "epoch": self._increment_epoch()}
        if status is SubscriptionStatus.DISABLED:
            values["holding"] = True
        self._connection.execute(
            update(subscription)
            .where(subscription.c.id.in_(sorted(ids)))
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .values(values)
        )

    def still_disabled(self, ids: Collection[int]) -> set[int]:
        statement = (
            select(subscription.c.id)
            .where(subscription.c.id.in_(sorted(ids)))
            .where(subscription.c.status == SubscriptionStatus.DISABLED.value)
            .order_by(subscription.c.id)
        )
        return set(self._connection.execute(self._dialect.share(statement)).scalars())

    def holding(self) -> Sequence[int]:
        statement = (
            select(subscription.c.id)
            .where(subscription.c.holding.is_(True))
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .order_by(subscription.c.id)
        )
        return list(self._connection.execute(statement).scalars())

    def stop_holding(self, subscription_id: int) -> None:
        self._connection.execute(
            update(subscription)
            .where(subscription.c.id == subscription_id)
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .values(holding=False)
        )
