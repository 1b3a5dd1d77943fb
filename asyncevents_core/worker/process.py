"""One worker process: `Worker.run` until it is told to stop, or has nothing to do."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.shared.progress import stack_of
from asyncevents_core.engine.shared.running import on_own_thread, run_in_time
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.health_endpoint import open_endpoint
from asyncevents_core.ports.observer import WorkerStarted, WorkerStopping
from asyncevents_core.runtime import Runtime
from asyncevents_core.service_manager import ServiceManager
from asyncevents_core.worker.assembly import WorkerAssembly, WorkerOptions, service_processes
from asyncevents_core.worker.exits import (
    EXIT_AT_ONCE,
    EXIT_OK,
    EXIT_STUCK,
    exit_stuck,
    log_in_time,
    time_for_work,
    time_to_end,
)
from asyncevents_core.worker.health import WorkerProbe

logger = logging.getLogger("asyncevents.worker")

AGAIN_AFTER: Final = 1.0
"""Seconds after a signal within which another means the same: a service manager may tell a whole
group, and the supervisor passes the signal on."""

START_PATIENCE: Final = 60.0
"""Seconds for which a worker that starts waits for its ledger."""

MOST_FILES: Final = 65536
"""How many files a worker asks to have open at once: connections to recipients are files."""

_GARBAGE: Final = (10_000, 10, 10)
"""Objects after which Python looks for cycles, and how many looks until those that stayed are
looked at again. Deliveries make many objects and hardly a cycle; with the usual 700, a delivery
took a fifth more CPU (docs/explanation/choices.md)."""

_START_AGAIN: Final = 0.5
_SUPERVISE_EVERY: Final = 0.25


class Worker:
    """A worker process. `run` is called once; `stop` may be called from any thread."""

    def __init__(self, runtime: Runtime, options: WorkerOptions) -> None:
        self._runtime = runtime
        self._options = options
        # Not an Event: its lock could be held by what the signal interrupts.
        self._stop_requested = False
        self._signalled_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: int | None = None
        self._wake: asyncio.Event | None = None
        self._assembly: WorkerAssembly | None = None
        self._probe = WorkerProbe()
        # Until the process is the worker's own: nobody is told.
        self._manager = ServiceManager({})

    def run(self) -> int:
        """Work until stopped, or idle with `drain`; return the exit code.

        Raises the process's limit of open files, as far as the system lets it.

        Waits up to a minute for a ledger that does not answer yet, then raises `LedgerError`.
        """
        allow_many_files()
        preflight(self._runtime, self._options)
        if not self._options.handle_signals:
            return self._work()
        for number in stop_signals():
            signal.signal(number, lambda *_: self._on_signal())
        self._manager = ServiceManager()
        endpoint = open_endpoint(self._runtime, self._probe)
        try:
            # Signals are handled on the main thread. On it, a sink could keep them waiting with a
            # call that nothing interrupts.
            return on_own_thread(self._work, name="event loop")
        finally:
            if endpoint is not None:
                endpoint.stop()

    def stop(self) -> None:
        """Stop claiming, finish what is under way within SHUTDOWN_GRACE, return. Thread-safe.

        Called by a signal, too, in the middle of anything: it waits for no lock.
        """
        self._stop_requested = True
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None and not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    def _on_signal(self) -> None:
        now = time.monotonic()
        if self._signalled_at is None:
            self._signalled_at = now
            self._end_in_time()
            self.stop()
        elif now - self._signalled_at >= AGAIN_AFTER:
            logger.warning("stopping at once; what is under way is made again")
            os._exit(EXIT_AT_ONCE)

    def _end_in_time(self) -> None:
        """End this process when its time is over, whatever is in its way."""
        threading.Thread(target=self._end, name="end", daemon=True).start()

    def _end(self) -> None:
        time.sleep(time_to_end(self._runtime.settings.shutdown_grace))
        assembly, thread = self._assembly, self._loop_thread
        told: dict[str, object] = {
            "waits_for": "its beginning" if assembly is None else assembly.ending,
            "stack": None if thread is None else stack_of(thread),
        }
        log_in_time(logger, logging.ERROR, "the worker does not end; exiting", told)
        exit_stuck()

    def _work(self) -> int:
        return run_in_time(self._main(), _loop_factory())

    async def _main(self) -> int:
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._wake = asyncio.Event()
        observers = self._runtime.observers
        assembly = WorkerAssembly(self._runtime, self._options, self._loop)
        if not patiently(assembly.sign_on, unless=lambda: self._stop_requested):
            return EXIT_OK
        self._assembly = assembly
        assembly.start()
        self._probe.begun(assembly.vitals, assembly.health)
        self._manager.ready()
        if self._options.handle_signals:
            # The process is the worker's own.
            look_for_garbage_rarely()
        logger.info(
            "worker started",
            extra={
                "worker": str(assembly.row.id),
                "pid": assembly.row.pid,
                "consumers": ",".join(assembly.row.roles),
            },
        )
        observers.tell(WorkerStarted(worker=assembly.row))
        watch = self._loop.create_task(assembly.watch())
        try:
            while not self._stop_requested:
                if not assembly.vitals.stalled:
                    self._manager.alive()
                if (exhausted := assembly.exhausted) is not None:
                    logger.error(
                        "too many calls go on although their time is over; draining",
                        extra={"calls_of": exhausted},
                    )
                    break
                if self._options.drain and await assembly.is_idle():
                    logger.info("nothing left to do")
                    break
                await self._pause()
        finally:
            if self._options.handle_signals and self._signalled_at is None:
                self._end_in_time()
            self._probe.ending()
            self._manager.stopping()
            grace = time_for_work(self._runtime.settings.shutdown_grace)
            assembly.claim_no_more(grace)
            under_way = assembly.permits.in_flight
            logger.info("worker stopping", extra={"under_way": under_way})
            observers.tell(WorkerStopping(worker=assembly.row, under_way=under_way))
            hanging = await assembly.stop(grace)
            watch.cancel()
        logger.info("worker stopped", extra={"worker": str(assembly.row.id), **assembly.counts})
        return EXIT_STUCK if hanging else EXIT_OK

    async def _pause(self) -> None:
        assert self._wake is not None  # noqa: S101 - set at the start of _main
        try:
            async with asyncio.timeout(_SUPERVISE_EVERY):
                await self._wake.wait()
        except TimeoutError:
            return


def look_for_garbage_rarely() -> None:
    """Keep what is there now out of all looks for cycles, and look less often.

    It is the modules and what has been assembled, which stay as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


def allow_many_files() -> None:
    """Raise this process's soft limit of open files to the hard one, at most `MOST_FILES`."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        # macOS has a lower limit that it does not tell.
        logger.warning(
            "the limit of open files stays as it is", extra={"limit": soft, "error": str(error)}
        )


def stop_signals() -> list[signal.Signals]:
    """Return what ends a worker gracefully, also while it starts: what this system has of it.

    A hang-up that is ignored stays so: that is how `nohup` works.
    """
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    found = [signal.Signals[name] for name in names if hasattr(signal, name)]
    return [
        one for one in found if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN
    ]


def preflight(runtime: Runtime, options: WorkerOptions) -> None:
    """Find mistakes in the settings that no waiting mends, before anything is started.

    Connects to nothing itself; plugins prepare the process. Raises `AsyncEventsError`.
    """
    runtime.prepare_process()
    len(runtime.catalog)
    runtime.resolver  # noqa: B018 - made here, as the worker makes it
    runtime.retry_manager  # noqa: B018 - the same
    service_processes(runtime, options)
    roles = options.roles
    if Role.TRIGGER in roles:
        runtime.broker.validate()
    if Role.INDEX in roles:
        runtime.check_indexer()


def patiently(step: Callable[[], object], *, unless: Callable[[], bool] = lambda: False) -> bool:
    """Do a first step on the ledger, waiting for a database that is just starting.

    Returns whether it was done: waiting ends, too, when `unless` holds. Raises
    `LedgerUnavailable` after `START_PATIENCE` seconds, other errors at once.
    """
    until = time.monotonic() + START_PATIENCE
    warned = False
    while True:
        try:
            step()
        except LedgerUnavailable as error:
            if unless():
                return False
            if time.monotonic() > until:
                raise
            if not warned:
                logger.warning(
                    "the ledger does not answer; waiting for it", extra={"error": str(error)}
                )
            warned = True
            time.sleep(_START_AGAIN)
        else:
            return True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's where it is installed: an optional, faster event loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
