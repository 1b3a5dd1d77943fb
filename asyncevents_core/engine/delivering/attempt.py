"""One attempt: call the sink within its deadline, and turn whatever happens into an outcome."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.domain.text import storable
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.ports.sink import DeliveryRequest, Sink

logger = logging.getLogger("asyncevents.deliver")

_OVERTIME: Final = 1.0
"""Seconds that a sink may take beyond its deadline before it is cut off."""
LONGEST_DETAIL: Final = 500
LONGEST_RESPONSE: Final = 1_000_000
"""Characters that are kept, whatever a sink returns."""


def request_of(lease: Lease) -> DeliveryRequest:
    """Return the attempt to make for a lease."""
    subscription, event = lease.subscription, lease.event
    return DeliveryRequest(
        delivery_id=lease.delivery.id,
        event_id=event.id,
        event_name=event.name,
        tenant=event.tenant,
        subscription_id=subscription.id,
        target=subscription.target,
        body=event.body or b"",
        attempt=lease.delivery.deaths + 1,
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
