"""The open sinks of a process, opened at first use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.engine.delivering.attempt import LONGEST_DETAIL, attempt, refusal, request_of
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.sink import Sink

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
        return sum(sink.stuck for sink in self._sinks.values() if isinstance(sink, ThreadedSink))

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
                await sink.close()
            except Exception:
                logger.exception("a sink failed to close", extra={"sink": name})
