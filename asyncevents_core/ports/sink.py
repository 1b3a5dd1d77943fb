"""Contract of a sink: where deliveries go (webhook, queue, bus, file, …)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.outcome import Outcome

SECRET: Final = "secret"  # noqa: S105 - a key, no password
"""Key in an attrs field's metadata: ``field(metadata={SECRET: True})`` is masked everywhere."""

Config = TypeVar("Config")


@frozen(kw_only=True)
class DeliveryRequest:
    """One attempt to make: everything that a sink needs, and nothing else.

    `delivery_id` is the trace id. `event_id` is the CloudEvent's id, the same for all
    subscribers, attempts and replays: receivers deduplicate on it. `body` is the CloudEvent
    in structured JSON (UTF-8), to be sent as it is. `secrets` holds the active ones, newest
    first. `options` are the subscription's own settings for this sink. `attempt` counts from 1.
    """

    delivery_id: UUID
    event_id: UUID
    event_name: str
    tenant: str | None
    subscription_id: int
    target: str
    body: bytes = field(repr=False)
    attempt: int
    secrets: tuple[str, ...] = field(default=(), repr=False)
    options: Mapping[str, object] = field(factory=dict, repr=False)


class Sink(ABC):
    """An open sink whose I/O is asynchronous.

    It lives on one event loop, the one that first calls `deliver`. Calls overlap: `deliver`
    must be safe for many deliveries at once.
    """

    @abstractmethod
    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """Make one attempt within `deadline` seconds, and say what it came to.

        Network errors, time-outs and refusals are outcomes, not exceptions. An exception is
        taken for a bug of the sink: logged with its traceback, recorded, retried. No retries
        of its own: the engine schedules them. `asyncio.CancelledError` must be let through.
        """

    async def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release connections; deliveries under way may fail. Called once, on the same loop."""


class BlockingSink(ABC):
    """An open sink whose I/O blocks: the engine calls it on a bounded pool of its own threads.

    `deliver` is called from several threads at once, at most `SinkType.concurrency` of them.
    """

    @abstractmethod
    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """As `Sink.deliver`, blocking. It must return soon after `deadline` by itself."""

    def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release what was opened. Called once, after the last `deliver` has returned."""


class SinkType(ABC, Generic[Config]):
    """What a plugin registers: a kind of sink, by name. Stateless; shared by all threads.

    `name` is what subscriptions and SINKS call it. `config_class` is an attrs class, made
    from ``SINKS[name]``; fields with ``metadata={SECRET: True}`` are masked in logs, pages
    and reprs. `concurrency` bounds the threads of a `BlockingSink`. `signs` tells that the
    sink uses a subscription's secret, so that one is made where none is given.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config_class: type[Config]
    concurrency: ClassVar[int] = 16
    signs: ClassVar[bool] = False

    @abstractmethod
    def validate_target(self, target: str, config: Config) -> None:
        """Raise `InvalidTarget` unless `target` can be delivered to. No I/O, no DNS."""

    @abstractmethod
    def open(self, config: Config) -> Sink | BlockingSink:
        """Return an open sink. SDKs are imported here, not at import of the plugin."""


AnySinkType = SinkType[Any]
