"""Sinks that block, made asynchronous: a bounded pool of threads, and batches as they come."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from attrs import define, field

from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.engine.shared.progress import stack_of
from asyncevents_core.ports.sink import (
    BatchingSink,
    BatchLimits,
    BlockingSink,
    DeliveryRequest,
    Sink,
)

logger = logging.getLogger("asyncevents.deliver")

_ONE: BatchLimits = BatchLimits(entries=1)


@define(eq=False)
class _Waiting:
    """A request that waits for a thread, and then for its outcome."""

    request: DeliveryRequest
    until: float
    outcome: asyncio.Future[Outcome]
    size: int = 0
    call: _Call | None = None


@define(eq=False)
class _Call:
    """A call under way; `late` once nobody waits for it any more."""

    members: list[_Waiting] = field(factory=list)
    late: bool = False
    thread_id: int = 0


class ThreadedSink(Sink):
    """Calls a blocking sink on threads of its own, at most `concurrency` of them.

    Requests wait in groups that take turns: those of a batching sink by what may travel
    together, others by subscription. Whatever waits in a group when a thread is free goes out
    in one call, within the sink's limits; nothing waits for more to come.
    """

    def __init__(self, sink: BlockingSink, *, concurrency: int, name: str) -> None:
        self._sink = sink
        self.name = name
        self.threads = concurrency
        """How many calls there can be at a time."""
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix=f"sink-{name}")
        self._free = concurrency
        self._groups: OrderedDict[Hashable, deque[_Waiting]] = OrderedDict()
        self._scheduled = False
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """How many threads are in calls whose time is over: a time-out frees no thread."""
        return self._stuck

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        loop = asyncio.get_running_loop()
        # What the sink raises here is told at once, to whoever asked.
        group, size = self._group(request), self._size(request)
        waiting = _Waiting(request, loop.time() + deadline, loop.create_future(), size)
        self._groups.setdefault(group, deque()).append(waiting)
        if not self._scheduled:
            # Not at once: what was claimed together arrives in this turn of the loop.
            self._scheduled = True
            loop.call_soon(self._start)
        try:
            return await waiting.outcome
        except asyncio.CancelledError:
            self._give_up(waiting)
            raise

    async def close(self) -> None:
        for waiting in (one for group in self._groups.values() for one in group):
            waiting.outcome.cancel()
        self._groups.clear()
        self._pool.shutdown(wait=self._stuck == 0, cancel_futures=True)
        self._sink.close()

    def _group(self, request: DeliveryRequest) -> Hashable:
        if isinstance(self._sink, BatchingSink):
            return self._sink.group(request)
        return request.subscription_id

    def _size(self, request: DeliveryRequest) -> int:
        return self._sink.size(request) if isinstance(self._sink, BatchingSink) else 0

    def _start(self) -> None:
        self._scheduled = False
        loop = asyncio.get_running_loop()
        while self._free and self._groups:
            key, group = self._groups.popitem(last=False)
            members = self._take(group)
            if group:
                self._groups[key] = group
            if members:
                self._call(loop, members)

    def _take(self, group: deque[_Waiting]) -> list[_Waiting]:
        """Take as many as one call may carry, leaving out those that nobody waits for."""
        limits = self._sink.limits if isinstance(self._sink, BatchingSink) else _ONE
        members: list[_Waiting] = []
        size = 0
        while group and len(members) < limits.entries:
            first = group[0]
            if not first.outcome.done():
                size += first.size
                if members and limits.bytes is not None and size > limits.bytes:
                    break
                members.append(first)
            group.popleft()
        return members

    def _call(self, loop: asyncio.AbstractEventLoop, members: list[_Waiting]) -> None:
        call = _Call(members)
        for one in members:
            one.call = call
        deadline = max(0.0, min(one.until for one in members) - loop.time())
        requests = [one.request for one in members]
        self._free -= 1
        future = self._pool.submit(self._deliver, call, requests, deadline)

        def over(future: Future[Sequence[Outcome]]) -> None:
            try:
                loop.call_soon_threadsafe(self._finish, call, future)
            except RuntimeError:
                # It hung beyond the end of the loop; nobody waits for it.
                logger.debug("a call of a sink returned after the loop was closed")

        future.add_done_callback(over)

    def _deliver(
        self, call: _Call, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        call.thread_id = threading.get_ident()
        if not isinstance(self._sink, BatchingSink):
            return [self._sink.deliver(one, deadline) for one in requests]
        outcomes = self._sink.deliver_batch(requests, deadline)
        if len(outcomes) != len(requests):
            raise TypeError(f"{len(outcomes)} outcomes for {len(requests)} requests")
        return outcomes

    def _finish(self, call: _Call, future: Future[Sequence[Outcome]]) -> None:
        self._free += 1
        self._stuck -= call.late
        if call.late:
            logger.warning("a sink returned after all", extra={"sink": self.name})
        error = None if future.cancelled() else future.exception()
        for number, one in enumerate(call.members):
            if one.outcome.done():
                continue
            if future.cancelled():
                one.outcome.cancel()
            elif error is not None:
                one.outcome.set_exception(error)
            else:
                one.outcome.set_result(future.result()[number])
        self._start()

    def _give_up(self, waiting: _Waiting) -> None:
        """Count the thread as stuck once nobody waits for its call any more."""
        call = waiting.call
        if call is not None and not call.late and all(one.outcome.done() for one in call.members):
            call.late = True
            self._stuck += 1
            logger.warning(
                "a sink does not return; until it does, its thread is lost to others",
                extra={"sink": self.name, "stack": stack_of(call.thread_id)},
            )
