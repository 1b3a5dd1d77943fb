"""What a worker says of recipients: in the ledger, in the log, to observers."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import define, field

from asyncevents_core.domain.failing import FailurePolicy, Turn
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.delivering.health import Health, Turned
from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.delivering.outcomes import Booking
from asyncevents_core.engine.delivering.telling import tell_of_dead, tell_of_recipients
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.observer import Observers, SubscriptionChanged

logger = logging.getLogger("asyncevents.worker.recipients")

_DISABLED = SubscriptionStatus.DISABLED
_WORDS = {
    Turn.WARN: "a recipient fails time after time",
    Turn.DISABLE: "a recipient has failed for too long: its subscription is disabled",
    Turn.RECOVER: "a recipient that failed is well again",
}


@define
class Recipients:
    """Counts what becomes of attempts, and says what follows. Belongs to the bookkeeper's thread.

    `write` may run several times for what `count` counted; `tell` comes after the commit.
    """

    _usual: FailurePolicy
    _operations: Operations
    _observers: Observers
    _health: Health = field(init=False)
    _turned: Sequence[Turned] = field(default=(), init=False)
    _gone: Sequence[Subscription] = field(default=(), init=False)

    @_health.default
    def _make_health(self) -> Health:
        return Health(self._usual)

    def refresh(self, ledger: Ledger) -> None:
        """Hear which recipients fail, and who wants to hear of it. Raises `LedgerError`."""
        self._operations.refresh(ledger)
        self._health.know(ledger.read(lambda view: view.subscriptions.failing()))

    def count(self, batch: Sequence[object]) -> None:
        """Count attempts that are over."""
        self._health.count(batch)

    def write(self, tx: LedgerTransaction, booking: Booking) -> None:
        """Write a batch of outcomes, and what follows for recipients."""
        self._gone = booking.write(tx)
        self._turned = self._health.write(tx)
        tell_of_recipients(tx, self._operations, self._turned, self._gone)
        tell_of_dead(tx, self._operations, booking)

    @property
    def pending(self) -> bool:
        """Whether something was counted that no batch has taken along."""
        return self._health.pending

    def write_rest(self, tx: LedgerTransaction) -> None:
        """Write what was counted and has to wait for no further batch."""
        self._turned = self._health.write(tx, at_once=True)
        tell_of_recipients(tx, self._operations, self._turned, ())

    def tell(self) -> None:
        """Say what was written."""
        self._health.settle()
        for gone in self._gone:
            self._tell_disabled(gone.id)
            logger.warning(
                "the recipient answered 410 Gone: subscription disabled",
                extra={"subscription": gone.id},
            )
        for one in self._turned:
            if one.turn is Turn.DISABLE:
                self._tell_disabled(one.subscription.id)
            level = logging.INFO if one.turn is Turn.RECOVER else logging.WARNING
            logger.log(
                level,
                _WORDS[one.turn],
                extra={
                    "subscription": one.subscription.id,
                    "target": one.subscription.target,
                    "failures": one.streak.failures,
                    "error": one.streak.error,
                },
            )
        self._gone, self._turned = (), ()

    def _tell_disabled(self, subscription_id: int) -> None:
        self._observers.tell(SubscriptionChanged(subscription_id=subscription_id, status=_DISABLED))
