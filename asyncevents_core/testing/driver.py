"""Drive a sink as the engine does, whether it is asynchronous or blocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.ports.sink import BlockingSink, DeliveryRequest, Sink, SinkType

Config = TypeVar("Config")
Options = TypeVar("Options")

DEADLINE = 15.0
"""Seconds that the engine gives a sink by default."""


async def deliver(
    sink: Sink | BlockingSink, request: DeliveryRequest, deadline: float = DEADLINE
) -> Outcome:
    """Make one attempt and return its outcome; what the sink raises passes through.

    A blocking sink is called on a thread of its own. `deadline` is in seconds.
    """
    if isinstance(sink, Sink):
        return await sink.deliver(request, deadline)
    pool = ThreadPoolExecutor(1, thread_name_prefix="deliver")
    try:
        return await asyncio.wrap_future(pool.submit(sink.deliver, request, deadline))
    finally:
        # A thread that hangs must not hang its caller too.
        pool.shutdown(wait=False)


@asynccontextmanager
async def opened(
    sink_type: SinkType[Config, Options], config: Config
) -> AsyncIterator[Sink | BlockingSink]:
    """Open a sink for the block, and close it on the same event loop."""
    sink = sink_type.open(config)
    try:
        yield sink
    finally:
        await close(sink)


@asynccontextmanager
async def driven(sink_type: SinkType[Config, Options], config: Config) -> AsyncIterator[Sink]:
    """Open a sink as a worker drives it for the block: a blocking one on threads, in batches."""
    sink = sink_type.open(config)
    if isinstance(sink, BlockingSink):
        sink = ThreadedSink(sink, concurrency=sink_type.concurrency, name=sink_type.name)
    try:
        yield sink
    finally:
        await sink.close()


def reason_of(outcome: Outcome) -> Failure | None:
    """Return why an attempt failed, as `Outcome.failed` was told; None for other outcomes."""
    word, _, _ = outcome.detail.partition(": ")
    return next((failure for failure in Failure if failure == word), None)


async def close(sink: Sink | BlockingSink) -> None:
    """Close a sink of either kind."""
    if isinstance(sink, Sink):
        await sink.close()
    else:
        sink.close()
