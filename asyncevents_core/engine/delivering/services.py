"""Call the service of an event: outside of any transaction, on threads of its own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol, cast

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.engine.delivering.leases import Resolved, Resolving
from asyncevents_core.errors import InvalidPayload, ServiceArguments, ServiceTimeout
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.resolver import Service, ServiceResolver

logger = logging.getLogger("asyncevents.service")

_OVERTIME: Final = 1.0
AHEAD: Final = 8
"""Calls that a thread may have before it, its own included; slow ones are given back."""


class Results(Protocol):
    """Where calls in the background leave their results. Thread-safe, never blocks."""

    def put(self, resolved: Resolved, /) -> None:
        """Take the result of a call."""


class ServiceCaller:
    """Calls services: blocking ones on a bounded pool, async ones on a loop of their own.

    So neither a slow nor a badly behaved service keeps deliveries waiting. A call that found no
    free thread within `patience` seconds is given back unstarted. Thread-safe.
    """

    def __init__(
        self,
        *,
        resolver: ServiceResolver,
        threads: int,
        timeout: float,
        patience: float,
        clock: Clock,
    ) -> None:
        self._resolver = resolver
        self._threads = threads
        self._timeout = timeout
        self._patience = patience
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="service")
        self._services: dict[str, Service] = {}
        self._lock = threading.Lock()
        self._waiting: set[_Call] = set()
        self._calls: set[_Call] = set()
        self._on_threads = 0
        self._stuck = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def stuck(self) -> int:
        """How many calls go on though their time is over: a time-out frees no thread."""
        return self._stuck

    @property
    def room(self) -> int:
        """How many more calls to submit, so that fast services keep all threads busy."""
        return AHEAD * self._threads - self._on_threads

    def call(self, definition: EventDefinition, arguments: bytes) -> bytes:
        """Call a service now and return its result as JSON text; its exceptions pass through."""
        result = self._invoke(definition, arguments)
        if inspect.isawaitable(result):
            return to_json(self._on_loop(result).result())
        return to_json(result)

    def submit(self, resolving: Resolving, results: Results) -> None:
        """Call a service in the background; `results` get its result, on any thread, once."""
        definition = resolving.definition
        if definition is None:
            results.put(Resolved(resolving=resolving))
            return
        call = _Call(resolving, definition, results, submitted=self._clock.monotonic())
        with self._lock:
            self._waiting.add(call)
            self._on_threads += 1
        self._pool.submit(self._work, call)

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
        for call in unstarted:
            call.results.put(Resolved(resolving=call.resolving, unstarted=True))
        for call in overdue:
            error = ServiceTimeout(f"the service took longer than {self._timeout:g} s")
            call.results.put(Resolved(resolving=call.resolving, error=_reason(error)))

    def close(self) -> None:
        """Stop. Threads in calls still under way count as stuck; nobody reports those calls."""
        with self._lock:
            self._count_stuck(call for call in self._calls if call.on_thread)
            self._calls.clear()
            self._waiting.clear()
            loop, self._loop = self._loop, None
        self._pool.shutdown(wait=False, cancel_futures=True)
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _work(self, call: _Call) -> None:
        under_way = self._begin(call) if self._is_wanted(call) else None
        with self._lock:
            self._on_threads -= 1
        if isinstance(under_way, Future):
            under_way.add_done_callback(lambda future: self._end(call, future))
        elif under_way is not None and self._leave(call):
            call.results.put(under_way)

    def _end(self, call: _Call, future: Future[object]) -> None:
        """Report the result of an async call."""
        if self._leave(call):
            call.results.put(_outcome(call, future))

    def _is_wanted(self, call: _Call) -> bool:
        """Move a call from those that wait to those under way; False if it was given back."""
        self.expire()
        with self._lock:
            if call not in self._waiting:
                return False
            self._waiting.remove(call)
            call.started = self._clock.monotonic()
            self._calls.add(call)
            return True

    def _begin(self, call: _Call) -> Resolved | Future[object]:
        """Call a service; an async one is still under way then."""
        try:
            result = self._invoke(call.definition, call.resolving.event.published)
            if inspect.isawaitable(result):
                call.on_thread = False
                return self._on_loop(result)
            return Resolved(resolving=call.resolving, data=to_json(result))
        except BaseException as error:
            # `sys.exit` in a service is a mistake of the service too.
            return _failure(call, error)

    def _leave(self, call: _Call) -> bool:
        """Strike a call off; False if it was reported as overdue, or all is over."""
        with self._lock:
            wanted = call in self._calls
            self._calls.discard(call)
            self._stuck -= call.stuck
            return wanted

    def _count_stuck(self, calls: Iterable[_Call]) -> None:
        for call in calls:
            call.stuck = True
            self._stuck += 1

    def _invoke(self, definition: EventDefinition, text: bytes) -> object:
        arguments = cast("Mapping[str, object]", from_json(text))
        return self._service(definition).call(arguments)

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
        self.results = results
        self.submitted = submitted
        self.started = 0.0
        self.on_thread = True
        self.stuck = False


async def _within(result: Awaitable[object], timeout: float) -> object:
    try:
        async with asyncio.timeout(timeout):
            return await result
    except TimeoutError as error:
        raise ServiceTimeout(f"the service took longer than {timeout:g} s") from error
    except (asyncio.CancelledError, SystemExit, KeyboardInterrupt) as error:
        # Before the end nobody else cancels it; the others would end the loop's thread.
        raise RuntimeError(f"the service ended itself: {error!r}") from error


def _outcome(call: _Call, future: Future[object]) -> Resolved:
    try:
        return Resolved(resolving=call.resolving, data=to_json(future.result()))
    except BaseException as error:
        return _failure(call, error)


def _failure(call: _Call, error: BaseException) -> Resolved:
    if isinstance(error, ServiceArguments | InvalidPayload):
        return Resolved(resolving=call.resolving, error=_reason(error), final=True)
    logger.warning(
        "a service failed",
        exc_info=error,
        extra={"event": str(call.resolving.event.id), "service": call.definition.service},
    )
    return Resolved(resolving=call.resolving, error=_reason(error))


def _reason(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


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
