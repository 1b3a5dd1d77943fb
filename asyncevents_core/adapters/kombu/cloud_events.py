"""CloudEvents that other programs put into the PUBLISH_QUEUE: one in a message, or a list."""

from __future__ import annotations

from collections.abc import Sequence

from asyncevents_core.adapters.kombu.publications import Reading, loaded
from asyncevents_core.adapters.kombu.received import ReceivedMessage
from asyncevents_core.domain.foreign_event import (
    ForeignEvent,
    read_cloud_event,
    read_cloud_events,
)
from asyncevents_core.errors import InvalidValue


class CloudEventMessages(Reading):
    """Takes every message: the queue is for these alone. What it says it is does not matter."""

    def takes(self, message: ReceivedMessage) -> bool:
        return True

    def read(self, message: ReceivedMessage) -> Sequence[ForeignEvent]:
        if message.compression is not None:
            raise ValueError("it is compressed")
        value = loaded(message.body, "it")
        try:
            if isinstance(value, list):
                return read_cloud_events(value, "events")
            return [read_cloud_event(value, "event")]
        except InvalidValue as error:
            raise ValueError(f"{error.field}: {error}") from None
