"""What a worker tells of its work by events: in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from asyncevents_core.domain import operational
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.event import OPERATIONAL
from asyncevents_core.domain.failing import Turn
from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.engine.delivering.health import Turned
from asyncevents_core.engine.delivering.leases import Claimant, Claimed
from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.delivering.outcomes import Booking
from asyncevents_core.ports.ledger import LedgerTransaction

_NAMES: Final = {
    Turn.WARN: operational.FAILING,
    Turn.DISABLE: operational.DISABLED,
    Turn.RECOVER: operational.RECOVERED,
}
_GONE: Final = "the recipient answered 410 Gone"
_TOO_LONG: Final = "the recipient has failed for too long"


def tell_of_recipients(
    tx: LedgerTransaction,
    operations: Operations,
    turned: Sequence[Turned],
    gone: Sequence[Subscription],
) -> None:
    """Tell of recipients that fail, fail for too long, are well again, or gone."""
    for one in turned:
        if not one.telling:
            continue
        streak = one.streak
        data: dict[str, object] = {**_about(one.subscription), "failures": streak.failures}
        if streak.since is not None:
            data["failing_since"] = iso(to_datetime(streak.since))
        if one.turn is not Turn.RECOVER:
            data["error"] = streak.error
        if one.turn is Turn.DISABLE:
            data["reason"] = _TOO_LONG
        operations.tell(tx, _NAMES[one.turn], one.subscription.tenant, data)
    for subscription in gone:
        data = {**_about(subscription), "reason": _GONE}
        operations.tell(tx, operational.DISABLED, subscription.tenant, data)


def tell_of_dead(tx: LedgerTransaction, operations: Operations, booking: Booking) -> None:
    """Tell of deliveries that were given up, but those of events that tell of something."""
    if not booking.dead or not operations.wants(operational.DEAD):
        return
    operations.tell_all(
        tx,
        operational.DEAD,
        [
            (
                finished.lease.event.tenant,
                {
                    "delivery_id": str(finished.lease.delivery.id),
                    "event_id": str(finished.lease.event.id),
                    "reason": reason.value,
                    "error": finished.outcome.detail,
                    **_about(finished.lease.subscription, finished.lease.event.name),
                },
            )
            for finished, reason in booking.dead_letters
            if not finished.lease.event.is_operational
        ],
    )


def tell_of_round(
    tx: LedgerTransaction, operations: Operations, claimant: Claimant, claimed: Claimed
) -> None:
    """Tell of what a round gave up: events whose service failed, deliveries that kill workers."""
    if claimed.failed:
        operations.tell_all(
            tx,
            operational.FAILED,
            [
                (one.tenant, {"event_id": str(one.id), "event_name": one.name, "error": one.error})
                for one in claimed.failed
                if not one.name.startswith(OPERATIONAL)
            ],
        )
    if claimed.dead and operations.wants(operational.DEAD):
        events = tx.events.read({one.event_id for one in claimed.dead})
        for one in claimed.dead:
            event = events[one.event_id]
            subscription = claimant.subscriptions.get(one.subscription_id)
            if event.is_operational or subscription is None:
                continue
            operations.tell(
                tx,
                operational.DEAD,
                event.tenant,
                {
                    "delivery_id": str(one.id),
                    "event_id": str(event.id),
                    "reason": DeadReason.POISON.value,
                    "error": "its workers vanished time after time",
                    **_about(subscription, event.name),
                },
            )


def tell_of_lost(tx: LedgerTransaction, operations: Operations, lost: Sequence[WorkerRow]) -> None:
    """Tell of workers that have vanished."""
    operations.tell_all(
        tx,
        operational.LOST,
        [
            (
                None,
                {
                    "worker_id": str(one.id),
                    "host": one.host,
                    "pid": one.pid,
                    "last_seen": iso(to_datetime(one.beat_at)),
                },
            )
            for one in lost
        ],
    )


def _about(subscription: Subscription, event_name: str | None = None) -> Mapping[str, object]:
    return {
        "subscription_id": subscription.id,
        "event_name": event_name or subscription.event_name,
        "sink": subscription.sink,
        "target": subscription.target,
        "tenant": subscription.tenant,
    }
