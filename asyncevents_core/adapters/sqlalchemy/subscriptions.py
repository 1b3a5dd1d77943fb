"""Subscriptions, their epoch, and what they keep encrypted."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, func, insert, or_, select, update

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.schema import subscription
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
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
    KeyAge,
    Subscriptions,
    SubscriptionsView,
)

_SUMMARY: Final = [
    subscription.c[name]
    for name in (
        *("id", "event_name", "sink", "target", "tenant", "status"),
        *("created_at", "modified_at"),
    )
]
_COLUMNS: Final = {SubscriptionColumn.SUBSCRIBED_AT: "created_at"}
"""Columns that are called otherwise here."""
_UNDELETED: Final = (
    select(subscription)
    .where(subscription.c.status != SubscriptionStatus.DELETED.value)
    .order_by(subscription.c.id)
)
_WORST_FIRST: Final = (KeyAge.MISSING, KeyAge.OLDER, KeyAge.NEWEST)
_ENCRYPTED: Final = (subscription.c.secret, subscription.c.options)
_KEPT: Final = (
    select(subscription.c.id, *_ENCRYPTED)
    .where(or_(*(column.is_not(None) for column in _ENCRYPTED)))
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

    def insert(self, new: NewSubscription) -> int:
        values = subscription_values(new, self._sql.cipher, self._sql.now())
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
        return {"epoch": self._sql.increment_epoch(), "modified_at": self._sql.now()}

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
        tokens = _tokens(row)
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
        return [_to_summary(row) for row in self._sql.execute(statement)]

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
        return [_to_summary(row) for row in self._sql.execute(statement)]

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

    def kept_secrets(self, *, after: int, limit: int) -> Sequence[KeptSecret]:
        statement = _KEPT.where(subscription.c.id > after).limit(limit)
        return [
            KeptSecret(
                subscription_id=row.id,
                key=min(map(self._sql.cipher.age, _tokens(row).values()), key=_WORST_FIRST.index),
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


def _to_summary(row: Row[Any]) -> SubscriptionSummary:
    return SubscriptionSummary(
        id=row.id,
        event_name=row.event_name,
        sink=row.sink,
        target=row.target,
        tenant=row.tenant,
        status=SubscriptionStatus(row.status),
        subscribed_at=row.created_at,
        modified_at=row.modified_at,
    )


def subscription_values(new: NewSubscription, cipher: Cipher, now: int) -> dict[str, Any]:
    """Return the columns of a new subscription, what is secret encrypted."""
    schedule = new.retry.schedule
    return {
        "event_name": new.event_name,
        "sink": new.sink,
        "target": new.target,
        "secret": None if new.secret is None else cipher.encrypt(new.secret),
        "tenant": new.tenant,
        "maximum_deaths": new.retry.maximum_deaths,
        "schedule": None if schedule is None else json.dumps(schedule),
        "jitter": new.retry.jitter,
        "rate_limit": new.rate_limit,
        "options": cipher.encrypt(json.dumps(dict(new.options))) if new.options else None,
        "status": new.status.value,
        "holding": new.status is SubscriptionStatus.DISABLED,
        "created_at": now,
    }


def to_subscription(row: Row[Any], cipher: Cipher) -> Subscription:
    """Read a subscription. What no key decrypts is named in its `unread`."""
    values = row._mapping
    schedule = values["schedule"]
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for name in ("secret", "options"):
        if values[name] is not None:
            try:
                texts[name] = cipher.decrypt(values[name])
            except SecretKeysError as error:
                unread[name] = str(error)
    return Subscription(
        id=values["id"],
        event_name=values["event_name"],
        sink=values["sink"],
        target=values["target"],
        secret=texts.get("secret"),
        tenant=values["tenant"],
        retry=RetryPolicy(
            maximum_deaths=values["maximum_deaths"],
            schedule=None if schedule is None else tuple(json.loads(schedule)),
            jitter=values["jitter"],
        ),
        rate_limit=values["rate_limit"],
        options=json.loads(texts.get("options", "{}")),
        status=SubscriptionStatus(values["status"]),
        subscribed_at=values["created_at"],
        modified_at=values["modified_at"],
        unread=tuple(unread),
        unreadable=next(iter(unread.values()), None),
    )


def _tokens(row: Row[Any]) -> dict[str, str]:
    both = {column.name: row._mapping[column.name] for column in _ENCRYPTED}
    return {name: token for name, token in both.items() if token is not None}
