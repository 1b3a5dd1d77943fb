"""The ledger in memory: publishing, and the operations on events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.event import Event, EventState, NewEvent
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.ports.ledger import Claim, LedgerTransaction
from asyncevents_core.testing.memory_tables import EventRow, Tables


class EventOperations(LedgerTransaction):
    """The half of a transaction that is about events; the tables belong to it alone."""

    def __init__(self, tables: Tables, clock: Callable[[], int]) -> None:
        self._tables = tables
        self._clock = clock
        self._now: int | None = None

    def now(self) -> int:
        if self._now is None:
            self._now = self._clock()
        return self._now

    # -- publishing -------------------------------------------------------------------------

    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        insert_rows(self._tables, [opened(one, self.now(), due_in) for one in events])

    def find_events(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        return find_rows(self._tables, external_ids)

    # -- events -----------------------------------------------------------------------------

    def lock_events(self, ids: Collection[UUID]) -> list[Event]:
        found = self._events(ids)
        return [
            one
            for one in found
            if one.state is EventState.OPEN
            or (one.state is EventState.RESOLVING and is_due(one, self.now()))
        ]

    def lock_due_events(self, *, before: int, limit: int) -> list[Event]:
        claimable = (EventState.OPEN, EventState.RESOLVING)
        due = [
            row.event
            for row in self._tables.events
            if row.event.state in claimable and is_due(row.event, before)
        ]
        return sorted(due, key=by_due)[:limit]

    def lock_resolving(self, claims: Collection[Claim], *, owner: UUID) -> list[Event]:
        numbers = {claim.id: claim.claim_no for claim in claims}
        return [
            one
            for one in self._events(numbers)
            if one.state is EventState.RESOLVING
            and one.owner == owner
            and one.claims == numbers[one.id]
        ]

    def start_resolving(
        self, ids: Collection[UUID], *, owner: UUID, due_at: int, abandoned: bool
    ) -> None:
        for one in self._events(ids):
            self._put_event(
                evolve(
                    one,
                    state=EventState.RESOLVING,
                    claims=one.claims + 1,
                    abandonments=one.abandonments + int(abandoned),
                    owner=owner,
                    due_at=due_at,
                )
            )

    def store_arguments(self, arguments: Mapping[UUID, bytes]) -> None:
        for one in self._events(arguments):
            self._put_event(evolve(one, arguments=arguments[one.id], body=None))

    def store_bodies(self, bodies: Mapping[UUID, bytes]) -> None:
        for one in self._events(bodies):
            self._put_event(evolve(one, body=bodies[one.id], abandonments=0))

    def mark_fanned_out(self, ids: Collection[UUID]) -> None:
        for one in self._events(ids):
            self._put_event(
                evolve(one, state=EventState.FANNED_OUT, due_at=None, owner=None, reason=None)
            )

    def postpone_event(
        self, event_id: UUID, *, due_at: int, deaths: int, reason: str | None
    ) -> None:
        for one in self._events([event_id]):
            self._put_event(
                evolve(
                    one,
                    state=EventState.OPEN,
                    due_at=due_at,
                    deaths=deaths,
                    abandonments=0,
                    owner=None,
                    reason=reason,
                )
            )

    def fail_event(self, event_id: UUID, *, deaths: int, reason: str) -> None:
        for one in self._events([event_id]):
            self._put_event(
                evolve(
                    one,
                    state=EventState.FAILED,
                    due_at=None,
                    deaths=deaths,
                    owner=None,
                    reason=reason,
                )
            )

    def reopen_events(self, ids: Collection[UUID]) -> int:
        failed = [one for one in self._events(ids) if one.state is EventState.FAILED]
        for one in failed:
            self._put_event(
                evolve(
                    one,
                    state=EventState.OPEN,
                    due_at=self.now(),
                    deaths=0,
                    abandonments=0,
                    reason=None,
                )
            )
        return len(failed)

    def _events(self, ids: Collection[UUID]) -> list[Event]:
        rows = (self._tables.events.get(one) for one in sorted(ids))
        return [row.event for row in rows if row is not None]

    def _put_event(self, event: Event) -> None:
        row = self._tables.events.get(event.id)
        if row is not None:
            self._tables.events.put(event.id, evolve(row, event=event))


def opened(new: NewEvent, now: int, due_in: float) -> EventRow:
    """Return the row of a new event."""
    return EventRow(
        event=Event(
            id=new.id,
            external_id=new.external_id,
            name=new.name,
            tenant=new.tenant,
            arguments=new.arguments,
            body=new.body,
            state=EventState.OPEN,
            reason=None,
            due_at=now + round(due_in * 1e6),
            claims=0,
            deaths=0,
            abandonments=0,
            owner=None,
            occurred_at=new.occurred_at,
            created_at=now,
        ),
        digest=new.digest,
    )


def insert_rows(tables: Tables, rows: Sequence[EventRow]) -> None:
    """Insert events; those whose id or external id is there are passed over."""
    for row in rows:
        external_id = row.event.external_id
        if row.event.id in tables.events:
            continue
        if external_id is not None:
            if external_id in tables.external_ids:
                continue
            tables.external_ids.put(external_id, row.event.id)
        tables.events.put(row.event.id, row)


def find_rows(tables: Tables, external_ids: Collection[str]) -> dict[str, tuple[UUID, bytes]]:
    """Return id and digest of the events with these external ids."""
    found: dict[str, tuple[UUID, bytes]] = {}
    for external_id in external_ids:
        event_id = tables.external_ids.get(external_id)
        row = None if event_id is None else tables.events.get(event_id)
        if row is not None:
            found[external_id] = (row.event.id, row.digest)
    return found


def undeleted(tables: Tables) -> list[Subscription]:
    """Return the subscriptions that are not deleted, by id."""
    found = [row.value() for row in tables.subscriptions]
    found = [one for one in found if one.status is not SubscriptionStatus.DELETED]
    return sorted(found, key=attrgetter("id"))


def is_due(row: Event | Delivery, now: int) -> bool:
    """Tell whether a row is due."""
    return row.due_at is not None and row.due_at <= now


def by_due(row: Event | Delivery) -> int:
    """Order rows by when they are due."""
    return row.due_at or 0
