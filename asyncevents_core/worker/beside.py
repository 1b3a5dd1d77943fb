"""A worker in a thread of a process that does something else, too: for demos and tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.assembly import WorkerOptions
from asyncevents_core.worker.process import Worker


@contextmanager
def worker_beside(runtime: Runtime, options: WorkerOptions) -> Iterator[Worker]:
    """Run a worker while the block runs, and wait for its end. Raises what ended it."""
    worker = Worker(runtime, options)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="worker")
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join()
    if failures:
        raise failures[0]
