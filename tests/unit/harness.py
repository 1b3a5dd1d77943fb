"""Drives the state machine step by step, without threads: a worker in slow motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from attrs import define, field

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.payload import to_json
from asyncevents_core.domain.subscription import NewSubscription, RetryPolicy
from asyncevents_core.domain.trace import Trace
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.delivering.calls import Calls, UnlimitedCalls
from asyncevents_core.engine.delivering.events import chunks_of, fan_out_chunk
from asyncevents_core.engine.delivering.leases import (
    Claimant,
    Claimed,
    Lease,
    Resolved,
    Resolving,
)
from asyncevents_core.engine.delivering.outcomes import Finished, Returned, book
from asyncevents_core.engine.delivering.permits import NO_LIMIT, Permits
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.delivering.rates import take_turns
from asyncevents_core.engine.delivering.recovery import reap_workers, release_held
from asyncevents_core.engine.delivering.round import Round, claim_round
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.engine.publishing.publish import LedgerPublisher, PublishRules
from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.engine.searching.pages import traces_of_event
from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.ports.ledger import Ledger
from tests.clock import ManualClock

OPERATOR = Actor.trusted("operator")
Answer = Callable[[Lease], Outcome]


def ok(_: Lease) -> Outcome:
    return Outcome.delivered("HTTP 200", http_status=200)


def fails(_: Lease) -> Outcome:
    return Outcome.retryable("HTTP 500", http_status=500)


class Recorded(IdCarrier):
    """Keeps the ids that it is to bring to workers."""

    def __init__(self) -> None:
        self.ids: list[UUID] = []

    def submit(self, ids: Sequence[UUID]) -> None:
        self.ids.extend(ids)


@define(slots=False)
class Harness:
    """One worker, or several with `second()`, on one ledger and one clock."""

    ledger: Ledger
    clock: ManualClock
    policy: Policy = field(factory=lambda: Policy(source="/test"))
    definitions: EventCatalog = field(
        factory=lambda: EventCatalog(
            [
                EventDefinition(name="order.created"),
                EventDefinition(name="order.loaded", service="shop:load"),
            ]
        )
    )
    permits: Permits = field(factory=lambda: Permits(budget=200, per_subscription=1000))
    calls: Calls | UnlimitedCalls = field(factory=UnlimitedCalls)
    owner: UUID = field(factory=uuid7)
    carrier: Recorded = field(factory=Recorded)
    requests: list[tuple[int, UUID]] = field(factory=list)
    """Each attempt that was made: seconds since the start, and the delivery."""

    def __attrs_post_init__(self) -> None:
        self.claimant = Claimant(owner=self.owner, policy=self.policy, definitions=self.definitions)

    def second(self) -> Harness:
        """Return another worker on the same ledger."""
        return Harness(
            ledger=self.ledger, clock=self.clock, policy=self.policy, definitions=self.definitions
        )

    # -- an application ---------------------------------------------------------------------

    def subscribe(
        self,
        event_name: str = "order.created",
        *,
        tenant: str | None = None,
        retry: RetryPolicy | None = None,
    ) -> int:
        new = NewSubscription(
            event_name=event_name,
            sink="recording",
            target=f"target-{uuid7()}",
            tenant=tenant,
            retry=retry or RetryPolicy(),
        )
        return self.ledger.run(lambda tx: tx.subscriptions.insert(new))

    def publish(
        self,
        name: str = "order.created",
        data: object = None,
        *,
        tenant: str | None = None,
        event_id: str | None = None,
    ) -> UUID:
        publisher = LedgerPublisher(
            ledger=self.ledger,
            definitions=self.definitions,
            rules=PublishRules(
                source="/test", max_payload_bytes=10_000, arguments=ArgumentChecks(None)
            ),
            carrier=self.carrier,
        )
        request = PublishRequest(
            name=name, data={"id": 1} if data is None else data, tenant=tenant, event_id=event_id
        )
        return publisher.publish_many([request], transaction=None)[0]

    # -- a worker ---------------------------------------------------------------------------

    def claim(self, *ids: UUID) -> Claimed:
        """Claim the events of a hand-off."""
        return self.round(event_ids=frozenset(ids))

    def sweep(self) -> Claimed:
        """Claim events that are due."""
        return self.round(sweep=500)

    def sweep_now(self) -> Claimed:
        """Sweep once the hand-off counts as lost."""
        self.clock.advance(10)
        return self.sweep()

    def chunks(self, event):
        return chunks_of(self.claimant, event)

    def fan_out_chunk(self, resolved, chunk, *, last: bool) -> bool:
        return self.ledger.run(
            lambda tx: fan_out_chunk(tx, self.claimant, resolved, chunk, last=last)
        )

    def fan_out(self, *resolved: Resolved) -> Claimed:
        """Fan out what services returned."""
        return self.round(resolved=resolved)

    def due(self, *, expired: bool = True, idle: bool = True) -> Claimed:
        """Claim deliveries that are due."""
        return self.round(due=True, expired=expired, idle=idle)

    def parked(self, *subscriptions: int) -> Claimed:
        """Claim parked deliveries."""
        return self.round(parked=subscriptions)

    def round(self, *, room: int = NO_LIMIT, **wanted) -> Claimed:
        """Claim as a worker does; `wanted` are fields of `Round`."""
        result = self.ledger.run(
            lambda tx: claim_round(
                tx, self.claimant, Round(room=room, **wanted), self.permits, self.calls
            )
        )
        self.claimant.looks.settle()
        self.permits.take(result.permits)
        if result.permits.starved:
            take_turns(self.ledger, self.permits, result.permits)
        if isinstance(self.calls, Calls):
            self.calls.take(result.calls)
        return result.claimed

    def attempt(self, leases: Sequence[Lease], answer: Answer = ok) -> None:
        """Make an attempt of each lease and write what it came to."""
        batch: list[Finished | Returned] = []
        for lease in leases:
            self.requests.append((round(self.clock.monotonic()), lease.delivery.id))
            batch.append(Finished(lease=lease, outcome=answer(lease), started=0.0, duration=0.1))
        self.write(batch)

    def write(self, batch: Sequence[Finished | Returned]) -> None:
        """Write outcomes."""
        booking = book(batch, policy=self.policy, clock=self.clock, owner=self.owner)
        self.ledger.run(booking.write)
        for one in batch:
            self.permits.release(
                one.lease.subscription.id, slow=False, delivered=True, timed_out=False
            )

    def look_after(self) -> tuple[int, int]:
        """Reap silent workers, release held deliveries; return how many of each."""
        return self.reap(), self.ledger.run(release_held)

    def reap(self) -> int:
        """Look for silent workers; return how many leases of theirs were made due."""
        return self.ledger.run(lambda tx: reap_workers(tx, me=self.owner)).leases

    def beat(self) -> None:
        row = WorkerRow(
            id=self.owner, host="here", pid=1, roles=tuple(Role), started_at=0, beat_at=0
        )
        self.ledger.run(lambda tx: tx.workers.beat(row))

    def run_for(self, seconds: int, answer: Answer = ok) -> None:
        """Work for some seconds of the clock's time, looking once a second."""
        for _ in range(seconds + 1):
            self.attempt(self.sweep().leases, answer)
            self.attempt(self.due().leases, answer)
            self.clock.advance(1)

    # -- what became of it ------------------------------------------------------------------

    def traces(self, event_id: UUID) -> list[Trace]:
        return list(traces_of_event(self.ledger, event_id))

    def trace(self, event_id: UUID) -> Trace:
        (only,) = self.traces(event_id)
        return only

    def states(self, event_id: UUID) -> list[DeliveryState]:
        return [one.delivery.state for one in self.traces(event_id)]

    def event(self, event_id: UUID):
        return self.ledger.read(lambda view: view.events.get(event_id))


def resolved(resolving: Resolving, data: object) -> Resolved:
    return Resolved(resolving=resolving, data=to_json(data))
