"""Events as rows of their table."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, case, null

from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.domain.event import Event, EventState, NewEvent

LISTED: Final = [
    *(column for column in event.c if column.name not in {"body", "traceback"}),
    null().label("traceback"),
    case((event.c.arguments.is_(None), event.c.body)).label("body"),
]
"""The columns of an event in a list: without what is long and not shown there."""


def event_values(new: NewEvent) -> dict[str, Any]:
    """Return the columns of a new event, without its times."""
    return {
        "id": new.id,
        "external_id": new.external_id,
        "digest": new.digest,
        "name": new.name,
        "tenant": new.tenant,
        "arguments": new.arguments,
        "body": new.body,
        "state": EventState.OPEN.value,
        "claims": 0,
        "deaths": 0,
        "abandonments": 0,
        "occurred_at": new.occurred_at,
    }


def to_event(row: Row[Any]) -> Event:
    """Read an event."""
    values = row._mapping
    return Event(
        id=values["id"],
        external_id=values["external_id"],
        name=values["name"],
        tenant=values["tenant"],
        arguments=_bytes(values["arguments"]),
        body=_bytes(values["body"]),
        state=EventState(values["state"]),
        error=values["error"],
        traceback=values["traceback"],
        due_at=values["due_at"],
        claims=values["claims"],
        deaths=values["deaths"],
        abandonments=values["abandonments"],
        parked=values["parked"],
        owner=values["owner"],
        occurred_at=values["occurred_at"],
        created_at=values["created_at"],
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
