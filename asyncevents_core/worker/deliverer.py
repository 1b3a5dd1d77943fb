"""The loop's side of a worker: makes attempts, as many at once as there are permits."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, Final

from attrs import evolve

from asyncevents_core.domain.outcome import Failure, Outcome, OutcomeKind
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.outcomes import Finished, Returned
from asyncevents_core.engine.delivering.permits import SLOW_AFTER, Permits
from asyncevents_core.engine.delivering.policy import GIVE_BACK_MARGIN, Policy
from asyncevents_core.engine.delivering.sinks import LONGEST_DETAIL, OVERTIME, SinkRack
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.observer import AttemptEnded, AttemptStarted, Observers
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.inboxes import Bell

logger = logging.getLogger("asyncevents.worker.deliverer")

_WATCH_EVERY: Final = 0.1
_LAST_WORDS: Final = 2.0
"""Seconds for attempts that were cut off at the end to tell so."""
_BLOCKED: Final = "it blocked the worker's event loop"


class _Running:
    """One attempt under way."""

    __slots__ = ("begun", "blocked", "cut", "ended", "lease", "slow", "taken")

    def __init__(self, lease: Lease, taken: float) -> None:
        self.lease = lease
        self.taken = taken
        self.begun: float | None = None
        self.slow = False
        self.cut = False
        """Its time is over, and it was cancelled."""
        self.ended = False
        """What became of it is told; whatever goes on is of no use."""
        self.blocked = False
        """It kept the loop from everybody else."""


class Deliverer:
    """Runs leases as tasks. Everything happens on the loop, except `submit`.

    An attempt whose time is over is cancelled; one that goes on nevertheless is left alone. It has
    ended for everybody else, and is counted.
    """

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
        self._left_alone: set[asyncio.Task[None]] = set()

    @property
    def left_alone(self) -> int:
        """How many attempts go on although their time is over. From any thread."""
        return len(self._left_alone)

    def submit(self, leases: Sequence[Lease], taken: float) -> None:
        """Start leases that were claimed at `taken` (monotonic seconds). Thread-safe."""
        self._loop.call_soon_threadsafe(self._start, leases, taken)

    async def watch(self) -> None:
        """Move attempts that take long to the slow budget, end those whose time is over.

        Runs until cancelled. No attempt needs a timer of its own.
        """
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            now = self._clock.monotonic()
            self._slow_down(now - SLOW_AFTER)
            self._cut_off(now - self._policy.sink_deadline - OVERTIME)

    def _slow_down(self, begun_before: float) -> None:
        late = [
            one
            for one in self._running.values()
            if not one.slow and one.begun is not None and one.begun < begun_before
        ]
        if not late:
            return
        moved = self._permits.slow_down([one.lease.subscription.id for one in late])
        for one in late[:moved]:
            one.slow = True
        if moved:
            self._bell.ring()

    def _cut_off(self, begun_before: float) -> None:
        """Cancel attempts whose time is over; leave those alone that were cancelled before."""
        for task, one in list(self._running.items()):
            if one.begun is None or one.begun >= begun_before:
                continue
            if one.cut:
                self._finish(one, _timed_out(self._policy.sink_deadline, ignored=True))
                self._leave_alone(task, one)
            else:
                one.cut = True
                task.cancel()

    def blame(self, task: asyncio.Task[Any] | None) -> str | None:
        """Return the name of the sink whose attempt a task is, which keeps the loop from others.

        Its detail will say so. None where it is no attempt. From any thread.
        """
        running = None if task is None else self._running.get(task)
        if running is None:
            return None
        running.blocked = True
        return running.lease.subscription.sink

    async def drain(self, grace: float) -> None:
        """Wait up to `grace` seconds for attempts under way, then cut them off.

        Those that go on in spite of it are left alone.
        """
        if self._running:
            await asyncio.wait(list(self._running), timeout=grace)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running), timeout=_LAST_WORDS)
        for task, one in list(self._running.items()):
            self._give_back(one)
            self._leave_alone(task, one)

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
            if running.ended:
                raise
            if not running.cut:
                self._give_back(running)
                raise
            outcome = _timed_out(self._policy.sink_deadline)
        if running.ended:
            logger.warning(
                "a sink returned after all",
                extra={"sink": lease.subscription.sink, "delivery": str(lease.delivery.id)},
            )
        else:
            self._finish(running, outcome)

    def _finish(self, running: _Running, outcome: Outcome) -> None:
        """Tell what became of an attempt."""
        assert running.begun is not None  # noqa: S101 - it has begun
        if running.blocked:
            outcome = evolve(outcome, detail=_with_blame(outcome.detail))
        finished = Finished(
            lease=running.lease,
            outcome=outcome,
            started=running.begun - running.taken,
            duration=self._clock.monotonic() - running.begun,
        )
        self._end(running, finished, outcome)
        if self._observers.any:
            self._observers.tell(_ended(finished))

    def _give_back(self, running: _Running) -> None:
        """Give a lease back whose attempt was cut off, or has not begun."""
        if running.begun is None:
            self._end(running, Returned(lease=running.lease, attempted=False), None)
            return
        returned = Returned(
            lease=running.lease,
            attempted=True,
            started=running.begun - running.taken,
            duration=self._clock.monotonic() - running.begun,
        )
        self._end(running, returned, None)

    def _leave_alone(self, task: asyncio.Task[None], running: _Running) -> None:
        """Let an attempt go on that ignores its end."""
        del self._running[task]
        self._left_alone.add(task)
        stack = "".join(traceback.format_list(traceback.StackSummary.extract(_frames(task))))
        logger.error(
            "a sink goes on with an attempt that was cancelled: its coroutine swallows "
            "asyncio.CancelledError, or waits while it is cancelled",
            extra={"sink": running.lease.subscription.sink, "stack": stack},
        )

    def _end(self, running: _Running, result: Finished | Returned, outcome: Outcome | None) -> None:
        running.ended = True
        self._bookkeeper.put(result)
        self._permits.release(
            running.lease.subscription.id,
            slow=running.slow,
            delivered=outcome is not None and outcome.kind is OutcomeKind.DELIVERED,
            failed=outcome is not None and outcome.kind is OutcomeKind.RETRYABLE,
            timed_out=outcome is not None and outcome.timed_out,
        )
        self._bell.ring()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._left_alone.discard(task)
        running = self._running.pop(task, None)
        if task.cancelled():
            if running is not None and running.begun is None:
                # Cancelled before its first step: nothing was sent.
                self._give_back(running)
            return
        error = task.exception()
        if error is not None and running is not None:
            logger.error(
                "an attempt ended without an outcome; its lease will run out",
                exc_info=error,
                extra={"delivery": str(running.lease.delivery.id)},
            )


def _timed_out(deadline: float, *, ignored: bool = False) -> Outcome:
    more = "; the sink goes on with it, although it was cancelled" if ignored else ""
    return Outcome.failed(Failure.TIMED_OUT, f"no outcome within {deadline:g} s{more}")


def _with_blame(detail: str) -> str:
    """Return a detail that says, too, that the attempt blocked the loop."""
    return f"{detail[: LONGEST_DETAIL - len(_BLOCKED) - 2]}; {_BLOCKED}" if detail else _BLOCKED


def _frames(task: asyncio.Task[None]) -> Iterator[tuple[FrameType, int]]:
    """Return where a task waits, frame by frame, the outermost first."""
    waits: Any = task.get_coro()
    while waits is not None:
        frame = getattr(waits, "cr_frame", None)
        if frame is None:
            return
        yield frame, frame.f_lineno
        waits = waits.cr_await


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
        since_published=_since_published(finished),
    )


def _since_published(finished: Finished) -> float | None:
    """Return the seconds from an event's `occurred_at` to the end of an attempt; None: a replay."""
    lease = finished.lease
    if lease.delivery.replay_of is not None:
        return None
    waited = max(0, lease.leased_at - lease.event.occurred_at) / 1e6
    return waited + finished.started + finished.duration
