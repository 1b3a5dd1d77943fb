"""One process of the asyncio peer: what a good engineer writes by hand in an afternoon.

aio-pika receives, aiohttp posts, asyncpg writes a row for each attempt in group commits, and a
message is acknowledged after its row is committed. Failures go to a queue whose messages come back
after a delay. Configured by environment variables, see `asyncio_peer`. Ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import aio_pika
import aiohttp
import asyncpg
import uvloop
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from tests.benchmarks.constants import PERMITS
from tests.benchmarks.peers.request import KEPT, MOST_RETRIES, TIMEOUT, signed, signing_key

QUEUE: Final = "benchmark-asyncio"
LATER: Final = f"{QUEUE}-later"
ATTEMPT: Final = "x-attempt"
_PREFETCH: Final = 2 * PERMITS
_GROUP: Final = 0.005
_MOST_ROWS: Final = 500
_COLUMNS: Final = (
    *("delivery_id", "event_id", "number", "outcome", "status", "detail", "response"),
    *("target", "started_at", "duration"),
)
_ROW = tuple[Any, ...]


class Writer:
    """Commits rows together: at once when idle, every 5 ms at most under load."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._rows: list[_ROW] = []
        self._written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._some = asyncio.Event()

    async def write(self, row: _ROW) -> None:
        """Return when the row is committed."""
        self._rows.append(row)
        self._some.set()
        await asyncio.shield(self._written)

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._some.wait()
            begun = time.monotonic()
            rows, self._rows = self._rows[:_MOST_ROWS], self._rows[_MOST_ROWS:]
            written, self._written = self._written, asyncio.get_running_loop().create_future()
            if not self._rows:
                self._some.clear()
            await self._connection.copy_records_to_table("attempt", records=rows, columns=_COLUMNS)
            written.set_result(None)
            await asyncio.sleep(max(0.0, _GROUP - (time.monotonic() - begun)))


class Worker:
    """Makes attempts."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        writer: Writer,
        exchange: aio_pika.abc.AbstractExchange,
    ) -> None:
        self._session = session
        self._writer = writer
        self._exchange = exchange
        self._key = signing_key()
        self._permits = asyncio.Semaphore(PERMITS)

    async def attempt(self, message: AbstractIncomingMessage) -> None:
        """Make one attempt."""
        async with self._permits:
            job = json.loads(message.body)
            number = int(str(message.headers.get(ATTEMPT, 1)))
            started = time.time()
            status, response, detail = await self._post(job, started)
        delivered = status is not None and 200 <= status < 300
        row = (
            uuid.UUID(job["delivery_id"]), uuid.UUID(job["event_id"]), number,
            "delivered" if delivered else "failed", status, detail, response, job["target"],
            datetime.fromtimestamp(started, UTC), time.time() - started,
        )  # fmt: skip
        await self._writer.write(row)
        if not delivered and number <= MOST_RETRIES:
            again = aio_pika.Message(
                message.body,
                headers={ATTEMPT: number + 1},
                expiration=min(60, number**2),
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            await self._exchange.publish(again, LATER)
        await message.ack()

    async def _post(self, job: dict[str, str], started: float) -> tuple[int | None, str, str]:
        body, headers = signed(
            self._key,
            source="/asyncio",
            delivery_id=job["delivery_id"],
            event_id=job["event_id"],
            name=job["name"],
            data=job["data"],
            now=int(started),
        )
        try:
            async with self._session.post(job["target"], data=body, headers=headers) as answer:
                text = await answer.text()
                return answer.status, text[:KEPT], f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, "", repr(error)


async def main() -> None:
    """Work until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    database = await asyncpg.connect(os.environ["BENCHMARK_DATABASE"])
    broker = await aio_pika.connect_robust(os.environ["BENCHMARK_BROKER"])
    channel = await broker.channel(publisher_confirms=True)
    await channel.set_qos(prefetch_count=_PREFETCH)
    queue: AbstractQueue = await channel.declare_queue(QUEUE, durable=True)
    back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": QUEUE}
    await channel.declare_queue(LATER, durable=True, arguments=back)
    writer = Writer(database)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
    ) as session:
        writing = asyncio.create_task(writer.run())
        await queue.consume(Worker(session, writer, channel.default_exchange).attempt)
        ending = asyncio.create_task(ended.wait())
        # A writer that fails ends the process.
        await asyncio.wait({writing, ending}, return_when=asyncio.FIRST_COMPLETED)
        await broker.close()
        if writing.done():
            await writing
        writing.cancel()
    await database.close()


if __name__ == "__main__":
    uvloop.run(main())
