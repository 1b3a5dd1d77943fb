"""Which subscriptions receive an event: cached, and never older than the claim's transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.ports.ledger import LedgerTransaction

logger = logging.getLogger("asyncevents.subscriptions")

_Tenants = dict[str | None, dict[int, Subscription]]
"""The subscriptions to one event, by tenant and id."""


class SubscriptionIndex:
    """The subscriptions by event and by id. Belongs to one thread.

    Every change to a subscription increments the epoch in its own transaction; `refresh`
    reads the epoch inside the claim's transaction, so a subscription committed before an
    event was published always matches it.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._by_event: dict[str, _Tenants] = {}
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
        tenants = self._by_event.get(event_name)
        if tenants is None:
            return ()
        if tenant is None:
            return [one for some in tenants.values() for one in some.values()]
        return [*tenants.get(None, {}).values(), *tenants.get(tenant, {}).values()]

    def get(self, subscription_id: int) -> Subscription | None:
        """Return a subscription, disabled ones too; None if it is deleted."""
        return self._by_id.get(subscription_id)

    def _put(self, subscription: Subscription) -> None:
        number = subscription.id
        old = self._by_id.pop(number, None)
        if old is not None:
            self._by_event.get(old.event_name, {}).get(old.tenant, {}).pop(number, None)
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
            tenants = self._by_event.setdefault(subscription.event_name, {})
            tenants.setdefault(subscription.tenant, {})[number] = subscription
