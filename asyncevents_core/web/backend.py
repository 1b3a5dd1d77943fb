"""What the routes work with: the application's parts, and threads for what blocks."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.ports.ledger import Ledger, LedgerView
from asyncevents_core.runtime import Runtime
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.jobs import JobRunner

P = ParamSpec("P")
T = TypeVar("T")

_WAITING_PER_THREAD: Final = 32
"""Calls that may wait for each thread; beyond that requests are refused."""


class Backend:
    """Runs the blocking calls of requests on a bounded pool of threads, off the event loop."""

    def __init__(self, runtime: Runtime, *, threads: int) -> None:
        self.runtime = runtime
        self._threads = threads
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: JobRunner | None = None
        self._pending = 0

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self.runtime.ledger

    @property
    def search(self) -> LogSearch:
        """The search over the log; opening it blocks. Raises as `Runtime.open_indexer`."""
        return self.runtime.search

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something that blocks, and wait for it. Raises what it raises.

        Raises a `Problem` (503) where too many calls wait already.
        """
        if self._pending >= self._threads * (1 + _WAITING_PER_THREAD):
            raise Problem(503, "too many requests are under way", headers={"Retry-After": "1"})
        context = contextvars.copy_context()
        call = functools.partial(context.run, work, *args, **kwargs)
        pool, _ = self._threads_running()
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, call)
        finally:
            self._pending -= 1

    async def read(self, query: Callable[[LedgerView], T]) -> T:
        """Read from the ledger."""
        return await self.run(lambda: self.ledger.read(query))

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

    def _threads_running(self) -> tuple[ThreadPoolExecutor, JobRunner]:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="asyncevents-web")
            if self._jobs is None:
                self._jobs = JobRunner(self.ledger, lambda: self.search)
                self._jobs.start()
            return self._pool, self._jobs
