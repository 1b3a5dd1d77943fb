"""How far a search index is behind its ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from asyncevents_core.ports.ledger.index import IndexBacklog
from asyncevents_core.runtime import Runtime
from tests.benchmarks.driving import Workers
from tests.integration.project import Project

_PATIENCE: Final = 600.0


@contextmanager
def runtime_of(project: Project) -> Iterator[Runtime]:
    """Open the project's ledger in this process while the block runs."""
    with project.events() as events:
        yield events.runtime


def backlog(runtime: Runtime) -> IndexBacklog:
    """Return what waits for the index."""
    return runtime.ledger.read(lambda view: view.index.backlog())


def until_up_to_date(runtime: Runtime, workers: Workers) -> None:
    """Wait until nothing waits for the index. Raises `TimeoutError` after ten minutes."""
    until = time.monotonic() + _PATIENCE
    while backlog(runtime).waiting:
        workers.check()
        if time.monotonic() > until:
            raise TimeoutError(f"the index is not up to date after {_PATIENCE:g} s")
        time.sleep(0.05)
