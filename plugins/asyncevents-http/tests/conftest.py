"""Servers that behave, and servers that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import uvloop
from aiohttp import web

from tests.streams import serving

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
ON_BOTH_LOOPS = {
    "test_answers",
    "test_batches",
    "test_certificates",
    "test_connecting",
    "test_deadlines",
    "test_mutual_tls",
    "test_outcomes",
    "test_proxies",
    "test_reuse",
    "test_transport",
    "test_wire",
}
"""Modules whose tests run on each event loop that a worker may have."""


def pytest_asyncio_loop_factories(config, item):
    if item.path.stem in ON_BOTH_LOOPS:
        return LOOPS
    return {"asyncio": LOOPS["asyncio"]}


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve():
    """Start a web server with one handler; returns its URL."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            app = web.Application(client_max_size=10_000_000)
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}/"

        yield start


@pytest.fixture
async def serve_raw():
    """Start a TCP server that does what it is told with each connection; returns its URL."""
    async with AsyncExitStack() as stack:

        async def start(handle) -> str:
            return f"http://127.0.0.1:{await stack.enter_async_context(serving(handle))}/"

        yield start
