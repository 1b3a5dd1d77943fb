"""T1 (claim): take events, and fan them out to deliveries.

An event without a service is fanned out in the transaction that claims it. One with a
service becomes `resolving` (T1a); its service is called outside of any transaction, and what it
returned is fanned out in a second, fenced transaction (T1b).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from attrs import define, evolve, field, frozen

from asyncevents_core.domain.backoff import exhausted, retry_delay
from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.envelope import envelope
from asyncevents_core.domain.event import Event, EventDefinition, EventState
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.subscription import RetryPolicy, Subscription
from asyncevents_core.domain.text import storable
from asyncevents_core.engine.delivering.permits import Plan, Verdict
from asyncevents_core.engine.delivering.policy import POISON_AFTER, Policy
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.errors import UnknownEvent
from asyncevents_core.ports.definitions import Definitions
from asyncevents_core.ports.ledger import Claim, LedgerTransaction

CHUNK: Final = 1_000
"""Deliveries of one event per transaction; a larger fan-out takes several."""
_LONGEST_REASON: Final = 1_000


@frozen(kw_only=True)
class Lease:
    """A delivery that belongs to this worker, with all that an attempt needs."""

    delivery: Delivery
    subscription: Subscription
    event: Event
    leased_at: int
    alone: bool = False

    @property
    def claim(self) -> Claim:
        """The fence of this lease."""
        return Claim(id=self.delivery.id, claim_no=self.delivery.claims)


@frozen(kw_only=True)
class Resolving:
    """An event whose service this worker has to call. `definition` None: data is at hand."""

    event: Event
    definition: EventDefinition | None

    @property
    def claim(self) -> Claim:
        """The fence of this claim."""
        return Claim(id=self.event.id, claim_no=self.event.claims)


@frozen(kw_only=True)
class Resolved:
    """What a service returned: `data` as JSON text, or `error` (`final`: do not retry).

    `unstarted`: it was not called, and any worker may take the event.
    """

    resolving: Resolving
    data: bytes | None = field(default=None, repr=False)
    error: str | None = None
    final: bool = False
    unstarted: bool = False


@define
class ClaimResult:
    """What a claim came to, valid once its transaction is committed."""

    leases: list[Lease] = field(factory=list)
    """Deliveries to attempt now."""
    resolving: list[Resolving] = field(factory=list)
    """Events whose service is to be called now."""
    dead: list[UUID] = field(factory=list)
    """Deliveries that were given up as poison."""
    parked: set[int] = field(factory=set)
    """Subscriptions that have new parked deliveries."""
    emptied: set[int] = field(factory=set)
    """Subscriptions that have no parked deliveries left."""
    left_waiting: bool = False
    """More deliveries are due than were taken."""
    more_events: bool = False
    """More events are due, which no hand-off brought, than were taken."""
    wants_alone: bool = False
    """A delivery waits until this process has nothing else under way."""
    events: int = 0
    """How many events were claimed."""
    stale: int = 0
    """How many ids of hand-offs were of events that others have claimed, or that are unknown."""


class EventClaims:
    """Claims events and fans them out, as functions of a transaction. Belongs to one thread."""

    def __init__(
        self, *, index: SubscriptionIndex, definitions: Definitions, policy: Policy, owner: UUID
    ) -> None:
        self._index = index
        self._definitions = definitions
        self._policy = policy
        self._owner = owner

    def claim(
        self, tx: LedgerTransaction, events: Iterable[Event], plan: Plan, result: ClaimResult
    ) -> None:
        """T1 (claim): take events that this transaction has locked."""
        to_resolve: dict[bool, list[Event]] = {False: [], True: []}
        arguments: dict[UUID, bytes] = {}
        bodies: dict[UUID, bytes] = {}
        ready: list[Event] = []
        nobody: list[UUID] = []
        for event in events:
            result.events += 1
            abandoned = event.state is EventState.RESOLVING
            if abandoned and event.abandonments + 1 >= POISON_AFTER:
                tx.fail_event(
                    event.id, deaths=event.deaths, reason="poison: its workers vanished 5 times"
                )
                continue
            try:
                definition = self._definitions.get(event.name)
            except UnknownEvent as error:
                self._fail(tx, event, str(error), final=False)
                continue
            matches = self._index.matches(event.name, event.tenant)
            if not matches:
                nobody.append(event.id)
                continue
            if definition.service is not None and event.arguments is None:
                # Published where it had no service: here it has one.
                arguments[event.id] = event.published
                event = evolve(event, arguments=event.published, body=None)
            has_data = event.body is not None or definition.service is None
            if not has_data or len(matches) > CHUNK:
                to_resolve[abandoned].append(event)
                result.resolving.append(
                    Resolving(
                        event=evolve(event, claims=event.claims + 1),
                        definition=None if has_data else definition,
                    )
                )
                continue
            if event.body is None:
                bodies[event.id] = self._body(event, event.published)
                event = evolve(event, body=bodies[event.id])
            ready.append(event)
        if arguments:
            tx.store_arguments(arguments)
        due_at = tx.now() + micros(self._policy.resolve_lease)
        for abandoned, group in to_resolve.items():
            if group:
                ids = [event.id for event in group]
                tx.start_resolving(ids, owner=self._owner, due_at=due_at, abandoned=abandoned)
        if nobody:
            tx.mark_fanned_out(nobody)
        if bodies:
            tx.store_bodies(bodies)
        self._fan_out(tx, ready, plan, result, claims=0)

    def claim_due(
        self, tx: LedgerTransaction, *, limit: int, plan: Plan, result: ClaimResult
    ) -> None:
        """T4 (sweep): claim events that no hand-off brought, or whose worker vanished."""
        self.claim(tx, tx.lock_due_events(before=tx.now(), limit=limit), plan, result)

    def fan_out_resolved(
        self, tx: LedgerTransaction, resolved: Sequence[Resolved], plan: Plan, result: ClaimResult
    ) -> None:
        """T1b (fan-out): fan out what services returned, and book their failures; fenced."""
        claims = [one.resolving.claim for one in resolved]
        locked = {event.id: event for event in tx.lock_resolving(claims, owner=self._owner)}
        bodies: dict[UUID, bytes] = {}
        ready: list[Event] = []
        for one in resolved:
            event = locked.get(one.resolving.event.id)
            if event is None:
                continue
            if one.unstarted:
                tx.postpone_event(
                    event.id, due_at=tx.now(), deaths=event.deaths, reason=event.reason
                )
                continue
            if one.error is not None:
                self._fail(tx, event, one.error, final=one.final)
                continue
            if event.body is None:
                data = event.published if one.data is None else one.data
                bodies[event.id] = self._body(event, data)
                event = evolve(event, body=bodies[event.id])
            ready.append(event)
        if bodies:
            tx.store_bodies(bodies)
        self._fan_out(tx, ready, plan, result, claims=1)

    def _fan_out(
        self,
        tx: LedgerTransaction,
        events: Sequence[Event],
        plan: Plan,
        result: ClaimResult,
        *,
        claims: int,
    ) -> None:
        """Fan out events, which have so many `claims` if nobody has begun to."""
        if not events:
            return
        now = tx.now()
        leases: list[Lease] = []
        rows: list[Delivery] = []
        for event in events:
            for subscription in self._index.matches(event.name, event.tenant):
                verdict = plan.ask(subscription.id)
                delivery = self._delivery(event, subscription, verdict, now)
                rows.append(delivery)
                if verdict is Verdict.GRANTED:
                    leases.append(
                        Lease(
                            delivery=delivery,
                            subscription=subscription,
                            event=event,
                            leased_at=now,
                        )
                    )
                elif verdict is Verdict.PARK:
                    result.parked.add(subscription.id)
                else:
                    result.left_waiting = True
        tx.fan_out(rows, [event.id for event in events])
        if any(event.claims > claims for event in events):
            leases = self._kept(tx, leases)
        result.leases += leases

    @staticmethod
    def _kept(tx: LedgerTransaction, leases: list[Lease]) -> list[Lease]:
        """Drop leases whose row was there before: a chunked fan-out that is being repeated."""
        kept = tx.deliveries_of([lease.delivery.id for lease in leases])
        return [lease for lease in leases if lease.delivery.id in kept]

    def _delivery(
        self, event: Event, subscription: Subscription, verdict: Verdict, now: int
    ) -> Delivery:
        granted = verdict is Verdict.GRANTED
        return Delivery(
            id=uuid7(),
            event_id=event.id,
            subscription_id=subscription.id,
            state=DeliveryState.LEASED if granted else DeliveryState.WAITING,
            claims=1 if granted else 0,
            due_at=now + micros(self._policy.delivery_lease) if granted else now,
            owner=self._owner if granted else None,
            parked=verdict is Verdict.PARK,
            created_at=now,
        )

    def large(self, event: Event) -> bool:
        """Tell whether an event reaches so many that it is fanned out in chunks."""
        return len(self._index.matches(event.name, event.tenant)) > CHUNK

    def chunks(self, event: Event) -> list[Sequence[Subscription]]:
        """Return the subscriptions of a large fan-out, a transaction's worth each."""
        matches = self._index.matches(event.name, event.tenant)
        return [matches[start : start + CHUNK] for start in range(0, len(matches), CHUNK)]

    def fan_out_chunk(
        self,
        tx: LedgerTransaction,
        resolved: Resolved,
        subscriptions: Sequence[Subscription],
        *,
        last: bool,
    ) -> bool:
        """Fan one chunk out, all of it waiting; False if the claim was lost meanwhile."""
        locked = tx.lock_resolving([resolved.resolving.claim], owner=self._owner)
        if not locked:
            return False
        event = locked[0]
        if event.body is None:
            data = event.published if resolved.data is None else resolved.data
            tx.store_bodies({event.id: self._body(event, data)})
        now = tx.now()
        tx.insert_deliveries(
            [self._delivery(event, one, Verdict.FULL, now) for one in subscriptions]
        )
        if last:
            tx.mark_fanned_out([event.id])
        return True

    def _body(self, event: Event, data: bytes) -> bytes:
        return envelope(
            event_id=event.id,
            name=event.name,
            source=self._policy.source,
            occurred_at=event.occurred_at,
            tenant=event.tenant,
            data=data,
        )

    def _fail(self, tx: LedgerTransaction, event: Event, error: str, *, final: bool) -> None:
        deaths, reason = event.deaths + 1, storable(error, _LONGEST_REASON)
        policy = RetryPolicy()
        if final or exhausted(deaths, policy, default_maximum=self._policy.deaths_allowed):
            tx.fail_event(event.id, deaths=deaths, reason=reason)
            return
        delay = retry_delay(
            deaths,
            policy,
            retry_after=None,
            retry_after_max=self._policy.retry_after_max,
            random=0.5,
        )
        tx.postpone_event(event.id, due_at=tx.now() + micros(delay), deaths=deaths, reason=reason)
