"""The open sinks of a process, and one attempt with one of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace import Trace
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.sink import DeliveryRequest, Sink

logger = logging.getLogger("asyncevents.sinks")


class SinkRack:
    """Opens each sink once and closes them together. Belongs to one event loop.

    `open_sink` makes a sink from its name; what it raises (an unknown name, a wrong
    configuration) passes through each time, so that a plugin installed later is found.
    """

    def __init__(self, open_sink: Callable[[str], Sink]) -> None:
        self._open_sink = open_sink
        self._sinks: dict[str, Sink] = {}

    @property
    def stuck(self) -> int:
        """How many threads of blocking sinks are stuck in calls whose time is over."""
        return sum(sink.stuck for sink in self.threaded)

    @property
    def threaded(self) -> list[ThreadedSink]:
        """Those with threads of their own. From any thread."""
        return [one for one in list(self._sinks.values()) if isinstance(one, ThreadedSink)]

    def get(self, name: str) -> Sink:
        """Return the open sink of that name."""
        sink = self._sinks.get(name)
        if sink is None:
            sink = self._sinks[name] = self._open_sink(name)
        return sink

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
        except AsyncEventsError as error:
            # Not installed or not configured here: a deployment may be under way.
            return Outcome.retryable(f"sink {name!r} cannot be opened: {error}"[:LONGEST_DETAIL])
        except Exception as error:
            logger.exception("a sink failed to open", extra={"sink": name})
            return Outcome.retryable(f"sink {name!r} failed to open: {error!r}"[:LONGEST_DETAIL])
        return await attempt(sink, request_of(lease), deadline)

    async def close(self) -> None:
        """Close all of them; one that fails is logged and does not stop the others."""
        sinks, self._sinks = self._sinks, {}
        for name, sink in sinks.items():
            try:
                async with asyncio.timeout(_CLOSING):
                    await sink.close()
            except Exception:
                logger.exception("a sink failed to close", extra={"sink": name})


_OVERTIME: Final = 1.0
"""Seconds that a sink may take beyond its deadline before it is cut off."""
_CLOSING: Final = 10.0
"""Seconds that a sink may take to close."""
LONGEST_DETAIL: Final = 500
LONGEST_RESPONSE: Final = 1_000_000
"""Characters that are kept, whatever a sink returns."""


def request_of(lease: Lease) -> DeliveryRequest:
    """Return the attempt to make for a lease."""
    subscription, delivery = lease.subscription, lease.delivery
    return _request(
        delivery.id, lease.event, subscription, subscription.target, delivery.deaths + 1
    )


def request_of_attempt(
    trace: Trace, attempt: Attempt, subscription: Subscription
) -> DeliveryRequest:
    """Return an attempt that was made, to be looked at; secret and options are those of now."""
    return _request(trace.delivery.id, trace.event, subscription, attempt.target, attempt.claim_no)


def _request(
    delivery_id: UUID, event: Event, subscription: Subscription, target: str, attempt: int
) -> DeliveryRequest:
    return DeliveryRequest(
        delivery_id=delivery_id,
        event_id=event.id,
        event_name=event.name,
        tenant=event.tenant,
        subscription_id=subscription.id,
        target=target,
        body=event.body or b"",
        attempt=attempt,
        secrets=() if subscription.secret is None else (subscription.secret,),
        options=subscription.options,
    )


def refusal(lease: Lease) -> Outcome | None:
    """Return the failure of a lease that cannot be attempted; None if it can."""
    why = lease.subscription.unreadable
    return None if why is None else Outcome.retryable(f"credentials: {why}"[:LONGEST_DETAIL])


async def attempt(sink: Sink, request: DeliveryRequest, deadline: float) -> Outcome:
    """Make one attempt. Never raises, except `asyncio.CancelledError`.

    An exception of the sink, or a result that is not an `Outcome`, is a bug of the sink: logged
    with its traceback, and retried. So is a `CancelledError` that nobody asked for.
    """
    try:
        async with asyncio.timeout(deadline + _OVERTIME):
            outcome: object = await sink.deliver(request, deadline)
    except TimeoutError:
        return Outcome.failed(Failure.TIMED_OUT, f"no outcome within {deadline:g} s")
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
