"""Call the service of an event: outside of any transaction, on threads of its own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol, cast

from asyncevents_core.domain.event import Event, EventDefinition
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.engine.delivering.leases import Resolved, Resolving
from asyncevents_core.engine.shared.exceptions import reason_of
from asyncevents_core.engine.shared.progress import LoopProgress, stack_of
from asyncevents_core.engine.shared.schema_checks import UNCHECKED, SchemaChecks
from asyncevents_core.errors import (
    ServiceTimeout,
)
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.resolver import Service, ServiceResolver
from asyncevents_core.ports.tracing import NO_TRACING, Tracing

logger = logging.getLogger("asyncevents.service")

_OVERTIME: Final = 1.0
_FINDERS: Final = 2
"""Threads that import services, so that an import that takes long holds up no call."""


class Results(Protocol):
    """Where calls in the background leave their results. Thread-safe, never blocks."""

    def put(self, resolved: Resolved, /) -> None:
        """Take the result of a call."""


class ServiceCaller:
    """Calls services: blocking ones on a bounded pool, async ones on a loop of their own.

    So neither a slow nor a badly behaved service keeps deliveries waiting, and none has all the
    threads: `calls` says how many each may have. A call that found no free thread within
    `patience` seconds is given back unstarted. `schemas` check what services return. Thread-safe.
    """

    def __init__(
        self,
        *,
        resolver: ServiceResolver,
        threads: int,
        timeout: float,
        patience: float,
        clock: Clock,
        calls: Calls,
        schemas: SchemaChecks = UNCHECKED,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._resolver = resolver
        self._tracing = tracing
        self._schemas = schemas
        self.threads = threads
        """How many calls of blocking services there can be at a time."""
        self.progress = LoopProgress("the loop of async services")
        self._timeout = timeout
        self._patience = patience
        self._clock = clock
        self._budget = calls
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="service")
        self._finders = ThreadPoolExecutor(_FINDERS, thread_name_prefix="find-service")
        self._services: dict[str, Service] = {}
        self._lock = threading.Lock()
        self._waiting: set[_Call] = set()
        """Claimed and not begun."""
        self._queues: dict[str, deque[_Call]] = {}
        """Those of them that wait for a thread, by service."""
        self._on_threads: dict[str, int] = {}
        """Threads that are busy, by service."""
        self._calls: set[_Call] = set()
        """Begun and not reported."""
        self._stuck = 0
        self._hanging: Counter[str] = Counter()
        """Threads that hang in calls whose time is over, by service."""
        self._left: dict[str, int] = {}
        """Threads that are left to services of which some calls hang."""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def stuck(self) -> int:
        """How many calls go on though their time is over: a time-out frees no thread."""
        return self._stuck

    @property
    def exhausted(self) -> str | None:
        """A service that hangs in every thread that it may have: it is not called any more."""
        with self._lock:
            return next((one for one, left in self._left.items() if left <= 0), None)

    def call(self, definition: EventDefinition, arguments: bytes) -> bytes:
        """Call a service now and return its result as JSON text; its exceptions pass through."""
        result = _invoke(self._service(definition), arguments)
        if inspect.isawaitable(result):
            result = self._on_loop(result).result()
        return self._data(definition, result)

    def submit(self, resolving: Resolving, results: Results) -> None:
        """Call a service in the background; `results` get its result, on any thread, once."""
        definition = resolving.definition
        if definition is None:
            results.put(Resolved(resolving=resolving))
            return
        call = _Call(resolving, definition, results, submitted=self._clock.monotonic())
        with self._lock:
            self._waiting.add(call)
            known = definition.name in self._services
        if known:
            self._enqueue(call)
        else:
            self._finders.submit(self._find, call)

    def expire(self) -> None:
        """Report calls over their time as failed, give back those that waited for too long.

        To be called about every second.
        """
        now = self._clock.monotonic()
        before = now - self._timeout - _OVERTIME
        with self._lock:
            unstarted = [one for one in self._waiting if one.submitted < now - self._patience]
            self._waiting.difference_update(unstarted)
            overdue = [call for call in self._calls if call.started < before]
            self._calls.difference_update(overdue)
            self._count_stuck(overdue)
        for call in overdue:
            if call.on_thread:
                _tell_of_hanging(call)
        for call in unstarted:
            self._budget.release(call.service, seconds=None)
            call.results.put(Resolved(resolving=call.resolving, unstarted=True))
        for call in overdue:
            error = ServiceTimeout(f"the service took longer than {self._timeout:g} s")
            call.results.put(Resolved(resolving=call.resolving, error=reason_of(error)))

    def close(self) -> None:
        """Stop. Threads in calls still under way count as stuck; nobody reports those calls."""
        with self._lock:
            self._count_stuck(call for call in self._calls if call.on_thread)
            self._calls.clear()
            self._waiting.clear()
            self._queues.clear()
            loop, self._loop = self._loop, None
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._finders.shutdown(wait=False, cancel_futures=True)
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _find(self, call: _Call) -> None:
        """Import the service of a call, then let it begin."""
        try:
            service = self._service(call.definition)
        except BaseException as error:
            with self._lock:
                wanted = call in self._waiting
                self._waiting.discard(call)
            if wanted:
                self._budget.release(call.service, seconds=None)
                call.results.put(_failure(call, error))
            return
        if service.is_async:
            self._budget.is_async(call.service)
        self._enqueue(call)

    def _enqueue(self, call: _Call) -> None:
        if self._services[call.definition.name].is_async:
            if self._begins(call):
                self._run_async(call)
            return
        with self._lock:
            self._queues.setdefault(call.service, deque()).append(call)
        self._start_what_may()

    def _start_what_may(self) -> None:
        """Give free threads to calls that wait, to each service in turn."""
        # Those that have waited for too long do not begin any more.
        self.expire()
        with self._lock:
            while sum(self._on_threads.values()) < self.threads:
                call = self._next()
                if call is None:
                    break
                self._on_threads[call.service] = self._on_threads.get(call.service, 0) + 1
                self._pool.submit(self._work, call)

    def _next(self) -> _Call | None:
        """Take a call off its queue whose service may have another thread."""
        for service, queue in list(self._queues.items()):
            while queue and queue[0] not in self._waiting:
                queue.popleft()
            if not queue:
                del self._queues[service]
                continue
            limit = self._budget.limit(queue[0].definition)
            if self._on_threads.get(service, 0) < limit:
                # To the end: the others come first the next time.
                self._queues[service] = self._queues.pop(service)
                return queue.popleft()
        return None

    def _work(self, call: _Call) -> None:
        under_way = self._begin(call) if self._begins(call) else None
        with self._lock:
            self._on_threads[call.service] -= 1
        self._start_what_may()
        if isinstance(under_way, Future):
            under_way.add_done_callback(lambda future: self._end(call, future))
        elif under_way is not None:
            self._report(call, under_way)

    def _run_async(self, call: _Call) -> None:
        """Call an async service, all of it on the loop."""
        call.on_thread = False
        service = self._services[call.definition.name]
        future = self._on_loop(self._traced(service, call.resolving.event))
        future.add_done_callback(lambda done: self._end(call, done))

    async def _traced(self, service: Service, event: Event) -> object:
        with self._tracing.resolving(event):
            return await _awaited(service, event.published)

    def _end(self, call: _Call, future: Future[object]) -> None:
        """Report the result of an async call."""
        self._report(call, self._outcome(call, future))

    def _begins(self, call: _Call) -> bool:
        """Move a call from those that wait to those under way; False if it was given back."""
        with self._lock:
            if call not in self._waiting:
                return False
            self._waiting.remove(call)
            call.started = self._clock.monotonic()
            call.thread_id = threading.get_ident()
            self._calls.add(call)
            return True

    def _begin(self, call: _Call) -> Resolved | Future[object]:
        """Call a service; one that returns an awaitable is still under way then."""
        try:
            service = self._services[call.definition.name]
            event = call.resolving.event
            with self._tracing.resolving(event):
                result = _invoke(service, event.published)
            if inspect.isawaitable(result):
                call.on_thread = False
                return self._on_loop(result)
            return Resolved(resolving=call.resolving, data=self._data(call.definition, result))
        except BaseException as error:
            # `sys.exit` in a service is a mistake of the service too.
            return _failure(call, error)

    def _report(self, call: _Call, result: Resolved) -> None:
        """Strike a call off and report it, unless it was reported as overdue, or all is over."""
        with self._lock:
            wanted = call in self._calls
            self._calls.discard(call)
            self._stuck -= call.stuck
            if call.stuck and call.on_thread:
                self._hanging[call.service] -= 1
                self._left[call.service] = self._left_to(call)
            took = self._clock.monotonic() - call.started
        # First: who hears of the result finds room for the next call.
        self._budget.release(call.service, seconds=took)
        if wanted:
            call.results.put(result)
        elif call.stuck and call.on_thread:
            logger.warning(
                "a service returned after all",
                extra={"service": call.definition.service, "seconds": round(took, 1)},
            )

    def _outcome(self, call: _Call, future: Future[object]) -> Resolved:
        try:
            data = self._data(call.definition, future.result())
            return Resolved(resolving=call.resolving, data=data)
        except BaseException as error:
            return _failure(call, error)

    def _data(self, definition: EventDefinition, result: object) -> bytes:
        """Return what a service returned as JSON text. Raises `InvalidPayload`."""
        data = to_json(result)
        self._schemas.require(definition.name, result, data)
        return data

    def _count_stuck(self, calls: Iterable[_Call]) -> None:
        for call in calls:
            call.stuck = True
            self._stuck += 1
            if call.on_thread:
                self._hanging[call.service] += 1
                self._left[call.service] = self._left_to(call)

    def _left_to(self, call: _Call) -> int:
        return self._budget.limit(call.definition) - self._hanging[call.service]

    def _service(self, definition: EventDefinition) -> Service:
        with self._lock:
            service = self._services.get(definition.name)
        if service is None:
            service = self._resolver.resolve(definition)
            with self._lock:
                self._services[definition.name] = service
        return service

    def _on_loop(self, result: Awaitable[object]) -> Future[object]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run_loop, args=(self._loop,), name="async-services", daemon=True
                ).start()
                asyncio.run_coroutine_threadsafe(self.progress.keep_stepping(), self._loop)
            loop = self._loop
        return asyncio.run_coroutine_threadsafe(_within(result, self._timeout), loop)


class _Call:
    """One call of a service that is under way."""

    def __init__(
        self,
        resolving: Resolving,
        definition: EventDefinition,
        results: Results,
        *,
        submitted: float,
    ) -> None:
        self.resolving = resolving
        self.definition = definition
        self.service = definition.service or ""
        self.results = results
        self.submitted = submitted
        self.started = 0.0
        self.on_thread = True
        self.thread_id = 0
        self.stuck = False


def _invoke(service: Service, text: bytes) -> object:
    return service.call(cast("Mapping[str, object]", from_json(text)))


async def _awaited(service: Service, text: bytes) -> object:
    return await cast("Awaitable[object]", _invoke(service, text))


def _tell_of_hanging(call: _Call) -> None:
    logger.warning(
        "a service does not return; until it does, its thread is lost to others",
        extra={
            "service": call.definition.service,
            "event": str(call.resolving.event.id),
            "stack": stack_of(call.thread_id),
        },
    )


async def _within(result: Awaitable[object], timeout: float) -> object:
    try:
        async with asyncio.timeout(timeout):
            return await result
    except TimeoutError as error:
        raise ServiceTimeout(f"the service took longer than {timeout:g} s") from error
    except (asyncio.CancelledError, SystemExit, KeyboardInterrupt) as error:
        # Before the end nobody else cancels it; the others would end the loop's thread.
        raise RuntimeError(f"the service ended itself: {error!r}") from error


def _failure(call: _Call, error: BaseException) -> Resolved:
    failed = Resolved.failed(call.resolving, error)
    if failed.final:
        return failed
    told = {
        "event": str(call.resolving.event.id),
        "service": call.definition.service,
        "error": failed.error,
    }
    if logger.isEnabledFor(logging.DEBUG):
        told["stack"] = failed.traceback
    logger.warning("a service failed", extra=told)
    return failed


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel_others())
    finally:
        loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
