"""One process of the procrastinate peer's workers. Ends with SIGTERM."""

from __future__ import annotations

import os

import aiohttp
import uvloop
from psycopg_pool import AsyncConnectionPool

from tests.benchmarks.peers.procrastinate_app import CONNECTIONS, QUEUE, Tools, app
from tests.benchmarks.peers.request import TIMEOUT


async def main() -> None:
    """Work until SIGTERM."""
    async with (
        app.open_async(),
        AsyncConnectionPool(
            os.environ["BENCHMARK_DATABASE"],
            min_size=4,
            max_size=CONNECTIONS,
            kwargs={"autocommit": True},
            open=False,
        ) as pool,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        ) as session,
    ):
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=int(os.environ["BENCHMARK_CONCURRENCY"]),
            delete_jobs=os.environ["BENCHMARK_DELETE"],
            additional_context={"tools": Tools(session=session, pool=pool)},
        )


if __name__ == "__main__":
    uvloop.run(main())
