"""What the routes work with: the application's parts, and threads for what blocks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from attrs import define, field

from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.engine.upkeep.dashboard import Dashboards
from asyncevents_core.ports.ledger import Ledger, LedgerView
from asyncevents_core.runtime import Runtime
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.jobs import JobRunner
from asyncevents_core.web.patience import Patience
from asyncevents_core.web.publishing import WebPublisher

P = ParamSpec("P")
T = TypeVar("T")

_WAITING_PER_THREAD: Final = 32
"""Calls that may wait for each thread; beyond that requests are refused."""
_AGAIN: Final = {"Retry-After": "1"}


@define(eq=False)
class _Share:
    """What one client has under way: half of the threads at most, so that others get some."""

    turns: asyncio.Semaphore
    pending: int = 0


class Backend:
    """Runs the blocking calls of requests on a bounded pool of threads, off the event loop.

    Used on one event loop; `for_request` gives each request what is its own.
    """

    def __init__(self, runtime: Runtime, *, threads: int) -> None:
        self.runtime = runtime
        self.dashboards = Dashboards(
            runtime.ledger, runtime.clock, indexing=runtime.indexer is not None
        )
        self.publisher = WebPublisher(runtime)
        self._threads = threads
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: JobRunner | None = None
        self._pending = 0
        self._shares: dict[str, _Share] = {}

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self.runtime.ledger

    def for_request(self, who: str, patience: Patience) -> RequestBackend:
        """Return the backend of one request; `who` asks, and all of its requests share."""
        return RequestBackend(backend=self, who=who, patience=patience)

    async def call(self, work: Callable[[], T], who: str, patience: Patience) -> T:
        """Call something that blocks, and wait for it, as long as it is waited for.

        Raises what it raises, and a `Problem`: 503 where too many calls wait already or it takes
        too long, 429 where those of `who` do.
        """
        context = contextvars.copy_context()
        share = self._enter(who)
        entered = True
        try:
            async with patience.waiting():
                await share.turns.acquire()
                try:
                    future = self._threads_running()[0].submit(context.run, work)
                except RuntimeError:  # the pool is shut down
                    share.turns.release()
                    raise
                entered = False
                self._leave_after(future, who, share)
                return await asyncio.wrap_future(future)
        finally:
            if entered:
                self._leave(who, share)

    def start(self) -> None:
        """Start the threads; the first request does, where nobody did before."""
        self._threads_running()

    def wake_jobs(self) -> None:
        """Let the thread that runs jobs look for one."""
        self._threads_running()[1].wake()

    def close(self) -> None:
        """Stop the threads. What a job has left to do, another process goes on with."""
        with self._lock:
            pool, self._pool = self._pool, None
            jobs, self._jobs = self._jobs, None
        if jobs is not None:
            jobs.stop()
        if pool is not None:
            pool.shutdown()
        self.publisher.close()

    def _enter(self, who: str) -> _Share:
        room = self._threads * (1 + _WAITING_PER_THREAD)
        if self._pending >= room:
            raise Problem(503, "too many requests are under way", headers=_AGAIN)
        share = self._shares.get(who)
        if share is None:
            share = _Share(asyncio.Semaphore((self._threads + 1) // 2))
            self._shares[who] = share
        if share.pending >= (room + 1) // 2:
            raise Problem(429, "too many requests of yours are under way", headers=_AGAIN)
        share.pending += 1
        self._pending += 1
        return share

    def _leave(self, who: str, share: _Share) -> None:
        share.pending -= 1
        self._pending -= 1
        if share.pending == 0:
            del self._shares[who]

    def _leave_after(self, future: Future[T], who: str, share: _Share) -> None:
        """Give the place back when the thread is free again, not when nobody waits any more."""
        loop = asyncio.get_running_loop()

        def left() -> None:
            share.turns.release()
            self._leave(who, share)

        def done(_: Future[T]) -> None:
            # A loop that is closed has no requests to make room for.
            if not loop.is_closed():
                loop.call_soon_threadsafe(left)

        future.add_done_callback(done)

    def _threads_running(self) -> tuple[ThreadPoolExecutor, JobRunner]:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="asyncevents-web")
            if self._jobs is None:
                self._jobs = JobRunner(self.ledger, lambda: self.runtime.search)
                self._jobs.start()
            return self._pool, self._jobs


@define(kw_only=True)
class RequestBackend:
    """The backend as one request sees it: its share of the threads, and its deadline."""

    patience: Patience
    _backend: Backend = field(alias="backend")
    _who: str = field(alias="who")

    @property
    def runtime(self) -> Runtime:
        """The application's parts."""
        return self._backend.runtime

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self._backend.ledger

    @property
    def dashboards(self) -> Dashboards:
        """What makes dashboards, the same one for all requests."""
        return self._backend.dashboards

    @property
    def publisher(self) -> WebPublisher:
        """What publishes, the same one for all requests."""
        return self._backend.publisher

    @property
    def search(self) -> LogSearch:
        """The search over the log; opening it blocks. Raises as `Runtime.open_indexer`."""
        return self._backend.runtime.search

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something that blocks, and wait for it. Raises as `Backend.call`."""
        return await self._backend.call(lambda: work(*args, **kwargs), self._who, self.patience)

    async def read(self, query: Callable[[LedgerView], T]) -> T:
        """Read from the ledger."""
        return await self.run(lambda: self.ledger.read(query))

    def wake_jobs(self) -> None:
        """Let the thread that runs jobs look for one."""
        self._backend.wake_jobs()

    def anew(self) -> RequestBackend:
        """Return the same with the whole time before it, for the next page of a long answer."""
        return self._backend.for_request(self._who, self.patience.anew())
