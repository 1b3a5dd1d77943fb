"""One process of the FastStream peer: what an experienced user of it writes in an afternoon.

A subscriber without validation, aiohttp's pooled client, asyncpg's pool. A row is committed for
each attempt, and FastStream acknowledges the message when the handler has returned. Failures go to
a queue whose messages come back after a delay. Configured by environment variables, see
`faststream`. Ends with SIGTERM.
"""

from __future__ import annotations

import hmac
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import asyncpg
import uvloop
from attrs import define
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from tests.benchmarks.constants import PERMITS
from tests.benchmarks.peers.request import KEPT, MOST_RETRIES, TIMEOUT, signed, signing_key

QUEUE: Final = "benchmark-faststream"
LATER: Final = f"{QUEUE}-later"
_INSERT: Final = (
    "INSERT INTO attempt (delivery_id, event_id, number, outcome, status, detail, response, "
    "target, started_at, duration) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
)
_LATER: Final = RabbitQueue(
    LATER,
    durable=True,
    arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": QUEUE},
)


@define
class Worker:
    """Makes attempts."""

    session: aiohttp.ClientSession
    pool: asyncpg.Pool
    broker: RabbitBroker
    key: hmac.HMAC

    async def attempt(self, job: dict[str, Any]) -> None:
        """Make one attempt; the message is acknowledged after it."""
        number, started = int(job.get("number", 1)), time.time()
        status, response, detail = await self._post(job, started)
        delivered = status is not None and 200 <= status < 300
        await self.pool.execute(
            _INSERT, uuid.UUID(job["delivery_id"]), uuid.UUID(job["event_id"]), number,
            "delivered" if delivered else "failed", status, detail, response, job["target"],
            datetime.fromtimestamp(started, UTC), time.time() - started,
        )  # fmt: skip
        if not delivered and number <= MOST_RETRIES:
            await self.broker.publish(
                {**job, "number": number + 1},
                queue=LATER,
                expiration=min(60, number**2),
                persist=True,
            )

    async def _post(self, job: dict[str, str], started: float) -> tuple[int | None, str, str]:
        body, headers = signed(
            self.key,
            source="/faststream",
            delivery_id=job["delivery_id"],
            event_id=job["event_id"],
            name=job["name"],
            data=job["data"],
            now=int(started),
        )
        try:
            async with self.session.post(job["target"], data=body, headers=headers) as answer:
                text = await answer.text()
                return answer.status, text[:KEPT], f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, "", repr(error)


async def main() -> None:
    """Work until SIGTERM."""
    broker = RabbitBroker(
        os.environ["BENCHMARK_BROKER"],
        default_channel=Channel(prefetch_count=PERMITS),
        # As its documentation says for those who need no validation; and no line per message.
        apply_types=False,
        logger=None,
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        connections = int(os.environ["BENCHMARK_CONNECTIONS"])
        async with (
            asyncpg.create_pool(
                os.environ["BENCHMARK_DATABASE"], min_size=connections, max_size=connections
            ) as pool,
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            ) as session,
        ):
            worker = Worker(session=session, pool=pool, broker=broker, key=signing_key())
            queue = RabbitQueue(QUEUE, durable=True)
            # If the row cannot be written, the message comes again.
            broker.subscriber(queue, ack_policy=AckPolicy.NACK_ON_ERROR)(worker.attempt)
            await broker.connect()
            await broker.declare_queue(_LATER)
            yield

    await FastStream(broker, lifespan=lifespan).run()


if __name__ == "__main__":
    uvloop.run(main())
