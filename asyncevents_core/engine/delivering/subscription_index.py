"""Which subscriptions receive an event: cached, and never older than the claim's transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.ports.ledger import LedgerTransaction

logger = logging.getLogger("asyncevents.subscriptions")


class _Receivers:
    """The enabled subscriptions to one event. What an event reaches is kept until one changes."""

    def __init__(self) -> None:
        self._by_tenant: dict[str | None, dict[int, Subscription]] = {}
        self._of_tenant: dict[str | None, tuple[Subscription, ...]] = {}
        self._all: tuple[Subscription, ...] | None = None

    def put(self, subscription: Subscription) -> None:
        self._by_tenant.setdefault(subscription.tenant, {})[subscription.id] = subscription
        self._forget(subscription.tenant)

    def remove(self, subscription: Subscription) -> None:
        self._by_tenant.get(subscription.tenant, {}).pop(subscription.id, None)
        self._forget(subscription.tenant)

    def reached(self, tenant: str | None) -> tuple[Subscription, ...]:
        if tenant is not None:
            everybodys = self._of(None)
            # Not kept for each tenant: everybody's may be many, and tenants too.
            return everybodys + self._of(tenant) if tenant in self._by_tenant else everybodys
        if self._all is None:
            self._all = tuple(one for some in self._by_tenant.values() for one in some.values())
        return self._all

    def _of(self, tenant: str | None) -> tuple[Subscription, ...]:
        kept = self._of_tenant.get(tenant)
        if kept is None:
            kept = self._of_tenant[tenant] = tuple(self._by_tenant.get(tenant, {}).values())
        return kept

    def _forget(self, tenant: str | None) -> None:
        self._of_tenant.pop(tenant, None)
        self._all = None


class SubscriptionIndex:
    """The subscriptions by event and by id. Belongs to one thread.

    Every change to a subscription increments the epoch in its own transaction; `refresh`
    reads the epoch inside the claim's transaction, so a subscription committed before an
    event was published always matches it.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._by_event: dict[str, _Receivers] = {}
        self._by_id: dict[int, Subscription] = {}
        self._rates: dict[int, float] = {}

    @property
    def rates(self) -> Mapping[int, float]:
        """The limits of subscriptions that have one, in deliveries a second."""
        return self._rates

    def refresh(self, tx: LedgerTransaction) -> None:
        """Load what has changed since the last time, if the epoch says that something has."""
        epoch = tx.subscriptions.epoch()
        if epoch == self._epoch:
            return
        if self._epoch is None:
            changed = tx.subscriptions.all()
        else:
            changed = tx.subscriptions.changed(since=self._epoch)
        for subscription in changed:
            self._put(subscription)
        self._epoch = epoch

    def matches(self, event_name: str, tenant: str | None) -> Sequence[Subscription]:
        """Return the enabled subscriptions that receive such an event.

        One without a tenant reaches all of them; one of tenant T those of T, and those without.
        """
        receivers = self._by_event.get(event_name)
        return () if receivers is None else receivers.reached(tenant)

    def get(self, subscription_id: int) -> Subscription | None:
        """Return a subscription, disabled ones too; None if it is deleted."""
        return self._by_id.get(subscription_id)

    def _put(self, subscription: Subscription) -> None:
        number = subscription.id
        old = self._by_id.pop(number, None)
        if old is not None and old.event_name in self._by_event:
            self._by_event[old.event_name].remove(old)
        self._rates.pop(number, None)
        if subscription.status is SubscriptionStatus.DELETED:
            return
        self._by_id[number] = subscription
        if subscription.unreadable is not None:
            logger.error(
                "a subscription cannot be delivered to: its attempts fail until that is mended",
                extra={"subscription": number, "error": subscription.unreadable},
            )
        if subscription.rate_limit:
            self._rates[number] = subscription.rate_limit
        if subscription.status is SubscriptionStatus.ENABLED:
            self._by_event.setdefault(subscription.event_name, _Receivers()).put(subscription)
