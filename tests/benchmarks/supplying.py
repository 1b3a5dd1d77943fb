"""Keeps some events waiting for workers, for as long as they are measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from tests.benchmarks.driving import BATCH, Workers, publish_batch
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.receiving import Recipient
from tests.integration.project import Project

_BACKLOG: Final = 10_000
_EVERY: Final = 0.5
_PATIENCE: Final = 60.0


def supplied(
    project: Project,
    payloads: Payloads,
    server: Recipient,
    workers: Workers,
    path: str,
    *,
    most: int | None = None,
) -> Iterator[int]:
    """Publish so that some 10,000 events wait; yield twice a second how many arrived at the path.

    It ends when `most` have arrived, else never. Raises `TimeoutError` if nothing arrives for a
    minute.
    """
    published = arrived = 0
    last = time.monotonic()
    with project.events() as events:
        while most is None or arrived < most:
            while published - arrived < _BACKLOG and (most is None or published < most):
                count = BATCH if most is None else min(BATCH, most - published)
                publish_batch(events, payloads, published, count)
                published += count
            time.sleep(_EVERY)
            before, arrived = arrived, server.received([path])
            workers.check()
            if arrived > before:
                last = time.monotonic()
            elif time.monotonic() - last > _PATIENCE:
                raise TimeoutError(f"{arrived} of {published} arrived, then no more")
            yield arrived
