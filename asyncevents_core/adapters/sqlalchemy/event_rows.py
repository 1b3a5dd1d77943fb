"""Events as rows of their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, null

from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.domain.event import Event, EventState, NewEvent

_UNLISTED: Final[Mapping[str, ColumnElement[Any]]] = {
    "body": case((event.c.arguments.is_(None), event.c.body)).label("body"),
    "traceback": null().label("traceback"),
}
LISTED: Final = [_UNLISTED.get(column.name, column) for column in event.c]
"""The columns of an event in a list: without what is long and not shown there."""
_STATES: Final = {one.value: one for one in EventState}


def event_values(new: NewEvent) -> dict[str, Any]:
    """Return the columns of a new event, without its times."""
    return {column: value for column, (value,) in event_columns([new]).items()}


def event_columns(new: Sequence[NewEvent]) -> dict[str, list[Any]]:
    """Return the columns of new events, without their times: a list of values for each."""
    none = [0] * len(new)
    return {
        "id": [one.id for one in new],
        "external_id": [one.external_id for one in new],
        "digest": [one.digest for one in new],
        "name": [one.name for one in new],
        "tenant": [one.tenant for one in new],
        "arguments": [one.arguments for one in new],
        "body": [one.body for one in new],
        "state": [EventState.OPEN.value] * len(new),
        "claims": none,
        "deaths": none,
        "abandonments": none,
        "occurred_at": [one.occurred_at for one in new],
        "trace_context": [one.trace_context for one in new],
    }


def to_event(row: Sequence[Any]) -> Event:
    """Read an event from a row that begins with the columns of its table, or with `LISTED`."""
    # By position: by name each value is looked up, for every event that is claimed.
    (
        id_,
        external_id,
        _digest,
        name,
        tenant,
        arguments,
        body,
        state,
        error,
        traceback,
        due_at,
        claims,
        deaths,
        abandonments,
        parked,
        owner,
        occurred_at,
        created_at,
        trace_context,
        *_,
    ) = row
    return Event(
        id=id_,
        external_id=external_id,
        name=name,
        tenant=tenant,
        arguments=_bytes(arguments),
        body=_bytes(body),
        state=_STATES[state],
        error=error,
        traceback=traceback,
        due_at=due_at,
        claims=claims,
        deaths=deaths,
        abandonments=abandonments,
        parked=parked,
        owner=owner,
        occurred_at=occurred_at,
        created_at=created_at,
        trace_context=trace_context,
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
