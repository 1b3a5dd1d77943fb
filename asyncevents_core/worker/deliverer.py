"""The loop's side of a worker: makes attempts, as many at once as there are permits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.outcomes import Finished, Returned
from asyncevents_core.engine.delivering.permits import SLOW_AFTER, Permits
from asyncevents_core.engine.delivering.policy import GIVE_BACK_MARGIN, Policy
from asyncevents_core.engine.delivering.sinks import SinkRack
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.observer import AttemptEnded, AttemptStarted, Observers
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.inboxes import Bell

logger = logging.getLogger("asyncevents.worker.deliverer")

_WATCH_EVERY: Final = 0.1


class _Running:
    """One attempt under way."""

    __slots__ = ("begun", "lease", "slow", "taken")

    def __init__(self, lease: Lease, taken: float) -> None:
        self.lease = lease
        self.taken = taken
        self.begun: float | None = None
        self.slow = False


class Deliverer:
    """Runs leases as tasks. Everything happens on the loop, except `submit`."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        sinks: SinkRack,
        permits: Permits,
        policy: Policy,
        clock: Clock,
        bookkeeper: Bookkeeper,
        bell: Bell,
        observers: Observers,
    ) -> None:
        self._loop = loop
        self._sinks = sinks
        self._permits = permits
        self._policy = policy
        self._clock = clock
        self._bookkeeper = bookkeeper
        self._bell = bell
        self._observers = observers
        self._running: dict[asyncio.Task[None], _Running] = {}

    def submit(self, leases: Sequence[Lease], taken: float) -> None:
        """Start leases that were claimed at `taken` (monotonic seconds). Thread-safe."""
        self._loop.call_soon_threadsafe(self._start, leases, taken)

    async def watch(self) -> None:
        """Move attempts that take long to the slow budget; runs until cancelled."""
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            before = self._clock.monotonic() - SLOW_AFTER
            late = [
                one
                for one in self._running.values()
                if not one.slow and one.begun is not None and one.begun < before
            ]
            if not late:
                continue
            moved = self._permits.slow_down([one.lease.subscription.id for one in late])
            for one in late[:moved]:
                one.slow = True
            if moved:
                self._bell.ring()

    def sink_of(self, task: asyncio.Task[Any] | None) -> str | None:
        """Return the name of the sink that a task makes an attempt with. From any thread."""
        running = None if task is None else self._running.get(task)
        return None if running is None else running.lease.subscription.sink

    async def drain(self, grace: float) -> None:
        """Wait up to `grace` seconds for attempts under way, then cut them off."""
        if self._running:
            await asyncio.wait(list(self._running), timeout=grace)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running), timeout=2.0)

    def _start(self, leases: Sequence[Lease], taken: float) -> None:
        for lease in leases:
            running = _Running(lease, taken)
            task = self._loop.create_task(self._run(running))
            self._running[task] = running
            task.add_done_callback(self._over)

    async def _run(self, running: _Running) -> None:
        lease = running.lease
        begun = running.begun = self._clock.monotonic()
        left = self._policy.delivery_lease - (begun - running.taken)
        if left < self._policy.sink_deadline + GIVE_BACK_MARGIN:
            self._end(running, Returned(lease=lease, attempted=False), None)
            return
        if self._observers.any:
            self._observers.tell(_started(lease))
        try:
            outcome = await self._sinks.attempt(lease, self._policy.sink_deadline)
        except asyncio.CancelledError:
            returned = Returned(
                lease=lease,
                attempted=True,
                started=begun - running.taken,
                duration=self._clock.monotonic() - begun,
            )
            self._end(running, returned, None)
            raise
        finished = Finished(
            lease=lease,
            outcome=outcome,
            started=begun - running.taken,
            duration=self._clock.monotonic() - begun,
        )
        self._end(running, finished, outcome)
        if self._observers.any:
            self._observers.tell(_ended(finished))

    def _end(self, running: _Running, result: Finished | Returned, outcome: Outcome | None) -> None:
        self._bookkeeper.put(result)
        self._permits.release(
            running.lease.subscription.id,
            slow=running.slow,
            delivered=outcome is not None and outcome.kind is OutcomeKind.DELIVERED,
            timed_out=outcome is not None and outcome.timed_out,
        )
        self._bell.ring()

    def _over(self, task: asyncio.Task[None]) -> None:
        running = self._running.pop(task)
        if task.cancelled():
            if running.begun is None:
                # Cancelled before its first step: nothing was sent.
                self._end(running, Returned(lease=running.lease, attempted=False), None)
            return
        error = task.exception()
        if error is not None:
            logger.error(
                "an attempt ended without an outcome; its lease will run out",
                exc_info=error,
                extra={"delivery": str(running.lease.delivery.id)},
            )


def _started(lease: Lease) -> AttemptStarted:
    return AttemptStarted(
        delivery_id=lease.delivery.id,
        event_name=lease.event.name,
        subscription_id=lease.subscription.id,
        sink=lease.subscription.sink,
        number=lease.delivery.deaths + 1,
    )


def _ended(finished: Finished) -> AttemptEnded:
    lease = finished.lease
    return AttemptEnded(
        delivery_id=lease.delivery.id,
        event_name=lease.event.name,
        subscription_id=lease.subscription.id,
        sink=lease.subscription.sink,
        outcome=finished.outcome,
        seconds=finished.duration,
    )
