"""The procrastinate peer's application: what an experienced user of it writes in an afternoon.

PostgreSQL is the queue and the log: an async task per delivery signs, posts with aiohttp's pooled
client and writes a row per attempt through psycopg's pool. Retries are procrastinate's own.
Configured by environment variables, see `procrastinate`.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
from attrs import define
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from psycopg_pool import AsyncConnectionPool

from tests.benchmarks.peers.request import KEPT, MOST_RETRIES, signed, signing_key

QUEUE: Final = "benchmark"
TASK: Final = "deliver"
CONNECTIONS: Final = 16
"""Of each of a process' two pools, at most."""
_INSERT: Final = (
    "INSERT INTO attempt (delivery_id, event_id, number, outcome, status, detail, response, "
    "target, started_at, duration) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_RETRY: Final = RetryStrategy(max_attempts=MOST_RETRIES, exponential_wait=2)
_KEY: Final = signing_key()
app: Final = App(
    connector=PsycopgConnector(
        conninfo=os.environ.get("BENCHMARK_DATABASE", ""), min_size=4, max_size=CONNECTIONS
    )
)


class NotDelivered(Exception):
    """The attempt failed; it is made again later."""


@define
class Tools:
    """What a process opens once."""

    session: aiohttp.ClientSession
    pool: AsyncConnectionPool[Any]


@app.task(name=TASK, queue=QUEUE, pass_context=True, retry=_RETRY)
async def deliver(
    context: JobContext, delivery_id: str, event_id: str, name: str, target: str, data: str
) -> None:
    """Make one attempt."""
    tools: Tools = context.additional_context["tools"]
    number, started = context.job.attempts + 1, time.time()
    body, headers = signed(
        _KEY,
        source="/procrastinate",
        delivery_id=delivery_id,
        event_id=event_id,
        name=name,
        data=data,
        now=int(started),
    )
    status, response = None, ""
    try:
        async with tools.session.post(target, data=body, headers=headers) as answer:
            status, response = answer.status, (await answer.text())[:KEPT]
            detail = f"HTTP {status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        detail = repr(error)
    delivered = status is not None and 200 <= status < 300
    row = (
        delivery_id, event_id, number, "delivered" if delivered else "failed", status, detail,
        response, target, datetime.fromtimestamp(started, UTC), time.time() - started,
    )  # fmt: skip
    async with tools.pool.connection() as connection:
        await connection.execute(_INSERT, row)
    if not delivered:
        raise NotDelivered(detail)
