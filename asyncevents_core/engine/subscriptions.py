"""Make and change subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import NewSubscription, SubscriptionStatus
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.definitions import Definitions
from asyncevents_core.ports.ledger import Ledger

CANCEL_BATCH: Final = 500


def subscribe(
    ledger: Ledger,
    definitions: Definitions,
    subscription: NewSubscription,
    *,
    check: Callable[[NewSubscription], None],
) -> int:
    """Insert a subscription and return its id.

    `check` raises where its sink is unknown or refuses the target or the options.
    Raises `UnknownEvent`, `UnknownName`, `InvalidTarget`, `InvalidOptions`, `InvalidSecret`.
    """
    definitions.get(subscription.event_name)
    if subscription.secret is not None:
        receiver_secret(subscription.secret)
    check(subscription)
    return ledger.run(lambda tx: tx.insert_subscription(subscription))


def set_status(ledger: Ledger, subscription_id: int, status: SubscriptionStatus) -> None:
    """Enable, disable or delete a subscription.

    Disabling holds its open deliveries until it is enabled; workers release them then.
    Deleting cancels them and keeps the log. Raises `NotFound` (deleted ones are not found).
    """
    found = ledger.read(lambda queries: queries.subscription(subscription_id))
    if found is None or found.status is SubscriptionStatus.DELETED:
        raise NotFound(f"no subscription {subscription_id}: `asyncevents subscriptions list`")
    ledger.run(lambda tx: tx.set_subscription_status([subscription_id], status))
    if status is SubscriptionStatus.DELETED:
        while ledger.run(lambda tx: tx.cancel_deliveries(subscription_id, limit=CANCEL_BATCH)):
            continue
