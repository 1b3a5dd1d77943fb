"""Which subscriptions receive an event: cached, and never older than the claim's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.ports.ledger import LedgerTransaction


class SubscriptionIndex:
    """The subscriptions by event and by id. Belongs to one thread.

    Every change to a subscription increments the epoch in its own transaction; `refresh`
    reads the epoch inside the claim's transaction, so a subscription committed before an
    event was published always matches it.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._by_event: dict[str, list[Subscription]] = {}
        self._by_id: dict[int, Subscription] = {}
        self.rates: Mapping[int, float] = {}
        """The limits of subscriptions that have one, in deliveries a second."""

    def refresh(self, tx: LedgerTransaction) -> None:
        """Load the subscriptions again if the epoch has changed."""
        epoch = tx.epoch()
        if epoch == self._epoch:
            return
        by_event: dict[str, list[Subscription]] = {}
        by_id: dict[int, Subscription] = {}
        for subscription in tx.subscriptions():
            by_id[subscription.id] = subscription
            if subscription.status is SubscriptionStatus.ENABLED:
                by_event.setdefault(subscription.event_name, []).append(subscription)
        self._by_event, self._by_id, self._epoch = by_event, by_id, epoch
        self.rates = {one.id: one.rate_limit for one in by_id.values() if one.rate_limit}

    def matches(self, event_name: str, tenant: str | None) -> Sequence[Subscription]:
        """Return the enabled subscriptions that receive such an event, by id."""
        candidates = self._by_event.get(event_name, ())
        return [one for one in candidates if one.wants(event_name, tenant)]

    def get(self, subscription_id: int) -> Subscription | None:
        """Return a subscription, disabled ones too; None if it is deleted."""
        return self._by_id.get(subscription_id)
