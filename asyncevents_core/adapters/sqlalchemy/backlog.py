"""The backlog: what is open, counted for people and for workers that report it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, select, true

from asyncevents_core.adapters.sqlalchemy.schema import delivery, event, subscription
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.trace import Backlog

# Those that are fanned out are most of them, and the index leads to the others.
_OPEN_OR_FAILED: Final = [one.value for one in EventState if one is not EventState.FANNED_OUT]


def backlog(sql: Statements, *, horizon: float, tenant: str | None) -> Backlog:
    """See `LedgerView.backlog`."""
    until = sql.clock() + round(horizon * 1e6)
    due_event = case((event.c.due_at <= until, 1), else_=0)
    events: dict[str, Any] = {}
    events_due = 0
    for row in sql.execute(
        select(
            event.c.state,
            func.count().label("rows"),
            func.sum(due_event).label("due"),
        )
        .where(event.c.state.in_(_OPEN_OR_FAILED), _event_of(tenant))
        .group_by(event.c.state)
    ):
        events[row.state] = row.rows
        if row.state != EventState.FAILED.value:
            events_due += int(row.due or 0)
    states: dict[str, int] = {}
    due = later = parked = 0
    due_delivery = case((delivery.c.due_at <= until, 1), else_=0)
    open_states = [
        state.value
        for state in DeliveryState
        if state not in {DeliveryState.DELIVERED, DeliveryState.CANCELLED}
    ]
    for row in sql.execute(
        select(
            delivery.c.state,
            delivery.c.parked,
            func.count().label("rows"),
            func.sum(due_delivery).label("due"),
        )
        .where(delivery.c.state.in_(open_states), _delivery_to(tenant))
        .group_by(delivery.c.state, delivery.c.parked)
    ):
        if row.state == DeliveryState.WAITING.value and row.parked:
            parked += row.rows
        elif row.state == DeliveryState.WAITING.value:
            due = int(row.due or 0)
            later = row.rows - due
        else:
            states[row.state] = states.get(row.state, 0) + row.rows
    return Backlog(
        events_open=events.get(EventState.OPEN.value, 0),
        events_due=events_due,
        events_resolving=events.get(EventState.RESOLVING.value, 0),
        events_failed=events.get(EventState.FAILED.value, 0),
        waiting_due=due,
        waiting_later=later,
        parked=parked,
        leased=states.get(DeliveryState.LEASED.value, 0),
        held=states.get(DeliveryState.HELD.value, 0),
        dead=states.get(DeliveryState.DEAD.value, 0),
        oldest_due_at=_oldest_due_at(sql, tenant),
    )


def _oldest_due_at(sql: Statements, tenant: str | None) -> int | None:
    oldest_event = select(func.min(event.c.due_at)).where(
        event.c.state == EventState.OPEN.value, _event_of(tenant)
    )
    oldest_delivery = select(func.min(delivery.c.due_at)).where(
        delivery.c.state == DeliveryState.WAITING.value,
        delivery.c.parked.is_(False),
        _delivery_to(tenant),
    )
    oldest = [sql.execute(one).scalar_one() for one in (oldest_event, oldest_delivery)]
    return min((one for one in oldest if one is not None), default=None)


def _event_of(tenant: str | None) -> ColumnElement[bool]:
    return true() if tenant is None else event.c.tenant == tenant


def _delivery_to(tenant: str | None) -> ColumnElement[bool]:
    if tenant is None:
        return true()
    own = select(subscription.c.id).where(subscription.c.tenant == tenant)
    return delivery.c.subscription_id.in_(own)
