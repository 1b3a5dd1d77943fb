"""The sink `eventbridge`: PutEvents."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from asyncevents_aws.clients import ClientSettings
from asyncevents_aws.config import EventBridgeConfig
from asyncevents_aws.expressions import Event
from asyncevents_aws.failures import of_entry, unanswered
from asyncevents_aws.options import MIB, EventBridgeOptions
from asyncevents_aws.sink import AwsSink, Item, Route
from asyncevents_aws.targets import Bus, read_bus
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Failure, Outcome

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

logger = logging.getLogger("asyncevents.aws")

_TIME: Final = 14
_LONGEST_SOURCE: Final = 256
_LONGEST_DETAIL_TYPE: Final = 128
_BUSES_KEPT: Final = 4096


class EventBridgeSink(
    AwsSink[Bus, EventBridgeOptions, "EventBridgeClient", "PutEventsRequestEntryTypeDef"]
):
    """Puts events on buses.

    10 entries and less than 1 MiB a call: PutEvents in botocore's model of EventBridge
    (2015-10-07). The size of an entry is 14 bytes for Time, and those of Source, DetailType and
    Detail in UTF-8: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
    """

    name = "eventbridge"
    service = "events"
    limits = BatchLimits(entries=10, bytes=MIB - 1)
    # A policy may allow some sources or detail types only, and then refuses a whole call.
    to_blame = AwsSink.to_blame | {Failure.DENIED}

    def __init__(self, config: EventBridgeConfig) -> None:
        super().__init__(config)
        self._config = config
        self._known: set[tuple[ClientSettings, str]] = set()

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return _TIME + _LONGEST_SOURCE + len(request.event_name.encode()) + len(request.body)

    def _read_target(self, text: str) -> Bus:
        bus = read_bus(text)
        if bus.of_rule:
            logger.warning(
                "%s names a rule: events are put on the bus %r; write …:event-bus/%s instead",
                text,
                bus.name,
                bus.name,
            )
        return bus

    def _limit(self, route: Route[Bus, EventBridgeOptions]) -> int:
        return MIB - 1

    def _item(
        self, route: Route[Bus, EventBridgeOptions], event: Event, number: int
    ) -> Item[PutEventsRequestEntryTypeDef]:
        content, request = event.content, event.request
        source = self._config.source or source_of(str(content.get("source", "")))
        kind = request.event_name[:_LONGEST_DETAIL_TYPE]
        size = _TIME + len(source.encode()) + len(kind.encode()) + len(request.body)
        entry: PutEventsRequestEntryTypeDef = {
            "Source": source,
            "DetailType": kind,
            "Detail": request.body.decode(),
            "EventBusName": route.target.name,
            "Time": datetime.fromisoformat(content["time"]),
        }
        return Item(number=number, entry=entry, size=size)

    def _send(
        self,
        route: Route[Bus, EventBridgeOptions],
        items: Sequence[Item[PutEventsRequestEntryTypeDef]],
        client: Callable[[], EventBridgeClient],
    ) -> Sequence[Outcome]:
        if self._config.check_bus:
            self._check(route, client)
        answer = client().put_events(Entries=[item.entry for item in items])
        entries = answer.get("Entries", ())
        return [_outcome(one) for _, one in zip_longest(items, entries)][: len(items)]

    def _check(
        self, route: Route[Bus, EventBridgeOptions], client: Callable[[], EventBridgeClient]
    ) -> None:
        """Ask once whether the bus exists; the SDK's error says so where it does not."""
        key = (route.settings, route.target.name)
        if key in self._known:
            return
        client().describe_event_bus(Name=route.target.name)
        if len(self._known) >= _BUSES_KEPT:
            self._known.clear()
        self._known.add(key)


@functools.lru_cache(256)
def source_of(source: str) -> str:
    """Return the host of a CloudEvent's source; the source itself where it has no host.

    >>> source_of("https://shop.example.com/orders"), source_of("/asyncevents")
    ('shop.example.com', '/asyncevents')
    """
    try:
        return urlsplit(source).hostname or source
    except ValueError:
        return source


def _outcome(entry: Mapping[str, Any] | None) -> Outcome:
    if entry is None:
        return unanswered().outcome()
    if entry.get("ErrorCode"):
        return of_entry(entry["ErrorCode"], entry.get("ErrorMessage")).outcome()
    return Outcome.delivered(f"event {entry.get('EventId', '')}")
