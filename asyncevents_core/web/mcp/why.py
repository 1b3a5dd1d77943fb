"""Why something did not arrive: events that have a value, and what became of each, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import LogFilter, Trace
from asyncevents_core.errors import IndexUnavailable, SearchOff, SearchTimeout
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.ports.sink import EXAMPLE, HELP
from asyncevents_core.web.api.parameters import checked_name
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.tool import Tool

_MOST_EVENTS: Final = 10
_MOST_DELIVERIES: Final = 20
_MOST_ATTEMPTS: Final = 2
_FOUND: Final = 100
_LATEST: Final = 1_000
"""Events that are looked through besides the search, which knows of attempts only."""
_PAGE: Final = 100


@frozen(kw_only=True)
class WhyArguments:
    """What was expected to arrive."""

    value: str = field(
        validator=[validators.min_len(1), validators.max_len(500)],
        metadata={
            HELP: "A value of the payload, such as the number of an order; or the UUID of an event "
            "or of a delivery.",
            EXAMPLE: "10042",
        },
    )
    event_name: str | None = field(default=None, metadata={HELP: "Of this event only."})


@frozen(kw_only=True)
class FateOfDelivery:
    """A delivery, how it stands, and what to do about it (`said`)."""

    uuid: UUID
    subscription_id: int
    target: str
    delivery_state: DeliveryState
    said: str


@frozen(kw_only=True)
class FateOfEvent:
    """An event, how it stands (`said`), and its deliveries."""

    event_id: UUID
    event_name: str
    published_at: datetime
    state: EventState
    said: str
    deliveries: list[FateOfDelivery]


@frozen(kw_only=True)
class Why:
    """The `answer` in words, and the same in parts, newest first."""

    answer: str
    events: list[FateOfEvent]


class WhyNotDelivered(Tool[WhyArguments]):
    """What became of the events that have a value."""

    name = "why_not_delivered"
    title = "Find out why something did not arrive"
    about = (
        "Look up the newest events that have a value in their payload, such as the number of an "
        "order, and say in words what became of each: delivered, waiting for a retry, given up and "
        "why, held, failed before it was sent, or wanted by nobody."
    )
    resources = (Resource.LOGS_LIST, Resource.LOGS_TRACE)
    arguments = WhyArguments

    async def answer(self, arguments: WhyArguments, door: Door) -> Why:
        """See `Tool`."""
        name = checked_name("event_name", arguments.event_name)
        found, note = await door.backend.run(lambda: _searched(arguments.value, name, door))
        events = await door.backend.read(
            lambda view: _fates(view, arguments.value, name, found, door.actor)
        )
        return Why(answer=_answer(arguments.value, events, note), events=events)


def _searched(value: str, name: str | None, door: Door) -> tuple[Sequence[UUID], str]:
    """Return the events of attempts that the search finds, and what the search could not do."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    wanted = LogFilter(event_name=name, tenant=door.actor.tenant)
    try:
        found = door.backend.search.page(f'"{escaped}"', wanted, limit=_FOUND)
    except (SearchOff, IndexUnavailable, SearchTimeout) as error:
        return [], f"Only the latest {_LATEST} events were looked through: {error}."
    if found.behind.waiting:
        return [row.event_id for row in found.rows], "The search does not know the latest yet."
    return [row.event_id for row in found.rows], ""


def _fates(
    view: LedgerView, value: str, name: str | None, found: Sequence[UUID], actor: Actor
) -> list[FateOfEvent]:
    tenant = actor.tenant
    ids = {*found, *_named(view, value, tenant), *_latest(view, value, name, tenant)}
    fates = []
    for one in sorted(ids, reverse=True):
        event = view.events.get(one)
        if event is None or (name is not None and event.name != name):
            continue
        traces = view.traces.of_event(one, limit=_MOST_DELIVERIES + 1, tenant=tenant)
        # What was for all tenants is seen by one of them as far as its own deliveries go.
        if traces or actor.sees(event.tenant):
            fates.append(_fate_of(event, traces))
        if len(fates) == _MOST_EVENTS:
            break
    return fates


def _named(view: LedgerView, value: str, tenant: str | None) -> Iterator[UUID]:
    """Yield the event that a UUID means: its own, or its delivery's."""
    try:
        identifier = UUID(value.strip())
    except ValueError:
        return
    yield identifier
    trace = view.traces.of_delivery(identifier, tenant=tenant, most=_MOST_ATTEMPTS)
    if trace is not None:
        yield trace.event.id


def _latest(view: LedgerView, value: str, name: str | None, tenant: str | None) -> Iterator[UUID]:
    """Yield those of the latest events that have a value: nothing may have been sent of them."""
    before: UUID | None = None
    for _ in range(_LATEST // _PAGE):
        rows = view.events.page(name=name, limit=_PAGE, before=before, tenant=tenant)
        yield from (one.id for one in rows if _has(one.published, value))
        if len(rows) < _PAGE:
            return
        before = rows[-1].id


def _has(published: bytes, value: str) -> bool:
    # Numbers and plain texts stand in JSON as they are, so that most is not read at all.
    if value.isascii() and value.isalnum() and value.lower().encode() not in published.lower():
        return False
    wanted = value.casefold()
    return any(str(one).casefold() == wanted for one in _leaves(json.loads(published)))


def _leaves(value: object) -> Iterator[object]:
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
        else:
            yield one


def _fate_of(event: Event, traces: Sequence[Trace]) -> FateOfEvent:
    return FateOfEvent(
        event_id=event.id,
        event_name=event.name,
        published_at=to_datetime(event.created_at),
        state=event.state,
        said=_said_of(event, traces),
        deliveries=[
            FateOfDelivery(
                uuid=one.delivery.id,
                subscription_id=one.delivery.subscription_id,
                target=one.target,
                delivery_state=one.delivery.state,
                said=_said_of_delivery(one),
            )
            for one in traces[:_MOST_DELIVERIES]
        ],
    )


def _said_of(event: Event, traces: Sequence[Trace]) -> str:
    if event.state is EventState.FAILED:
        return (
            f"its service failed, so nothing was sent: {event.error}. Once that is mended, replay "
            f"{event.id}"
        )
    if event.state is not EventState.FANNED_OUT:
        failed = f"; its service failed so far: {event.error}" if event.error else ""
        return f"no worker has made deliveries of it yet{failed}"
    if not traces:
        return (
            "nobody was to get it: no subscription had its name then, or their filters did not let "
            "it pass"
        )
    if len(traces) > _MOST_DELIVERIES:
        return f"it was for more than {_MOST_DELIVERIES} subscriptions; trace {event.id} has more"
    return f"it was for {len(traces)} subscription{'' if len(traces) == 1 else 's'}"


def _said_of_delivery(trace: Trace) -> str:
    delivery, attempts = trace.delivery, trace.attempts
    said = trace.summary
    if attempts:
        last = attempts[-1]
        said += f"; the last attempt, at {_time(last.started_at)}, ended with: {last.detail}"
    if delivery.state is DeliveryState.DEAD:
        return f"{said}; {_way_out(trace)}"
    if delivery.state is DeliveryState.HELD:
        return f"{said}; it goes on when subscription {delivery.subscription_id} is enabled"
    if delivery.state is DeliveryState.WAITING and delivery.due_at is not None:
        return f"{said}; due at {_time(delivery.due_at)}"
    return said


def _way_out(trace: Trace) -> str:
    """Say what was, or can be, done about a delivery that was given up."""
    delivery = trace.delivery
    if trace.replays:
        return f"replayed as {trace.replays[-1]}"
    if trace.subscription_status is SubscriptionStatus.DELETED:
        return "its subscription was deleted since"
    if trace.subscription_status is SubscriptionStatus.DISABLED:
        return (
            f"subscription {delivery.subscription_id} is disabled: once it is enabled, replay "
            f"{delivery.id} sends it again"
        )
    return f"replay {delivery.id} sends it again"


def _answer(value: str, events: Sequence[FateOfEvent], note: str) -> str:
    if not events:
        lines = [f"No event with {value!r} was found: perhaps it was never published, or is gone."]
    else:
        lines = [
            f"{len(events)} event{'' if len(events) == 1 else 's'} with {value!r}, newest first:"
        ]
    for event in events:
        lines.append(
            f"- {event.event_name} {event.event_id}, published at {iso(event.published_at)}: "
            f"{event.said}"
        )
        lines += [
            f"  - to {one.target} (subscription {one.subscription_id}), delivery {one.uuid}: "
            f"{one.said}"
            for one in event.deliveries
        ]
    return "\n".join([*lines, *([note] if note else [])])


def _time(instant: int) -> str:
    return iso(to_datetime(instant))
