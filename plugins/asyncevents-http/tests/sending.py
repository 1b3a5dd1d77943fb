"""Sinks that may reach this machine, and one attempt with one of them."""

from __future__ import annotations

from contextlib import asynccontextmanager

from asyncevents_core.testing import make_request
from asyncevents_http.config import HttpConfig
from asyncevents_http.sink import HttpSink


@asynccontextmanager
async def sink_with(**options):
    sink = HttpSink(HttpConfig(**{"allow": ("127.0.0.0/8",), **options}))
    try:
        yield sink
    finally:
        await sink.close()


async def post(target: str, *, deadline: float = 15.0, secrets=(), **options):
    """Make one attempt with a sink of its own."""
    async with sink_with(**options) as sink:
        return await sink.deliver(make_request(target=target, secrets=secrets), deadline)
