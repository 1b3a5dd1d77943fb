"""A worker in a thread of a process that does something else, too: for demos and tests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from asyncevents_core.engine.shared.running import wait_for
from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.assembly import WorkerOptions
from asyncevents_core.worker.process import Worker

logger = logging.getLogger("asyncevents.worker")


@contextmanager
def worker_beside(runtime: Runtime, options: WorkerOptions) -> Iterator[Worker]:
    """Run a worker while the block runs, and wait for its end. Raises what ended it.

    Where it ends by itself, the log says so at once: the block may be long.
    """
    worker = Worker(runtime, options)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:
            failures.append(error)
            logger.error("the worker beside has ended", extra={"error": str(error)})

    thread = threading.Thread(target=run, name="worker")
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        wait_for(thread)
    if failures:
        raise failures[0]
