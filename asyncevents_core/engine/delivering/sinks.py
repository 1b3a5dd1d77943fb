"""The open sinks of a process, and one attempt with one of them."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace import Trace
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.engine.delivering.apart import LoopSink
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.errors import AsyncEventsError, InvalidOptions, InvalidTarget
from asyncevents_core.ports.sink import DeliveryRequest, Sink
from asyncevents_core.ports.tracing import NO_TRACING, Attempted, Tracing

logger = logging.getLogger("asyncevents.sinks")


@frozen(kw_only=True)
class Prepared:
    """What a sink type made of a subscription: see `SinkType.prepare`."""

    options: Any
    value: Any


class SinkOpener(ABC):
    """Makes sinks, by the names that subscriptions call them. Thread-safe.

    Both methods raise `UnknownName` and `SettingsError`.
    """

    @abstractmethod
    def open(self, name: str) -> Sink:
        """Return a sink, newly opened."""

    @abstractmethod
    def prepare(self, subscription: Subscription) -> Prepared:
        """Let its sink type prepare a subscription. Raises `InvalidTarget`, `InvalidOptions`."""


class SinkRack:
    """Opens each sink once and closes them together. Belongs to one event loop.

    What `opener` raises (an unknown name, a wrong configuration) passes through each time, so that
    a plugin installed later is found.
    """

    def __init__(self, opener: SinkOpener, tracing: Tracing = NO_TRACING) -> None:
        self._opener = opener
        self._tracing = tracing
        self._sinks: dict[str, Sink] = {}
        self._prepared: dict[int, tuple[Subscription, Prepared]] = {}
        self._apart: dict[str, LoopSink] = {}
        """Sinks that have blocked the loop, on loops of their own."""
        self._apart_until: dict[str, float] = {}

    @property
    def stuck(self) -> int:
        """How many calls go on in threads of sinks although their time is over."""
        return sum(one.stuck for one in self.threaded) + sum(one.stuck for one in self.loops)

    @property
    def threaded(self) -> list[ThreadedSink]:
        """Those with threads of their own. From any thread."""
        return [one for one in list(self._sinks.values()) if isinstance(one, ThreadedSink)]

    @property
    def loops(self) -> list[LoopSink]:
        """Those with an event loop of their own. From any thread."""
        own = [one for one in list(self._sinks.values()) if isinstance(one, LoopSink)]
        return [*own, *list(self._apart.values())]

    @property
    def exhausted(self) -> str | None:
        """The name of a sink that is of no use here: too many calls of it do not return."""
        threaded = ((one.name, one.stuck, one.threads) for one in self.threaded)
        loops = ((one.name, one.stuck, MOST_LEFT_ALONE) for one in self.loops)
        return next((name for name, stuck, most in (*threaded, *loops) if stuck >= most), None)

    @property
    def apart(self) -> list[str]:
        """The names of those that have a loop of their own because they blocked the loop."""
        now = time.monotonic()
        return [name for name, until in list(self._apart_until.items()) if now < until]

    def set_apart(self, name: str) -> bool:
        """Give a sink a loop of its own until it has behaved for ten minutes; it blocked the loop.

        Returns whether that is new. From any thread.
        """
        new = name not in self.apart
        self._apart_until[name] = time.monotonic() + APART_FOR
        return new

    def get(self, name: str) -> Sink:
        """Return the open sink of that name."""
        if self._apart_until and name in self.apart:
            return self._get_apart(name)
        sink = self._sinks.get(name)
        if sink is None:
            sink = self._sinks[name] = self._opener.open(name)
        return sink

    def _get_apart(self, name: str) -> Sink:
        sink = self._sinks.get(name)
        if isinstance(sink, LoopSink | ThreadedSink):
            # It has threads already; more it cannot have.
            return sink
        apart = self._apart.get(name)
        if apart is None:
            apart = self._apart[name] = LoopSink(self._opener.open(name), name=name)
        return apart

    def open_early(self, names: Iterable[str]) -> None:
        """Open these sinks now: what they import would hold up the first deliveries.

        One that cannot be opened is left to the first attempt, which says so in the ledger.
        """
        for name in sorted(names):
            try:
                self.get(name)
            except Exception as error:
                logger.warning("a sink cannot be opened", extra={"sink": name, "error": str(error)})

    async def attempt(self, lease: Lease, deadline: float) -> Outcome:
        """Make one attempt of a lease. Never raises, except `asyncio.CancelledError`."""
        if (refused := refusal(lease)) is not None:
            return refused
        name = lease.subscription.sink
        try:
            sink = self.get(name)
            prepared = self._prepare(lease.subscription)
        except (InvalidTarget, InvalidOptions) as error:
            return Outcome.failed(Failure.INVALID, str(error)[:LONGEST_DETAIL])
        except AsyncEventsError as error:
            # Not installed or not configured here: a deployment may be under way.
            return Outcome.retryable(f"sink {name!r} cannot be opened: {error}"[:LONGEST_DETAIL])
        except Exception as error:
            logger.exception("a sink failed to open", extra={"sink": name})
            return Outcome.retryable(f"sink {name!r} failed to open: {error!r}"[:LONGEST_DETAIL])
        text = lease.event.trace_context
        context = None if text is None else TraceContext.read(text)
        # What was not sampled at its beginning has no span: most events, so it has to be quick.
        if context is None or not (context.is_sampled and self._tracing.enabled):
            return await attempt(sink, request_of(lease, prepared, context), deadline)
        with self._tracing.attempting(_attempted(lease, context)) as span:
            outcome = await attempt(sink, request_of(lease, prepared, span.context), deadline)
            span.ended(outcome)
            return outcome

    async def attempt_in_time(self, lease: Lease, deadline: float) -> Outcome:
        """As `attempt`; ends in time whatever the sink does. For callers that have no watch."""
        attempt = asyncio.ensure_future(self.attempt(lease, deadline))
        try:
            done, _ = await asyncio.wait([attempt], timeout=deadline + OVERTIME)
        finally:
            attempt.cancel()
        if not done:
            return Outcome.failed(Failure.TIMED_OUT, f"no outcome within {deadline:g} s")
        return attempt.result()

    def _prepare(self, subscription: Subscription) -> Prepared:
        """Return what was made of a subscription, made once until it changes."""
        kept = self._prepared.get(subscription.id)
        # The claimer's index has the same object until the subscription changes.
        if kept is not None and kept[0] is subscription:
            return kept[1]
        prepared = self._opener.prepare(subscription)
        if len(self._prepared) >= _PREPARED_KEPT:
            self._prepared.clear()
        self._prepared[subscription.id] = (subscription, prepared)
        return prepared

    async def close(self) -> int:
        """Close all of them at once; return how many do not close within ten seconds.

        One that fails is logged and does not stop the others.
        """
        sinks = {**self._sinks, **{f"{name} (apart)": one for name, one in self._apart.items()}}
        self._sinks, self._apart = {}, {}
        if not sinks:
            return 0
        closing = {asyncio.ensure_future(one.close()): name for name, one in sinks.items()}
        _, pending = await asyncio.wait(closing, timeout=_CLOSING)
        for task, name in closing.items():
            if task in pending:
                task.cancel()
                logger.error("a sink does not close", extra={"sink": name})
            elif not task.cancelled() and (error := task.exception()) is not None:
                logger.error("a sink failed to close", exc_info=error, extra={"sink": name})
        return len(pending)


MOST_LEFT_ALONE: Final = 100
"""Attempts that ignore their end, from which on a worker drains and leaves."""
APART_FOR: Final = 600.0
"""Seconds for which a sink that blocked the loop has one of its own."""
OVERTIME: Final = 1.0
"""Seconds that a sink may take beyond its deadline before it is cut off."""
_PREPARED_KEPT: Final = 10_000
_CLOSING: Final = 10.0
"""Seconds that a sink may take to close."""
LONGEST_DETAIL: Final = 500
LONGEST_RESPONSE: Final = 1_000_000
"""Characters that are kept, whatever a sink returns."""


def _attempted(lease: Lease, context: TraceContext) -> Attempted:
    return Attempted(
        context=context,
        event=lease.event,
        delivery=lease.delivery,
        subscription=lease.subscription,
        waited=max(0, lease.leased_at - lease.event.occurred_at) / 1e6,
    )


def request_of(
    lease: Lease, prepared: Prepared, context: TraceContext | None = None
) -> DeliveryRequest:
    """Return the attempt to make for a lease; `context` is what the recipient is told."""
    subscription, delivery = lease.subscription, lease.delivery
    number = delivery.deaths + 1
    return _request(delivery.id, lease.event, subscription, prepared, number, context)


def request_of_attempt(
    trace: Trace, attempt: Attempt, subscription: Subscription, prepared: Prepared
) -> DeliveryRequest:
    """Return an attempt that was made, to be looked at; secret and options are those of now.

    `subscription` and `prepared` are as if its target still were that of the attempt.
    """
    return _request(trace.delivery.id, trace.event, subscription, prepared, attempt.claim_no)


def _request(
    delivery_id: UUID,
    event: Event,
    subscription: Subscription,
    prepared: Prepared,
    attempt: int,
    context: TraceContext | None = None,
) -> DeliveryRequest:
    return DeliveryRequest(
        delivery_id=delivery_id,
        event_id=event.id,
        event_name=event.name,
        tenant=event.tenant,
        subscription_id=subscription.id,
        target=subscription.target,
        body=event.body or b"",
        attempt=attempt,
        trace_context=context,
        secrets=_secrets(subscription),
        options=prepared.options,
        prepared=prepared.value,
    )


def _secrets(subscription: Subscription) -> tuple[str, ...]:
    """Return the secrets that sign now; few have any but one, and most attempts ask no clock."""
    if not subscription.older_secrets:
        return () if subscription.secret is None else (subscription.secret,)
    return subscription.secrets(time.time_ns() // 1000)


def refusal(lease: Lease) -> Outcome | None:
    """Return the failure of a lease that cannot be attempted; None if it can."""
    why = lease.subscription.unreadable
    return None if why is None else Outcome.retryable(f"credentials: {why}"[:LONGEST_DETAIL])


async def attempt(sink: Sink, request: DeliveryRequest, deadline: float) -> Outcome:
    """Make one attempt. Never raises, except `asyncio.CancelledError`. Waits for ever.

    An exception of the sink, or a result that is not an `Outcome`, is a bug of the sink: logged
    with its traceback, and retried. So is a `CancelledError` that nobody asked for.
    """
    try:
        outcome: object = await sink.deliver(request, deadline)
    except (Exception, asyncio.CancelledError, SystemExit) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        logger.exception(
            "a sink raised instead of returning an outcome",
            extra={"delivery": str(request.delivery_id), "sink": type(sink).__qualname__},
        )
        return Outcome.retryable(_bug(sink, f"{type(error).__name__}: {error}"))
    if not isinstance(outcome, Outcome):
        logger.error(
            "a sink returned no outcome",
            extra={"delivery": str(request.delivery_id), "sink": type(sink).__qualname__},
        )
        return Outcome.retryable(_bug(sink, f"returned {type(outcome).__name__}"))
    return outcome


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _bug(sink: Sink, what: str) -> str:
    return storable(f"bug in sink {type(sink).__qualname__}: {what}", LONGEST_DETAIL)
