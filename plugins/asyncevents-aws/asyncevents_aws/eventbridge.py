"""The sink `eventbridge`: PutEvents, up to ten events in a call."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from asyncevents_aws.config import EventBridgeConfig
from asyncevents_aws.expressions import Event
from asyncevents_aws.failures import of_code
from asyncevents_aws.options import EventBridgeOptions
from asyncevents_aws.sink import AwsSink, Entry
from asyncevents_aws.targets import Bus, read_bus
from asyncevents_core import BatchLimits, DeliveryRequest, Outcome

logger = logging.getLogger("asyncevents.aws")

# "The total entry size must be less than 1MB", which may mean either megabyte:
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
LIMITS: Final = BatchLimits(entries=10, bytes=1_000_000)
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html: how size counts.
_TIME_BYTES: Final = 14
_LONGEST_SOURCE: Final = 256
_LONGEST_DETAIL_TYPE: Final = 128


class EventBridgeSink(AwsSink[EventBridgeConfig, EventBridgeOptions, Bus]):
    """Puts events on a bus. Detail is the CloudEvent, DetailType the event's name."""

    service = "events"
    what = "one call of PutEvents"
    options_class = EventBridgeOptions

    def __init__(self, config: EventBridgeConfig) -> None:
        super().__init__(config, LIMITS)

    def read(self, target: str) -> Bus:
        """See `AwsSink`."""
        bus = read_bus(target)
        if bus.of_rule:
            logger.warning(
                "the target is the ARN of a rule, read as that of the bus of this name",
                extra={"target": target, "bus": bus.name},
            )
        return bus

    def region(self, target: Bus) -> str | None:
        """See `AwsSink`."""
        return target.region

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        names = len(request.event_name.encode()) + len(self._source(request).encode())
        return len(request.body) + names + _TIME_BYTES

    def entry(
        self, number: int, request: DeliveryRequest, target: Bus, options: EventBridgeOptions
    ) -> Entry:
        """See `AwsSink`."""
        return {
            "Source": self._source(request),
            "DetailType": request.event_name[:_LONGEST_DETAIL_TYPE],
            "Detail": request.body.decode(),
            "EventBusName": target.name,
        }

    def call(self, client: Any, target: Bus, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """See `AwsSink`: results come in the order of the entries."""
        answer = client.put_events(Entries=entries)
        return [
            of_code(one["ErrorCode"], one.get("ErrorMessage", ""))
            if one.get("ErrorCode")
            else Outcome.delivered(f"event {one.get('EventId', '?')}", status=200)
            for one in answer["Entries"]
        ]

    def _source(self, request: DeliveryRequest) -> str:
        if self.config.source is not None:
            return self.config.source
        source = Event(request).source
        return (urlsplit(source).hostname or source or "asyncevents")[:_LONGEST_SOURCE]
