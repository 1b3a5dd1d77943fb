"""End the subscriptions of agents that nobody renewed in time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.callback import SINK, is_over
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.subscription import (
    Subscription,
    SubscriptionFilter,
    SubscriptionStatus,
)
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView
from asyncevents_core.ports.observer import Observers

_TASK: Final = "callbacks"
_EVERY: Final = 300.0
_PAGE: Final = 500
_BY: Final = Actor.trusted("expiry")
_WANTED: Final = SubscriptionFilter(sink=SINK)


def end_expired(ledger: Ledger, *, observers: Observers) -> int:
    """Delete those whose time is over, with their open deliveries; return how many."""
    ended = 0
    for one in _all_expired(ledger):
        try:
            # One by one: what somebody else deletes meanwhile keeps nobody from ending the rest.
            ended += len(
                set_status(ledger, [one], SubscriptionStatus.DELETED, by=_BY, observers=observers)
            )
        except NotFound:
            continue
    return ended


def end_expired_if_due(ledger: Ledger, *, observers: Observers) -> int:
    """Do so every five minutes, in one process; return how many."""

    def take(tx: LedgerTransaction) -> bool:
        return tx.tasks.take(_TASK, first=tx.now(), until=tx.now() + micros(_EVERY))

    return end_expired(ledger, observers=observers) if ledger.run(take) else 0


def _all_expired(ledger: Ledger) -> Sequence[int]:
    after = 0
    over: list[int] = []
    while True:
        found, now = ledger.read(partial(_page, after=after))
        over += [one.id for one in found if is_over(one.options, now)]
        if len(found) < _PAGE:
            return over
        after = found[-1].id


def _page(view: LedgerView, after: int) -> tuple[Sequence[Subscription], int]:
    return view.subscriptions.matching(_WANTED, after=after, limit=_PAGE), view.now()
