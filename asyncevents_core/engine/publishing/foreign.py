"""Publish what other programs ask for: all of it or none, and what is refused is named."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from attrs import evolve, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.foreign_event import ForeignEvent
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.engine.publishing.publish import Publisher, PublishRules, prepare
from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.errors import (
    AccessDenied,
    AsyncEventsError,
    EventConflict,
    IdempotencyConflict,
    PublishError,
    UnknownEvent,
)
from asyncevents_core.ports.resolver import Definitions


class EventRefused(AsyncEventsError):
    """One of the events is refused, and with it all of them.

    `index` counts from 0, `field` is "name", "tenant", "event_id" or "data", `error` says why.
    """

    def __init__(self, index: int, field: str, error: AsyncEventsError) -> None:
        super().__init__(str(error))
        self.index = index
        self.field = field
        self.error = error


@frozen(kw_only=True)
class ForeignEvents:
    """Publishes for others. Thread-safe."""

    publisher: Publisher
    definitions: Definitions
    rules: PublishRules

    def publish(
        self,
        events: Sequence[ForeignEvent],
        *,
        by: Actor,
        idempotency: IdempotentRequest | None = None,
    ) -> list[UUID]:
        """Publish all of them, or none, and return their ids in order.

        With `idempotency` those that have no `event_id` get one each, of its key and their place.
        Raises `EventRefused`, `IdempotencyConflict`, `LedgerError`.
        """
        requests = [
            request_of(_with_id(self._permitted(one, index, by), index, idempotency))
            for index, one in enumerate(events)
        ]
        try:
            return self.publisher.publish_many(requests, transaction=None)
        except PublishError as error:
            found = refused_of(requests, error, self.definitions, self.rules)
            if (
                idempotency is not None
                and isinstance(error, EventConflict)
                and (found is None or events[found.index].event_id is None)
            ):
                raise IdempotencyConflict(
                    "this idempotency key was used for other events: send a new key with them"
                ) from error
            if found is None:
                raise
            raise found from error

    def _permitted(self, event: ForeignEvent, index: int, by: Actor) -> ForeignEvent:
        """Return the event as `by` may publish it. Raises `EventRefused`."""
        try:
            by.require_publishing(event.name)
            needed = self.definitions.get(event.name).resources
            by.require(needed, to=f"publish {event.name}")
        except (AccessDenied, UnknownEvent) as error:
            raise EventRefused(index, "name", error) from error
        if by.tenant is None:
            return event
        if event.tenant not in (None, by.tenant):
            denied = AccessDenied(f"you are bound to tenant {by.tenant!r}")
            raise EventRefused(index, "tenant", denied)
        return event.of_tenant(by.tenant)


def request_of(event: ForeignEvent) -> PublishRequest:
    """Return what is to be published for it."""
    return PublishRequest(
        name=event.name,
        data=event.data,
        tenant=event.tenant,
        event_id=event.event_id,
        trace_context=event.trace_context,
    )


def refused_of(
    requests: Sequence[PublishRequest],
    error: PublishError,
    definitions: Definitions,
    rules: PublishRules,
) -> EventRefused | None:
    """Return which of the requests `error` is about; None where that cannot be told."""
    if isinstance(error, EventConflict):
        ids = [one.event_id for one in requests]
        if error.event_id not in ids:
            return None
        return EventRefused(ids.index(error.event_id), "event_id", error)
    for index, request in enumerate(requests):
        try:
            prepare([request], definitions, rules)
        except PublishError as own:
            field = "name" if isinstance(own, UnknownEvent) else "data"
            return EventRefused(index, field, own)
    return None


def _with_id(
    event: ForeignEvent, index: int, idempotency: IdempotentRequest | None
) -> ForeignEvent:
    if idempotency is None or event.event_id is not None:
        return event
    return evolve(event, event_id=f"idempotency:{idempotency.key} {index}")
