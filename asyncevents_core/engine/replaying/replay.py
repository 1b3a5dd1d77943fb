"""Replaying: a new delivery, with a replay request of its own, sends the stored bytes again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import DeadFilter, ReplayRequest
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.engine.shared.idempotency import do_idempotently
from asyncevents_core.errors import NotFound, ReplayRefused
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView

BATCH: Final = 500
"""Dead letters that are replayed in one transaction."""


def replay(
    ledger: Ledger,
    identifier: UUID,
    *,
    by: Actor,
    idempotency: IdempotentRequest | None = None,
) -> UUID:
    """Replay a delivery, or an event whose service failed, and return the id to trace.

    That is the new delivery's id, or the event's own where an event is opened again. A
    delivery that still waits for a retry is cancelled: the replay takes its place. Raises
    `NotFound`, or `ReplayRefused` where the subscription is disabled or deleted, the attempt
    is under way, or the body is no longer kept. Whether `by` may see the delivery is not asked
    here, but by `replay_visible`.
    """
    # One id for all reruns of the transaction, so that a rerun inserts nothing twice.
    request = ReplayRequest(id=uuid7(), requested_by=by.who, what=str(identifier))
    delivery_id = uuid7()

    def work(tx: LedgerTransaction) -> str:
        def insert() -> str:
            return str(_replay(tx, identifier, request, delivery_id, by))

        return do_idempotently(tx, idempotency, insert)

    return UUID(ledger.run(work))


def replay_visible(
    ledger: Ledger,
    identifier: UUID,
    *,
    by: Actor,
    idempotency: IdempotentRequest | None = None,
) -> UUID:
    """As `replay`, of what `by` may see: of a tenant's, who is bound to one.

    Raises `NotFound` for what is another tenant's, as for what there is not.
    """
    if not ledger.read(lambda view: _may_see(view, identifier, by)):
        raise NotFound(f"no delivery {identifier}, and no event of that id that failed")
    return replay(ledger, identifier, by=by, idempotency=idempotency)


def replay_dead(
    ledger: Ledger,
    wanted: DeadFilter,
    *,
    by: Actor,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replay all dead letters that the filter matches, a batch per transaction.

    Failed events are opened again. Deliveries whose subscription is disabled or deleted, or
    whose body is no longer kept, are counted as refused. `progress` hears how many each batch
    has looked at.
    """
    request = ReplayRequest(id=uuid7(), requested_by=by.who, what=str(wanted))
    ledger.run(lambda tx: note_request(tx, request, by=by, tenant=wanted.tenant))

    def deliveries(tx: LedgerTransaction, after: UUID | None) -> Step:
        return replay_batch(tx, wanted, request.id, after, BATCH)

    def events(tx: LedgerTransaction, after: UUID | None) -> Step:
        return reopen_batch(tx, wanted, after, BATCH)

    made = refused = passed_over = 0
    # Events last: what becomes a dead letter after they were opened again is not met here.
    for step in chain(_steps(ledger, deliveries), _steps(ledger, events)):
        made += step.made
        refused += step.refused
        passed_over += step.passed_over
        progress(step.made + step.refused + step.passed_over)
    return Replayed(request=request.id, made=made, refused=refused, passed_over=passed_over)


@frozen(kw_only=True)
class Replayed:
    """What came of a request.

    `made` counts deliveries made and events opened again, `refused` the deliveries that
    could not be replayed, `passed_over` those whose event this request sends to the same
    subscription anyway: a delivery and a replay of it may both be dead. Where a search found
    them, `passed_over` counts attempts, also of deliveries that are under way by themselves.
    """

    request: UUID
    made: int
    refused: int
    passed_over: int


@frozen(kw_only=True)
class Step:
    """The result of a batch; `last` is the last one it looked at, None if there was none."""

    last: UUID | None
    made: int = 0
    refused: int = 0
    passed_over: int = 0


def _steps(
    ledger: Ledger, batch: Callable[[LedgerTransaction, UUID | None], Step]
) -> Iterator[Step]:
    """Run a batch per transaction, each from behind the last one, until one finds nothing."""
    after: UUID | None = None

    def run(tx: LedgerTransaction) -> Step:
        return batch(tx, after)

    while True:
        step = ledger.run(run)
        if step.last is None:
            return
        yield step
        after = step.last


def note_request(
    tx: LedgerTransaction, request: ReplayRequest, *, by: Actor, tenant: str | None
) -> None:
    """Write down who asked for what: for traces, and in the audit log."""
    tx.replays.insert(request)
    audit(
        tx,
        by,
        "replay",
        entry_id=request.id,
        subject=request.id,
        tenant=tenant,
        details={"what": request.what},
    )


def replay_batch(
    tx: LedgerTransaction,
    wanted: DeadFilter,
    request: UUID,
    after: UUID | None,
    limit: int,
) -> Step:
    """Replay dead letters from behind `after` on, at most `limit`, under a request's id."""
    return send_again(
        tx, tx.dead_letters.lock_deliveries(wanted, after=after, limit=limit), request
    )


def send_again(tx: LedgerTransaction, dead: Sequence[Delivery], request: UUID) -> Step:
    """Make new deliveries in place of these, which are locked, under a request's id."""
    if not dead:
        return Step(last=None)
    events = tx.events.read({one.event_id for one in dead})
    kept = {one for one, event in events.items() if event.body}
    enabled = {
        one
        for one in {delivery.subscription_id for delivery in dead}
        if tx.subscriptions.status(one) is SubscriptionStatus.ENABLED
    }
    good = [one for one in dead if one.event_id in kept and one.subscription_id in enabled]
    # Of several for one event and subscription, the newest: the others may have been replayed
    # before. One that an earlier batch replayed is passed over by the insert.
    newest = {(one.event_id, one.subscription_id): one for one in good}
    now = tx.now()
    again = [_again(one, request, uuid7(), now) for one in newest.values()]
    tx.deliveries.insert(again)
    made = len(tx.deliveries.existing([one.id for one in again]))
    return Step(
        last=dead[-1].id,
        made=made,
        refused=len(dead) - len(good),
        passed_over=len(good) - made,
    )


def reopen_batch(tx: LedgerTransaction, wanted: DeadFilter, after: UUID | None, limit: int) -> Step:
    """Open failed events again from behind `after` on, at most `limit`."""
    failed = tx.dead_letters.lock_events(wanted, after=after, limit=limit)
    if not failed:
        return Step(last=None)
    return Step(last=failed[-1], made=tx.events.reopen(failed))


def _may_see(view: LedgerView, identifier: UUID, by: Actor) -> bool:
    tenant = by.tenant
    if (
        tenant is None
        or view.traces.of_delivery(identifier, tenant=tenant) is not None
        or view.traces.of_event(identifier, limit=1, tenant=tenant)
    ):
        return True
    event = view.events.get(identifier)
    return event is not None and by.sees(event.tenant)


def _replay(
    tx: LedgerTransaction,
    identifier: UUID,
    request: ReplayRequest,
    delivery_id: UUID,
    by: Actor,
) -> UUID:
    old = tx.deliveries.lock_one(identifier)
    if old is None:
        if tx.events.reopen([identifier]):
            note_request(tx, request, by=by, tenant=by.tenant)
            return identifier
        raise NotFound(
            f"no delivery {identifier}, and no event of that id that failed. "
            "`asyncevents logs` and `asyncevents dead-letters` list what can be replayed"
        )
    _refuse_unless_enabled(tx, old)
    if old.state is DeliveryState.LEASED:
        raise ReplayRefused(f"delivery {identifier} is under way: wait for its outcome")
    # Locked, so that the clean-up leaves it alone.
    event = tx.events.lock_one(old.event_id)
    if event is None or event.body is None:
        raise ReplayRefused(f"delivery {identifier}: its payload is no longer kept")
    if old.state in {DeliveryState.WAITING, DeliveryState.HELD}:
        tx.deliveries.move([old.id], state=DeliveryState.CANCELLED, due_at=None)
    note_request(tx, request, by=by, tenant=by.tenant)
    tx.deliveries.insert([_again(old, request.id, delivery_id, tx.now())])
    return delivery_id


def _again(old: Delivery, request: UUID, delivery_id: UUID, now: int) -> Delivery:
    return Delivery.waiting(
        id=delivery_id,
        event_id=old.event_id,
        subscription_id=old.subscription_id,
        now=now,
        replay_request=request,
        replay_of=old.id,
    )


def _refuse_unless_enabled(tx: LedgerTransaction, old: Delivery) -> None:
    status = tx.subscriptions.status(old.subscription_id)
    if status is SubscriptionStatus.ENABLED:
        return
    if status is SubscriptionStatus.DISABLED:
        raise ReplayRefused(
            f"delivery {old.id}: its subscription {old.subscription_id} is disabled. "
            f"`asyncevents subscriptions enable {old.subscription_id}` first"
        )
    raise ReplayRefused(f"delivery {old.id}: its subscription {old.subscription_id} is deleted")
