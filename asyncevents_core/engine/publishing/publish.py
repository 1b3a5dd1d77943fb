"""Publishing: the event goes into the ledger; its id goes to the broker after the commit."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, cast
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.event import OPERATIONAL, EventDefinition, NewEvent
from asyncevents_core.domain.instant import uuid7s
from asyncevents_core.domain.limits import (
    LONGEST_NAME,
    own_id_mistake,
    tenant_mistake,
    text_mistake,
)
from asyncevents_core.domain.payload import Frame, frame, to_json
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.engine.shared.schema_checks import UNCHECKED, SchemaChecks
from asyncevents_core.errors import EventConflict, InvalidPayload, PayloadTooLarge
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.events import EventWriter
from asyncevents_core.ports.observer import NOBODY, EventsPublished, Observers
from asyncevents_core.ports.resolver import Definitions
from asyncevents_core.ports.tracing import NO_TRACING, Tracing

SWEEP_AFTER: Final = 10.0
"""Seconds after which the sweep takes an event whose hand-off was lost."""


@frozen(kw_only=True)
class PublishRules:
    """What `publish()` accepts, and the CloudEvents source of its events.

    `schemas` check what has no service; with one, they are about what the service returns.
    """

    source: str
    max_payload_bytes: int
    arguments: ArgumentChecks
    schemas: SchemaChecks = UNCHECKED


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
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._observers = observers
        self._tracing = tracing
        self._ledger = ledger
        self._definitions = definitions
        self._rules = rules
        self._carrier = carrier

    def publish_many(
        self, requests: Sequence[PublishRequest], *, transaction: object | None
    ) -> list[UUID]:
        if not self._tracing.enabled:
            return self._publish(requests, transaction, None)
        with self._tracing.publishing([str(one.name) for one in requests]) as context:
            return self._publish(requests, transaction, context)

    def _publish(
        self,
        requests: Sequence[PublishRequest],
        transaction: object | None,
        context: TraceContext | None,
    ) -> list[UUID]:
        events = prepare(requests, self._definitions, self._rules, context)
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


def prepare(
    requests: Sequence[PublishRequest],
    definitions: Definitions,
    rules: PublishRules,
    context: TraceContext | None = None,
) -> list[NewEvent]:
    """Check requests against their definitions and turn them into rows, in order.

    Where no service is to resolve it, an event's body is made here, so that a worker need not
    write it. `context` is where those belong in a trace that do not say so themselves. Raises
    `UnknownEvent`, `InvalidPayload`, `ServiceArguments`, `PayloadTooLarge`.
    """
    kinds = _Kinds(definitions, rules, context)
    return [
        _prepared(request, event_id, kinds, rules)
        for request, event_id in zip(requests, uuid7s(len(requests)), strict=True)
    ]


def _prepared(
    request: PublishRequest, event_id: UUID, kinds: _Kinds, rules: PublishRules
) -> NewEvent:
    kind = kinds.of(request)
    name, definition = kind.name, kind.definition
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
    if kind.has_schema:
        rules.schemas.require(name, request.data, data)
    external_id = _checked_id(request, name)
    return NewEvent(
        id=event_id,
        external_id=external_id,
        digest=b"" if external_id is None else _digest(name, kind.tenant, data),
        name=name,
        tenant=kind.tenant,
        arguments=data if kind.frame is None else None,
        body=None if kind.frame is None else kind.frame.around(event_id, data),
        occurred_at=kinds.occurred_at,
        trace_context=kind.trace_context,
    )


@frozen(kw_only=True)
class _Kind:
    """What the events of one name, tenant and trace have in common.

    `frame` is that of their bodies. `has_schema`: what is published is checked by it.
    """

    name: str
    tenant: str | None
    definition: EventDefinition
    frame: Frame | None
    has_schema: bool
    trace_context: str | None


class _Kinds:
    """The kinds of events that are published together, each looked up and checked once."""

    def __init__(
        self, definitions: Definitions, rules: PublishRules, context: TraceContext | None
    ) -> None:
        self._context = context
        self.occurred_at = time.time_ns() // 1000
        self._definitions = definitions
        self._rules = rules
        self._known: dict[tuple[str, str | None, TraceContext | None], _Kind] = {}

    def of(self, request: PublishRequest) -> _Kind:
        """Return the kind of a request. Raises `UnknownEvent`, `InvalidPayload`."""
        name, tenant, context = request.name, request.tenant, request.trace_context
        if type(name) is not str:
            name = _checked_name(name)
        if type(tenant) is not str and tenant is not None:
            tenant = _checked_tenant(tenant, name)
        kind = self._known.get((name, tenant, context))
        if kind is None:
            kind = self._checked(name, tenant, context or self._context)
            self._known[name, tenant, context] = kind
        return kind

    def _checked(self, name: str, tenant: str | None, context: TraceContext | None) -> _Kind:
        definition = self._definitions.get(_checked_name(name))
        tenant = _checked_tenant(tenant, name)
        body: Frame | None = None
        if definition.service is None:
            body = frame(
                name=name,
                source=self._rules.source,
                occurred_at=self.occurred_at,
                tenant=tenant,
                trace_context=context,
            )
        return _Kind(
            name=name,
            tenant=tenant,
            definition=definition,
            frame=body,
            has_schema=body is not None and self._rules.schemas.has(name),
            trace_context=None if context is None else context.text,
        )


def _checked_name(name: object) -> str:
    """Return the name. What is no text, or too long to be one, is nobody's event."""
    if mistake := text_mistake(name, LONGEST_NAME):
        raise InvalidPayload(f"name {mistake}")
    checked = str.__str__(cast("str", name))
    if checked.startswith(OPERATIONAL):
        raise InvalidPayload(f"{checked}: asyncevents tells that itself, and nobody else does")
    return checked


def _checked_tenant(tenant: str | None, name: str) -> str | None:
    if mistake := tenant_mistake(tenant):
        raise InvalidPayload(f"{name}: tenant {mistake}")
    return _exact(tenant)


def _checked_id(request: PublishRequest, name: str) -> str | None:
    if request.event_id is not None and (mistake := own_id_mistake(request.event_id)):
        raise InvalidPayload(f"{name}: event_id {mistake}")
    return _exact(request.event_id)


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
            "see: roll it back and publish again in a new one",
            event_id=external_id,
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
            "data. An event_id names one event for ever: use a new one",
            event_id=event.external_id,
        )


def _digest(name: str, tenant: str | None, data: bytes) -> bytes:
    # Sorted, so that the order of keys does not make the content another one.
    canonical = json.dumps([name, tenant, json.loads(data)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
