"""Publishing: the event goes into the ledger; its id goes to the broker after the commit."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.limits import (
    LONGEST_NAME,
    own_id_mistake,
    tenant_mistake,
    text_mistake,
)
from asyncevents_core.domain.payload import envelope, to_json
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.errors import EventConflict, InvalidPayload, PayloadTooLarge
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.events import EventWriter
from asyncevents_core.ports.observer import NOBODY, EventsPublished, Observers
from asyncevents_core.ports.resolver import Definitions
from asyncevents_core.showing import shown

SWEEP_AFTER: Final = 10.0
"""Seconds after which the sweep takes an event whose hand-off was lost."""


@frozen(kw_only=True)
class PublishRequest:
    """One event to publish, as the application gives it."""

    name: str
    data: object = field(repr=False)
    tenant: str | None = None
    event_id: str | None = None

    @classmethod
    def of(cls, one: object) -> PublishRequest:
        """Return it from a pair ``(name, data)``, or as it is. Raises TypeError for the rest."""
        if isinstance(one, PublishRequest):
            return one
        if isinstance(one, tuple | list) and len(one) == 2:
            name, data = one
            return cls(name=name, data=data)
        raise TypeError(f"a request is a pair (name, data) or a PublishRequest, not {shown(one)}")


@frozen(kw_only=True)
class PublishRules:
    """What `publish()` accepts, and the CloudEvents source of its events."""

    source: str
    max_payload_bytes: int
    arguments: ArgumentChecks


class Publisher(ABC):
    """Publishes. Thread-safe."""

    @abstractmethod
    def publish_many(
        self, requests: Sequence[PublishRequest], *, transaction: object | None
    ) -> list[UUID]:
        """Publish all of them or none, and return their ids in order.

        `transaction` is the caller's Session, Connection or DBAPI connection; without one they
        are committed here. Raises `PublishError` or `LedgerError`.
        """


class LedgerPublisher(Publisher):
    """Writes events to the ledger; `carrier` brings their ids to who delivers them."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        definitions: Definitions,
        rules: PublishRules,
        carrier: IdCarrier,
        observers: Observers = NOBODY,
    ) -> None:
        self._observers = observers
        self._ledger = ledger
        self._definitions = definitions
        self._rules = rules
        self._carrier = carrier

    def publish_many(
        self, requests: Sequence[PublishRequest], *, transaction: object | None
    ) -> list[UUID]:
        events = [prepare(request, self._definitions, self._rules) for request in requests]
        if not events:
            return []
        if transaction is None:
            ids = self._commit(events)
            self._committed(events, ids)
            return ids
        joined = self._ledger.join(transaction)
        ids = [event.id for event in events]
        observed = joined.on_commit(lambda: self._committed(events, ids))
        # A commit that cannot be observed is noticed by the sweep: due as soon as it is visible.
        return insert(joined.events, events, due_in=self._due_in() if observed else 0.0)

    def _committed(self, events: Sequence[NewEvent], ids: Sequence[UUID]) -> None:
        """Tell observers, and hand the ids over."""
        if self._observers.any:
            names = tuple(event.name for event in events)
            self._observers.tell(EventsPublished(event_ids=tuple(ids), names=names))
        self._carrier.submit(ids)

    def _due_in(self) -> float:
        """Return the seconds after which workers look for what no hand-off brought them."""
        return SWEEP_AFTER if self._carrier.works else 0.0

    def _commit(self, events: Sequence[NewEvent]) -> list[UUID]:
        if all(event.external_id is None for event in events):
            self._ledger.publish(events, due_in=self._due_in())
            return [event.id for event in events]

        def work(tx: LedgerTransaction) -> list[UUID]:
            return insert(tx.events, events, due_in=self._due_in())

        return self._ledger.run(work)


def prepare(request: PublishRequest, definitions: Definitions, rules: PublishRules) -> NewEvent:
    """Check a request against its definition and turn it into a row.

    Where no service is to resolve it, its body is made here, so that a worker need not write it.
    Raises `UnknownEvent`, `InvalidPayload`, `ServiceArguments`, `PayloadTooLarge`.
    """
    name = _checked_name(request)
    definition = definitions.get(name)
    data = to_json(request.data)
    if definition.service is not None and not data.startswith(b"{"):
        raise InvalidPayload(
            f"{name}: its service {definition.service} takes named arguments, so the data "
            f"must be an object such as {{'id': 42}}, not {type(request.data).__name__}"
        )
    if len(data) > rules.max_payload_bytes:
        raise PayloadTooLarge(
            f"{name}: the data is {len(data):,} bytes of JSON, the limit is "
            f"{rules.max_payload_bytes:,} (MAX_PAYLOAD_BYTES). Publish an id and let a service "
            "load the rest"
        )
    if definition.service is not None:
        rules.arguments.require(definition, data)
    if mistake := tenant_mistake(request.tenant):
        raise InvalidPayload(f"{name}: tenant {mistake}")
    if request.event_id is not None and (mistake := own_id_mistake(request.event_id)):
        raise InvalidPayload(f"{name}: event_id {mistake}")
    tenant, external_id = _exact(request.tenant), _exact(request.event_id)
    event_id, occurred_at = uuid7(), time.time_ns() // 1000
    body: bytes | None = None
    if definition.service is None:
        body = envelope(
            event_id=event_id,
            name=name,
            source=rules.source,
            occurred_at=occurred_at,
            tenant=tenant,
            data=data,
        )
    return NewEvent(
        id=event_id,
        external_id=external_id,
        digest=b"" if external_id is None else _digest(name, tenant, data),
        name=name,
        tenant=tenant,
        arguments=data if body is None else None,
        body=body,
        occurred_at=occurred_at,
    )


def _checked_name(request: PublishRequest) -> str:
    """Return the name. What is no text, or too long to be one, is nobody's event."""
    if mistake := text_mistake(request.name, LONGEST_NAME):
        raise InvalidPayload(f"name {mistake}")
    return str.__str__(request.name)


def _exact(text: str | None) -> str | None:
    """Return the text itself where it is of a subclass: drivers write enums by their names."""
    return None if text is None else str.__str__(text)


def insert(writer: EventWriter, events: Sequence[NewEvent], *, due_in: float) -> list[UUID]:
    """Insert events; those whose `external_id` is taken by the same content are that event.

    Raises `EventConflict` where it is taken by other content, or by what the transaction of
    `writer` cannot see.
    """
    wanted = {event.external_id: event for event in events if event.external_id is not None}
    if not wanted:
        writer.insert(events, due_in=due_in)
        return [event.id for event in events]
    for event in events:
        if event.external_id is not None:
            _same_content(event, wanted[event.external_id].digest)
    # Before the insert, so that a caller's transaction stays clean; after it, for a race.
    _known(writer, wanted)
    writer.insert(events, due_in=due_in)
    known = _known(writer, wanted)
    if len(known) < len(wanted):
        known = _known(writer, wanted, latest=True)
    for external_id in wanted.keys() - known.keys():
        raise EventConflict(
            f"event_id {external_id!r} was published meanwhile, which this transaction does not "
            "see: roll it back and publish again in a new one"
        )
    return [event.id if event.external_id is None else known[event.external_id] for event in events]


def _known(
    writer: EventWriter, wanted: dict[str, NewEvent], *, latest: bool = False
) -> dict[str, UUID]:
    found = writer.find(wanted.keys(), latest=latest)
    for external_id, (_, digest) in found.items():
        _same_content(wanted[external_id], digest)
    return {external_id: event_id for external_id, (event_id, _) in found.items()}


def _same_content(event: NewEvent, digest: bytes) -> None:
    if event.digest != digest:
        raise EventConflict(
            f"event_id {event.external_id!r} was published before with another name, tenant or "
            "data. An event_id names one event for ever: use a new one"
        )


def _digest(name: str, tenant: str | None, data: bytes) -> bytes:
    # Sorted, so that the order of keys does not make the content another one.
    canonical = json.dumps([name, tenant, json.loads(data)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
