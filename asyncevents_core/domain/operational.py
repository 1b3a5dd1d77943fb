"""Events about the framework itself: what people may want to hear of, by any sink.

They are defined like any other event, and are made only where somebody subscribes to them. Who
does needs the resource by which the same can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.event import OPERATIONAL, EventDefinition

__all__ = [
    "DEAD",
    "DEFINITIONS",
    "DISABLED",
    "FAILED",
    "FAILING",
    "LATE",
    "LOST",
    "NAMES",
    "OPERATIONAL",
    "RECOVERED",
]

FAILING: Final = f"{OPERATIONAL}subscription.failing"
DISABLED: Final = f"{OPERATIONAL}subscription.disabled"
RECOVERED: Final = f"{OPERATIONAL}subscription.recovered"
DEAD: Final = f"{OPERATIONAL}delivery.dead"
FAILED: Final = f"{OPERATIONAL}event.failed"
LATE: Final = f"{OPERATIONAL}backlog.late"
LOST: Final = f"{OPERATIONAL}worker.lost"

_TITLES: Final = {
    FAILING: "A recipient fails time after time",
    DISABLED: "A subscription was disabled, since its recipient failed for too long or is gone",
    RECOVERED: "A recipient that failed time after time is well again",
    DEAD: "A delivery was given up",
    FAILED: "An event could not be made: its service failed",
    LATE: "Events or deliveries have been due for too long",
    LOST: "A worker has vanished",
}
_TIME: Final = {"type": "string", "format": "date-time"}
_ID: Final = {"type": "string", "format": "uuid"}
_TEXT: Final = {"type": "string"}
_OPTIONAL: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": "integer"}
_SUBSCRIPTION: Final = {
    "subscription_id": _NUMBER,
    "event_name": _TEXT,
    "sink": _TEXT,
    "target": _TEXT,
    "tenant": _OPTIONAL,
}
_STREAK: Final = {"failures": _NUMBER, "failing_since": _TIME, "error": _OPTIONAL}
_OF_EACH: Final[Mapping[str, Mapping[str, object]]] = {
    "at": {**_TIME, "description": "When it was noticed."},
    "left_out": {
        **_NUMBER,
        "description": "How many of this kind were not told before, as there were too many.",
    },
}
_MAY_LACK: Final = frozenset({*_STREAK, "left_out"})
"""What is not there each time: a recipient that is gone may never have failed before."""
_DATA: Final[Mapping[str, Mapping[str, object]]] = {
    FAILING: {**_SUBSCRIPTION, **_STREAK},
    DISABLED: {**_SUBSCRIPTION, **_STREAK, "reason": _TEXT},
    RECOVERED: {**_SUBSCRIPTION, "failures": _NUMBER, "failing_since": _TIME},
    DEAD: {
        "delivery_id": _ID,
        "event_id": _ID,
        "reason": _TEXT,
        "error": _TEXT,
        **_SUBSCRIPTION,
    },
    FAILED: {"event_id": _ID, "event_name": _TEXT, "error": _OPTIONAL},
    LATE: {
        "oldest_due_at": _TIME,
        "oldest_due_seconds": {"type": "number"},
        "events_open": _NUMBER,
        "deliveries_due": _NUMBER,
        "retries_scheduled": _NUMBER,
    },
    LOST: {"worker_id": _ID, "host": _TEXT, "pid": _NUMBER, "last_seen": _TIME},
}
NAMES: Final = tuple(_TITLES)
_OF_ALL: Final = (LATE, LOST)
"""Those about the whole installation."""
DEFINITIONS: Final = tuple(
    EventDefinition(
        name=name,
        title=title,
        resources=(Resource.MANAGE if name in _OF_ALL else Resource.LOGS_LIST,),
        schema={
            "type": "object",
            "properties": {**_DATA[name], **_OF_EACH},
            "required": [one for one in (*_DATA[name], *_OF_EACH) if one not in _MAY_LACK],
        },
    )
    for name, title in _TITLES.items()
)
