"""Contract of a sink: where deliveries go (webhook, queue, bus, file, …)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

import attrs
from attrs import field, frozen, validators

from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.showing import SECRET

__all__ = [
    "DEVELOPMENT",
    "EXAMPLE",
    "GROUP",
    "HELP",
    "LINES",
    "ORDER",
    "SECRET",
    "TITLE",
    "WHOLE_SINK",
    "AnySinkType",
    "BatchLimits",
    "BatchingSink",
    "BlockingSink",
    "DeliveryRequest",
    "NoOptions",
    "SentRequest",
    "Sink",
    "SinkType",
]

Config = TypeVar("Config")
Options = TypeVar("Options")

HELP: Final = "help"
"""Key in the metadata of an option's field: a sentence for people who fill in a form.

``region: str | None = field(default=None, metadata={HELP: "Where the queue is, if ..."})``
"""

TITLE: Final = "title"
"""Key in the metadata of an option's field: what the field is called for people, else its name."""
EXAMPLE: Final = "example"
"""Key in the metadata of an option's field: a value that it could have."""
LINES: Final = "lines"
"""Key in the metadata of an option's field: True for a text of several lines, as in PEM."""
GROUP: Final = "group"
"""Key in the metadata of an option's field: the heading that forms put it under, with others.

Groups are folded until something in them has a value. Fields without one are always seen.
"""
ORDER: Final = "order"
"""Key in the metadata of an option's field: a number; forms have lower ones first. Else: 0."""

WHOLE_SINK: Final = "sink"
"""The privilege of a sink that does not say what it uses."""

DEVELOPMENT: Final = "development"
"""Key in the metadata of a `config_class`'s field: the value that `asyncevents init --dev` writes.

A text, a number, a bool, None, or a list of these: ``metadata={DEVELOPMENT: ["localhost"]}``.
"""


@frozen(kw_only=True)
class NoOptions:
    """The options of a sink that has none."""


@frozen(kw_only=True)
class DeliveryRequest:
    """One attempt to make: everything that a sink needs, and nothing else.

    `delivery_id` is the trace id. `event_id` is the CloudEvent's id, the same for all
    subscribers, attempts and replays: receivers deduplicate on it. `body` is the CloudEvent
    in structured JSON (UTF-8), to be sent as it is. `secrets` holds the active ones, newest
    first. `options` are the subscription's own settings for this sink, an instance of
    `SinkType.options_class`; `prepared` is what `SinkType.prepare` made of them and of `target`.
    `attempt` counts from 1. `trace_context` is where the attempt belongs in the trace of the
    application, for those who can be told so: its `attributes` are headers.
    """

    delivery_id: UUID
    event_id: UUID
    event_name: str
    tenant: str | None
    subscription_id: int
    target: str
    body: bytes = field(repr=False)
    attempt: int
    trace_context: TraceContext | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    options: Any = field(factory=NoOptions, repr=False)
    prepared: Any = field(default=None, repr=False)


@frozen(kw_only=True)
class SentRequest:
    """A request of HTTP as an attempt sends it, for people who look at it or send it by hand.

    `headers` are in their order. `signed` names, in lower case, those that only who may send
    deliveries again gets to see.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    signed: tuple[str, ...] = ()


class Sink(ABC):
    """An open sink whose I/O is asynchronous.

    It lives on one event loop, the one that first calls `deliver`. Calls overlap: `deliver`
    must be safe for many deliveries at once.
    """

    @abstractmethod
    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """Make one attempt within `deadline` seconds, and return its outcome.

        Network errors, time-outs and refusals are outcomes, not exceptions. An exception is
        taken for a bug of the sink: logged with its traceback, recorded, retried. No retries
        of its own: the engine schedules them. `asyncio.CancelledError` must be let through.
        """

    async def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release connections; deliveries under way end, and may fail.

        Called once, on the same loop; a second call does no harm.
        """


class BlockingSink(ABC):
    """An open sink whose I/O blocks: the engine calls it on a bounded pool of its own threads.

    `deliver` is called from several threads at once, at most `SinkType.concurrency` of them.
    """

    @abstractmethod
    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """As `Sink.deliver`, blocking. It must return soon after `deadline` by itself."""

    def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release what was opened. Called once, after the last `deliver` has returned.

        A second call does no harm.
        """


@frozen(kw_only=True)
class BatchLimits:
    """What fits into one call of a `BatchingSink`: so many requests, so many bytes in sum."""

    entries: int = field(validator=validators.ge(1))
    bytes: int | None = None


class BatchingSink(BlockingSink):
    """A blocking sink whose API takes many requests in one call.

    Nothing waits for a batch to fill: whatever is there when a thread is free travels together,
    so batches grow with the load.
    """

    limits: BatchLimits

    @abstractmethod
    def group(self, request: DeliveryRequest) -> Hashable:
        """Return a key; requests with the same one may travel in one call. Must be cheap."""

    def size(self, request: DeliveryRequest) -> int:
        """Return the bytes that a request counts against `limits.bytes`. Must be cheap."""
        return len(request.body)

    @abstractmethod
    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        """Make one attempt for each request, of one group; return their outcomes in order.

        They are within `limits`, except that a single request may be larger than
        `limits.bytes`: refuse it as `Failure.TOO_LARGE`. An exception is taken for the fate of
        all of them.
        """

    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """Make one attempt: a batch of one."""
        (outcome,) = self.deliver_batch((request,), deadline)
        return outcome


class SinkType(ABC, Generic[Config, Options]):
    """What a plugin registers: a kind of sink, by name. Stateless; shared by all threads.

    `name` is what subscriptions and SINKS call it: lower-case letters, digits, ``-``, ``_`` and
    ``.``. Settings may give a kind more names, each with a configuration of its own.
    `config_class` is an attrs class, made from ``SINKS[name]``; `options_class` one for the options
    of a subscription, which the ledger keeps encrypted. Fields with ``metadata={SECRET: True}``
    are masked in logs, pages and reprs.
    `icon` is a picture as the text of an SVG document, which is shown small; "" for none.
    `concurrency` bounds the threads of a `BlockingSink`. `signs` says whether the sink uses a
    subscription's secret, so that one is made where none is given.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config_class: type[Config]
    options_class: type[Any] = NoOptions
    concurrency: ClassVar[int] = 16
    signs: ClassVar[bool] = False
    icon: ClassVar[str] = ""

    @abstractmethod
    def validate_target(self, target: str, config: Config) -> None:
        """Raise `InvalidTarget` unless `target` can be delivered to. No I/O, no DNS."""

    def validate_options(self, options: Options, target: str, config: Config) -> None:
        """Raise `InvalidOptions` where options that fit their class do not fit the rest."""

    def prepare(self, target: str, options: Options, config: Config) -> object:
        """Return what all deliveries of a subscription need, such as its target in parts.

        The engine calls it once for a target and its options, keeps the result, and hands it to
        the sink in `DeliveryRequest.prepared`. No I/O. What it raises is the outcome of
        the attempt: `InvalidTarget` and `InvalidOptions` for what no retry mends, `SettingsError`
        for what an operator has to mend.
        """
        return None

    def privileges(self, options: Options, target: str, config: Config) -> Sequence[str]:
        """Name what of the operator's a delivery would use: none for what anybody may do.

        An identity that the settings or the machine have, files, programs, a network of one's
        own. Subscriptions of tenants get only what the setting TENANT_SINKS allows, by these names:
        ``kind`` or ``kind:which``, such as ``profile:reports``. A sink that does not say is a
        privilege as a whole. Called after the checks of target and options. No I/O.
        """
        return (WHOLE_SINK,)

    def request_of(
        self, request: DeliveryRequest, config: Config, *, at: float
    ) -> SentRequest | None:
        """Return what an attempt sends that begins at a time (seconds since the epoch).

        None, unless a sink says otherwise: it is no single request of HTTP. No I/O. Raises what
        `Sink.deliver` takes for a failure: `InvalidSecret`, or `InvalidTarget`.
        """
        return None

    @abstractmethod
    def open(self, config: Config) -> Sink | BlockingSink:
        """Return an open sink, without I/O. SDKs are imported here, not with the plugin."""


AnySinkType = SinkType[Any, Any]


def ordered_fields(cls: type) -> list[attrs.Attribute[Any]]:
    """Return the fields of an attrs class with their types, as forms show them: see `ORDER`."""
    kind: Any = cls
    found = attrs.fields(attrs.resolve_types(kind))
    return sorted(found, key=lambda one: one.metadata.get(ORDER, 0))
